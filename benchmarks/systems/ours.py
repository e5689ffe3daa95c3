"""imagefeed: a source, a pipeline, a loader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import imagefeed as feed

from . import Task


def _endless(task: Task, source: Any, steps: list[Any]) -> Iterator[np.ndarray]:
    loader = feed.Loader(
        source,
        feed.Pipeline(steps),
        batch_size=task.job.batch_size,
        seed=0,
        shuffle=True,
        threads=task.threads,
        dtype="float32",
    )
    while True:
        for images, _ in loader:
            yield images


def _moves(task: Task) -> list[Any]:
    job = task.job
    return [
        feed.Rotate(degrees=job.degrees, border="replicate", antialias=task.antialias),
        feed.Translate(x=job.shift, y=job.shift, border="replicate", antialias=task.antialias),
        feed.HorizontalFlip(),
    ]


def _affine(task: Task) -> Iterator[np.ndarray]:
    resize = feed.Resize(task.job.size, antialias=task.antialias)
    return _endless(task, feed.folder(task.folder / "images"), [resize, *_moves(task), feed.Rescale(1 / 255)])


def _resized_crop(task: Task) -> Iterator[np.ndarray]:
    job = task.job
    crop = feed.RandomResizedCrop(job.size, scale=job.area, ratio=job.ratio, antialias=task.antialias)
    steps = [crop, feed.HorizontalFlip(), feed.Rescale(1 / 255)]
    return _endless(task, feed.folder(task.folder / "images"), steps)


def _validation(task: Task) -> Iterator[np.ndarray]:
    steps = [feed.ResizeShortestSide(task.job.short_side), feed.CenterCrop(task.job.size), feed.Rescale(1 / 255)]
    return _endless(task, feed.folder(task.folder / "images"), steps)


def _color(task: Task) -> Iterator[np.ndarray]:
    job = task.job
    steps = [
        feed.Resize(job.size, antialias=task.antialias),
        feed.ColorJitter(brightness=job.factor, contrast=job.factor, saturation=job.factor, hue=job.hue),
        feed.GaussianBlur(sigma=job.sigma),
        feed.GaussianNoise(std=job.noise),
        feed.Rescale(1 / 255),
    ]
    return _endless(task, feed.folder(task.folder / "images"), steps)


def _policy(task: Task) -> Iterator[np.ndarray]:
    resize = feed.Resize(task.job.size, antialias=task.antialias)
    steps = [resize, feed.RandAugment(count=2, magnitude=9), feed.Rescale(1 / 255)]
    return _endless(task, feed.folder(task.folder / "images"), steps)


def _crop(task: Task) -> Iterator[np.ndarray]:
    steps = [feed.RandomCrop(task.job.size), feed.Rescale(1 / 255)]
    return _endless(task, feed.folder(task.folder / "images"), steps)


def _arrays(task: Task) -> Iterator[np.ndarray]:
    source = feed.arrays(np.load(task.folder / "images.npy"), np.load(task.folder / "labels.npy"))
    statistics = np.load(task.folder / "statistics.npz")
    mean, std = (tuple(statistics[name].tolist()) for name in ("mean", "std"))
    return _endless(task, source, [*_moves(task), feed.Normalize(mean=mean, std=std)])


WORK = {
    "affine": _affine,
    "resized_crop": _resized_crop,
    "validation": _validation,
    "crop": _crop,
    "arrays": _arrays,
    "color": _color,
    "policy": _policy,
}


def to_numpy(batch: np.ndarray) -> np.ndarray:
    return batch


def listing(folder: Path) -> int:
    return len(feed.folder(folder))


def versions() -> dict[str, str]:
    return {"imagefeed": feed.__version__, "numpy": np.__version__}
