"""PyTorch's ``DataLoader`` with worker processes, OpenCV for decoding, Albumentations for the rest.

As both document it for speed: a process per core, workers kept between epochs, OpenCV's own threads
off, geometry in one ``Affine``. OpenCV's bilinear is not antialiased.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask a server for its newest version

import albumentations as alb
import cv2
import numpy as np
import torch

from . import Task


class Photographs(torch.utils.data.Dataset[tuple[np.ndarray, int]]):
    """The pictures of a folder, decoded and transformed when asked for."""

    def __init__(self, folder: Path, transform: alb.Compose) -> None:
        self.paths = sorted(map(str, folder.glob("images/*/*.jpg")))
        self.transform = transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        path = self.paths[index]
        image = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
        return self.transform(image=image)["image"], int("class1" in path)


class Arrays(torch.utils.data.Dataset[tuple[np.ndarray, int]]):
    """uint8 arrays, transformed when asked for."""

    def __init__(self, folder: Path, transform: alb.Compose) -> None:
        self.images, self.labels = np.load(folder / "images.npy"), np.load(folder / "labels.npy")
        self.transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.transform(image=self.images[index])["image"], int(self.labels[index])


def _start_worker(_: int) -> None:
    """OpenCV's threads off; and draws of its own: a forked worker starts with its parent's generator."""
    cv2.setNumThreads(0)
    worker = torch.utils.data.get_worker_info()
    worker.dataset.transform.set_random_seed(worker.seed % 2**32)


def _endless(task: Task, kind: type[Photographs] | type[Arrays], steps: Sequence[Any]) -> Iterator[Any]:
    loader = torch.utils.data.DataLoader(
        kind(task.folder, alb.Compose(list(steps))),
        batch_size=task.job.batch_size,
        shuffle=True,
        num_workers=task.threads,
        persistent_workers=True,
        worker_init_fn=_start_worker,
    )
    while True:
        for images, _ in loader:
            yield images


def _affine_step(task: Task) -> alb.Affine:
    return alb.Affine(
        rotate=task.job.degrees,
        translate_percent={"x": task.job.shift, "y": task.job.shift},
        interpolation=cv2.INTER_LINEAR,
        border_mode=cv2.BORDER_REPLICATE,
        p=1.0,
    )


def _affine(task: Task) -> Iterator[Any]:
    resize = alb.Resize(*task.job.size, interpolation=cv2.INTER_LINEAR)
    steps = [
        resize,
        _affine_step(task),
        alb.HorizontalFlip(p=0.5),
        alb.ToFloat(max_value=255),
    ]
    return _endless(task, Photographs, steps)


def _resized_crop(task: Task) -> Iterator[Any]:
    crop = alb.RandomResizedCrop(task.job.size, scale=task.job.area, ratio=task.job.ratio)
    return _endless(task, Photographs, [crop, alb.HorizontalFlip(p=0.5), alb.ToFloat(max_value=255)])


def _validation(task: Task) -> Iterator[Any]:
    """Shrunk by area: OpenCV's way of antialiasing."""
    shrink = alb.SmallestMaxSize(task.job.short_side, interpolation=cv2.INTER_AREA)
    return _endless(task, Photographs, [shrink, alb.CenterCrop(*task.job.size), alb.ToFloat(max_value=255)])


def _color(task: Task) -> Iterator[Any]:
    job = task.job
    turn = tuple(degrees / 360 for degrees in job.hue)
    steps = [
        alb.Resize(*job.size, interpolation=cv2.INTER_LINEAR),
        alb.ColorJitter(brightness=job.factor, contrast=job.factor, saturation=job.factor, hue=turn, p=1.0),
        alb.GaussianBlur(blur_limit=0, sigma_limit=job.sigma, p=1.0),
        alb.GaussNoise(std_range=tuple(level / 255 for level in job.noise), p=1.0),
        alb.ToFloat(max_value=255),
    ]
    return _endless(task, Photographs, steps)


def _crop(task: Task) -> Iterator[Any]:
    return _endless(task, Photographs, [alb.RandomCrop(*task.job.size), alb.ToFloat(max_value=255)])


def _arrays(task: Task) -> Iterator[Any]:
    statistics = np.load(task.folder / "statistics.npz")
    mean, std = statistics["mean"].tolist(), statistics["std"].tolist()
    normalize = alb.Normalize(mean=mean, std=std, max_pixel_value=1.0)
    return _endless(task, Arrays, [_affine_step(task), alb.HorizontalFlip(p=0.5), normalize])


WORK = {
    "affine": _affine,
    "resized_crop": _resized_crop,
    "validation": _validation,
    "crop": _crop,
    "arrays": _arrays,
    "color": _color,
}


def to_numpy(batch: torch.Tensor) -> np.ndarray:
    return batch.numpy()


def versions() -> dict[str, str]:
    return {
        "torch": torch.__version__,
        "albumentations": alb.__version__,
        "opencv": cv2.__version__,
    }
