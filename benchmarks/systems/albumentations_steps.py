"""What Albumentations is asked to do, by work: a list of its transforms. Three loaders are measured with them.

OpenCV decodes, and its bilinear is not antialiased. Geometry stands in one ``Affine``, as is fastest.
"""

from __future__ import annotations

import os
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask a server for its newest version

import albumentations as alb
import cv2
import numpy as np

from . import Task

UNIT = alb.ToFloat(max_value=255)


def composed(task: Task) -> alb.Compose:
    """The transforms of the job's work as one callable, with OpenCV's own threads off."""
    cv2.setNumThreads(0)
    return alb.Compose(globals()[task.job.work](task))


def decoded(path: str) -> np.ndarray:
    return cv2.imread(path, cv2.IMREAD_COLOR_RGB)


def decoded_mask(path: str) -> np.ndarray:
    return cv2.imread(path, cv2.IMREAD_UNCHANGED)


def _moves(task: Task) -> list[Any]:
    turn = alb.Affine(
        rotate=task.job.degrees,
        translate_percent={"x": task.job.shift, "y": task.job.shift},
        interpolation=cv2.INTER_LINEAR,
        border_mode=cv2.BORDER_REPLICATE,
        p=1.0,
    )
    return [turn, alb.HorizontalFlip(p=0.5)]


def _resize(task: Task) -> alb.Resize:
    return alb.Resize(*task.job.size, interpolation=cv2.INTER_LINEAR)


def affine(task: Task) -> list[Any]:
    return [_resize(task), *_moves(task), UNIT]


def resized_crop(task: Task) -> list[Any]:
    crop = alb.RandomResizedCrop(task.job.size, scale=task.job.area, ratio=task.job.ratio)
    return [crop, alb.HorizontalFlip(p=0.5), UNIT]


cached_crop = resized_crop  # it keeps nothing


def validation(task: Task) -> list[Any]:
    """Shrunk by area: OpenCV's way of antialiasing."""
    shrink = alb.SmallestMaxSize(task.job.short_side, interpolation=cv2.INTER_AREA)
    return [shrink, alb.CenterCrop(*task.job.size), UNIT]


def color(task: Task) -> list[Any]:
    job = task.job
    turn = tuple(degrees / 360 for degrees in job.hue)
    return [
        _resize(task),
        alb.ColorJitter(brightness=job.factor, contrast=job.factor, saturation=job.factor, hue=turn, p=1.0),
        alb.GaussianBlur(blur_limit=0, sigma_limit=job.sigma, p=1.0),
        alb.GaussNoise(std_range=tuple(level / 255 for level in job.noise), p=1.0),
        UNIT,
    ]


def crop(task: Task) -> list[Any]:
    return [alb.RandomCrop(*task.job.size), UNIT]


pairs = crop


def arrays(task: Task) -> list[Any]:
    statistics = np.load(task.folder / "statistics.npz")
    mean, std = statistics["mean"].tolist(), statistics["std"].tolist()
    return [*_moves(task), alb.Normalize(mean=mean, std=std, max_pixel_value=1.0)]


def versions() -> dict[str, str]:
    return {"albumentations": alb.__version__, "opencv": cv2.__version__}
