"""Google Grain: a ``MapDataset`` that is shuffled and mapped, batched in worker processes; OpenCV and Albumentations.

A worker process for every core, as its documentation advises where the transforms are Python: they hold the GIL.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import grain
import numpy as np

from . import Task, albumentations_steps as steps, photographs


class Transformed(grain.transforms.Map):
    """A path or an array to a transformed picture."""

    def __init__(self, task: Task) -> None:
        self.task, self.transform, self.process = task, None, -1

    def map(self, element: Any) -> np.ndarray:
        if self.process != os.getpid():  # made anew in every process: one that is sent there draws what it drew here
            self.transform, self.process = steps.composed(self.task), os.getpid()
        image = steps.decoded(element) if isinstance(element, str) else element
        return self.transform(image=image)["image"]


def _endless(task: Task, source: Any) -> Iterator[np.ndarray]:
    dataset = grain.MapDataset.source(source).seed(0).shuffle().repeat().map(Transformed(task))
    ahead = grain.ReadOptions(num_threads=1, prefetch_buffer_size=2 * task.job.batch_size)  # else 500 pictures
    batches = dataset.to_iter_dataset(ahead).batch(task.job.batch_size, drop_remainder=True)
    return iter(batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=task.threads)))


def affine(task: Task) -> Iterator[np.ndarray]:
    return _endless(task, photographs(task))


resized_crop = validation = color = crop = affine


def arrays(task: Task) -> Iterator[np.ndarray]:
    return _endless(task, np.load(task.folder / "images.npy"))


def to_numpy(batch: np.ndarray) -> np.ndarray:
    return batch


def versions() -> dict[str, str]:
    return {"grain": grain.__version__, **steps.versions()}
