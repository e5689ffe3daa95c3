"""Hugging Face ``datasets``: its image folder, a transform that is done when a picture is asked for, and PyTorch's
``DataLoader``, as its documentation shows for training. Pillow decodes, Albumentations does the rest.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import datasets
import numpy as np
import torch

from . import Task, albumentations_steps as steps


class Transformed:
    """Pictures of a batch of rows."""

    def __init__(self, task: Task) -> None:
        self.task, self.transform, self.process = task, None, -1

    def __call__(self, rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        if self.process != os.getpid():  # draws of its own for every worker
            self.transform, self.process = steps.composed(self.task), os.getpid()
        rows["image"] = [self.transform(image=np.asarray(image.convert("RGB")))["image"] for image in rows["image"]]
        return rows


def affine(task: Task) -> Iterator[torch.Tensor]:
    datasets.disable_progress_bars()
    folder = str(task.folder / "images")
    kept = tempfile.mkdtemp()
    found = datasets.load_dataset("imagefolder", data_dir=folder, split="train", cache_dir=kept)
    loader = torch.utils.data.DataLoader(
        found.with_transform(Transformed(task)),
        batch_size=task.job.batch_size,
        shuffle=True,
        num_workers=task.threads,
        persistent_workers=True,
    )
    while True:
        for batch in loader:
            yield batch["image"]


resized_crop = validation = color = crop = affine


def to_numpy(batch: torch.Tensor) -> np.ndarray:
    return batch.numpy()


def versions() -> dict[str, str]:
    return {"datasets": datasets.__version__, "torch": torch.__version__, **steps.versions()}
