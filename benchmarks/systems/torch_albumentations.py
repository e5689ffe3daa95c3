"""PyTorch's ``DataLoader`` with worker processes, OpenCV for decoding, Albumentations for the rest.

As both document it for speed: a process per core, workers kept between epochs, OpenCV's own threads off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from . import Pair, Task, albumentations_steps as steps, pairs as _pairs, photographs


class Photographs(torch.utils.data.Dataset[tuple[np.ndarray, int]]):
    """The pictures of a folder, decoded and transformed when asked for."""

    def __init__(self, task: Task) -> None:
        self.paths = photographs(task)
        self.transform = steps.composed(task)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        path = self.paths[index]
        return self.transform(image=steps.decoded(path))["image"], int("class1" in path)


class Arrays(torch.utils.data.Dataset[tuple[np.ndarray, int]]):
    """uint8 arrays, transformed when asked for."""

    def __init__(self, task: Task) -> None:
        self.images, self.labels = np.load(task.folder / "images.npy"), np.load(task.folder / "labels.npy")
        self.transform = steps.composed(task)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.transform(image=self.images[index])["image"], int(self.labels[index])


class Pairs(torch.utils.data.Dataset[tuple[np.ndarray, np.ndarray]]):
    """Pictures and masks, cropped at the same place."""

    def __init__(self, task: Task) -> None:
        self.paths = _pairs(task)
        self.transform = steps.composed(task)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        picture, mask = self.paths[index]
        made = self.transform(image=steps.decoded(picture), mask=steps.decoded_mask(mask))
        return made["image"], made["mask"]


def _start_worker(_: int) -> None:
    """Draws of its own: a forked worker starts with its parent's generator."""
    worker = torch.utils.data.get_worker_info()
    worker.dataset.transform.set_random_seed(worker.seed % 2**32)


def _loader(task: Task, dataset: torch.utils.data.Dataset[Any]) -> Iterator[tuple[Any, Any]]:
    """Batches and what goes with them, epoch after epoch."""
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=task.job.batch_size,
        shuffle=True,
        num_workers=task.threads,
        persistent_workers=True,
        worker_init_fn=_start_worker,
    )
    while True:
        yield from loader


def _endless(task: Task, dataset: torch.utils.data.Dataset[Any]) -> Iterator[Any]:
    return (images for images, _ in _loader(task, dataset))


def affine(task: Task) -> Iterator[Any]:
    return _endless(task, Photographs(task))


resized_crop = cached_crop = validation = color = crop = affine


def pairs(task: Task) -> Iterator[Pair]:
    for images, masks in _loader(task, Pairs(task)):
        yield Pair(images=images, masks=masks)


def arrays(task: Task) -> Iterator[Any]:
    return _endless(task, Arrays(task))


def to_numpy(batch: torch.Tensor) -> np.ndarray:
    return batch.numpy()


def versions() -> dict[str, str]:
    return {"torch": torch.__version__, **steps.versions()}
