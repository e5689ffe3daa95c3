"""PyTorch's ``DataLoader`` with torchvision: its own decoder, its transforms v2 on uint8 tensors, which are fastest.

A worker process for every core, kept between epochs. Its resize is antialiased; its rotation is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torchvision
from torchvision import io, tv_tensors
from torchvision.transforms import v2

from . import Pair, Task, pairs as _pairs, photographs

UNIT = v2.ToDtype(torch.float32, scale=True)


class Photographs(torch.utils.data.Dataset[torch.Tensor]):
    """The pictures of a folder, decoded and transformed when asked for."""

    def __init__(self, task: Task, steps: list[Any]) -> None:
        self.paths = photographs(task)
        self.transform = v2.Compose([*steps, UNIT])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.transform(io.decode_jpeg(io.read_file(self.paths[index]), mode=io.ImageReadMode.RGB))


class Pairs(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Pictures and masks, cropped at the same place."""

    def __init__(self, task: Task) -> None:
        self.paths = _pairs(task)
        self.crop = v2.RandomCrop(task.job.size)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        picture, mask = (io.decode_png(io.read_file(path)) for path in self.paths[index])
        image, found = self.crop(tv_tensors.Image(picture), tv_tensors.Mask(mask))
        return UNIT(image), found


def _loader(task: Task, dataset: torch.utils.data.Dataset[Any]) -> Iterator[Any]:
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=task.job.batch_size,
        shuffle=True,
        num_workers=task.threads,
        persistent_workers=True,
        worker_init_fn=lambda _: torch.set_num_threads(1),
    )
    while True:
        yield from loader


def _endless(task: Task, steps: list[Any]) -> Iterator[torch.Tensor]:
    return _loader(task, Photographs(task, steps))


def affine(task: Task) -> Iterator[torch.Tensor]:
    """What lies outside is black, the only fill that it has; so its pictures are darker at their edges."""
    turn = v2.RandomAffine(
        list(task.job.degrees),
        translate=(task.job.shift[1], task.job.shift[1]),
        interpolation=v2.InterpolationMode.BILINEAR,
    )
    return _endless(task, [v2.Resize(task.job.size, antialias=True), turn, v2.RandomHorizontalFlip()])


def resized_crop(task: Task) -> Iterator[torch.Tensor]:
    crop = v2.RandomResizedCrop(task.job.size, scale=task.job.area, ratio=task.job.ratio, antialias=True)
    return _endless(task, [crop, v2.RandomHorizontalFlip()])


def validation(task: Task) -> Iterator[torch.Tensor]:
    return _endless(task, [v2.Resize(task.job.short_side, antialias=True), v2.CenterCrop(task.job.size)])


def color(task: Task) -> Iterator[torch.Tensor]:
    """Noise of one strength, the middle one: it has no range for it."""
    job = task.job
    turn = tuple(degrees / 360 for degrees in job.hue)
    jitter = v2.ColorJitter(brightness=job.factor, contrast=job.factor, saturation=job.factor, hue=turn)
    noise = v2.GaussianNoise(sigma=sum(job.noise) / 2 / 255)
    steps = [v2.Resize(job.size, antialias=True), jitter, v2.GaussianBlur(13, sigma=job.sigma), UNIT, noise]
    return _endless(task, steps)


def policy(task: Task) -> Iterator[torch.Tensor]:
    policy = v2.RandAugment(num_ops=2, magnitude=9, num_magnitude_bins=31)
    return _endless(task, [v2.Resize(task.job.size, antialias=True), policy])


def crop(task: Task) -> Iterator[torch.Tensor]:
    return _endless(task, [v2.RandomCrop(task.job.size)])


def pairs(task: Task) -> Iterator[Pair]:
    for images, masks in _loader(task, Pairs(task)):
        yield Pair(images=images, masks=masks)


def to_numpy(batch: torch.Tensor) -> np.ndarray:
    """Masks have one channel, which goes last too."""
    return batch.permute(0, 2, 3, 1).numpy()


def versions() -> dict[str, str]:
    return {"torch": torch.__version__, "torchvision": torchvision.__version__}
