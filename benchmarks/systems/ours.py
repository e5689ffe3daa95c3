"""imagefeed: a source, a pipeline, a loader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import imagefeed as feed

from . import Pair, Task


def _cache(task: Task) -> feed.Cache | None:
    kind = task.options.get("cache")
    if kind is None:
        return None
    return feed.Cache("ram") if kind == "ram" else feed.Cache(task.scratch / "cache", store=kind)


def _loader(task: Task, source: Any, steps: list[Any]) -> feed.Loader:
    return feed.Loader(
        source,
        feed.Pipeline(steps),
        batch_size=task.job.batch_size,
        seed=0,
        shuffle=True,
        repeat=True,
        threads=task.threads,
        dtype="float32",
        cache=_cache(task),
    )


class Endless(Iterator[np.ndarray]):
    """The pictures of a loader, epoch after epoch."""

    def __init__(self, loader: feed.Loader) -> None:
        self.loader = loader
        self.batches = iter(loader)

    def __next__(self) -> np.ndarray:
        return next(self.batches)[0]


def _endless(task: Task, source: Any, steps: list[Any]) -> Endless:
    return Endless(_loader(task, source, steps))


def _moves(task: Task) -> list[Any]:
    job = task.job
    return [
        feed.Rotate(degrees=job.degrees, border="replicate", antialias=task.antialias),
        feed.Translate(x=job.shift, y=job.shift, border="replicate", antialias=task.antialias),
        feed.HorizontalFlip(),
    ]


def affine(task: Task) -> Iterator[np.ndarray]:
    resize = feed.Resize(task.job.size, antialias=task.antialias)
    return _endless(task, feed.folder(task.folder / "images"), [resize, *_moves(task), feed.Rescale(1 / 255)])


def resized_crop(task: Task) -> Iterator[np.ndarray]:
    job = task.job
    crop = feed.RandomResizedCrop(job.size, scale=job.area, ratio=job.ratio, antialias=task.antialias)
    steps = [crop, feed.HorizontalFlip(), feed.Rescale(1 / 255)]
    return _endless(task, feed.folder(task.folder / "images"), steps)


cached_crop = resized_crop


def validation(task: Task) -> Iterator[np.ndarray]:
    steps = [feed.ResizeShortestSide(task.job.short_side), feed.CenterCrop(task.job.size), feed.Rescale(1 / 255)]
    return _endless(task, feed.folder(task.folder / "images"), steps)


def color(task: Task) -> Iterator[np.ndarray]:
    job = task.job
    steps = [
        feed.Resize(job.size, antialias=task.antialias),
        feed.ColorJitter(brightness=job.factor, contrast=job.factor, saturation=job.factor, hue=job.hue),
        feed.GaussianBlur(sigma=job.sigma),
        feed.GaussianNoise(std=job.noise),
        feed.Rescale(1 / 255),
    ]
    return _endless(task, feed.folder(task.folder / "images"), steps)


def policy(task: Task) -> Iterator[np.ndarray]:
    resize = feed.Resize(task.job.size, antialias=task.antialias)
    steps = [resize, feed.RandAugment(count=2, magnitude=9), feed.Rescale(1 / 255)]
    return _endless(task, feed.folder(task.folder / "images"), steps)


def crop(task: Task) -> Iterator[np.ndarray]:
    steps = [feed.RandomCrop(task.job.size), feed.Rescale(1 / 255)]
    return _endless(task, feed.folder(task.folder / "images"), steps)


def arrays(task: Task) -> Iterator[np.ndarray]:
    source = feed.arrays(np.load(task.folder / "images.npy"), np.load(task.folder / "labels.npy"))
    statistics = np.load(task.folder / "statistics.npz")
    mean, std = (tuple(statistics[name].tolist()) for name in ("mean", "std"))
    return _endless(task, source, [*_moves(task), feed.Normalize(mean=mean, std=std)])


def pairs(task: Task) -> Iterator[Pair]:
    source = feed.folder(task.folder / "images", labels=None, mask="../masks/{name}.png")
    loader = _loader(task, source, [feed.RandomCrop(task.job.size), feed.Rescale(1 / 255)])
    for images, masks in loader:
        yield Pair(images=images, masks=masks)


def multi_label(task: Task) -> Iterator[np.ndarray]:
    source = feed.coco(task.folder / "annotations.json", task.folder / "images", targets="multi_label")
    steps = [feed.Resize(task.job.stored), feed.RandomCrop(task.job.size), feed.HorizontalFlip(), feed.Rescale(1 / 255)]
    return _endless(task, source, steps)


def moments(task: Task, images: np.ndarray) -> np.ndarray:
    found = feed.Statistics.fit(images, progress=False)
    return np.stack([found.mean, found.std])


def whitening(task: Task, images: np.ndarray) -> np.ndarray:
    """The matrix, by the class that stands for Keras's."""
    generator = feed.ImageDataGenerator(featurewise_center=True, zca_whitening=True)
    generator.fit(images)
    return np.asarray(generator.zca_whitening_matrix)


def to_numpy(batch: np.ndarray) -> np.ndarray:
    return batch


def listing(folder: Path) -> int:
    return len(feed.folder(folder))


def versions() -> dict[str, str]:
    return {"imagefeed": feed.__version__, "numpy": np.__version__}
