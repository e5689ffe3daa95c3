"""FFCV: its file, written once, of JPEGs as they are or of levels; its decoders, compiled by Numba.

The file is mapped by the system (`os_cache`), as its documentation advises where it fits memory. "store": "jpg" keeps
pictures at full size with FFCV's default quality, 90; "raw" keeps levels with the short side that our caches keep.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import torch
from ffcv.fields import IntField, RGBImageField
from ffcv.fields.decoders import IntDecoder, RandomResizedCropRGBImageDecoder
from ffcv.loader import Loader, OrderOption
from ffcv.transforms import NormalizeImage, RandomHorizontalFlip, ToTensor
from ffcv.writer import DatasetWriter

from . import Task, photographs

WIDEST = 4 / 3
"""FFCV bounds the longer side; the photographs are 500×375."""


class Photographs:
    """Pictures and labels, by number: what FFCV writes."""

    def __init__(self, task: Task) -> None:
        self.paths = photographs(task)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return cv2.imread(self.paths[index], cv2.IMREAD_COLOR)[..., ::-1].copy(), int("class1" in self.paths[index])


def _written(task: Task) -> Path:
    raw = task.options["store"] == "raw"
    path = (task.scratch or Path(tempfile.mkdtemp())) / "photographs.beton"
    longest = round(task.job.short_side * WIDEST) if raw else None
    field = RGBImageField(write_mode=task.options["store"], max_resolution=longest, jpeg_quality=90)
    writer = DatasetWriter(str(path), {"image": field, "label": IntField()}, num_workers=task.threads)
    writer.from_indexed_dataset(Photographs(task))
    return path


def resized_crop(task: Task) -> Iterator[torch.Tensor]:
    job = task.job
    zero, most = np.zeros(3, np.float32), np.full(3, 255, np.float32)
    steps = [
        RandomResizedCropRGBImageDecoder(job.size, scale=job.area, ratio=job.ratio),
        RandomHorizontalFlip(0.5),
        NormalizeImage(zero, most, np.float32),
        ToTensor(),
    ]
    loader = Loader(
        str(_written(task)),
        batch_size=job.batch_size,
        num_workers=task.threads,
        os_cache=True,
        order=OrderOption.RANDOM,
        drop_last=False,
        pipelines={"image": steps, "label": [IntDecoder(), ToTensor()]},
    )
    while True:
        for images, _ in loader:
            yield images


cached_crop = resized_crop


def to_numpy(batch: torch.Tensor) -> np.ndarray:
    return batch.numpy()


def versions() -> dict[str, str]:
    return {"ffcv": version("ffcv"), "torch": torch.__version__}
