"""Keras ``ImageDataGenerator``: ``flow_from_directory`` and ``flow``.

Its speed options are workers: a batch each, in threads, as ``model.fit(workers=N)`` ran them and
`PyDataset` runs them now. The spline order is 1, as everywhere here (SciPy: bilinear). Pictures are
resized by Pillow, whose bilinear is antialiased; "nearest", Keras's own default, would be no equal.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from . import Task

ImageDataGenerator = tf.keras.preprocessing.image.ImageDataGenerator


def _endless(sequence: keras.utils.PyDataset, workers: int) -> Iterator[np.ndarray]:
    """Batches in order, `workers` of them being made at any time, epoch after epoch."""
    waiting: deque[Future[tuple[np.ndarray, np.ndarray]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        while True:
            for index in range(len(sequence)):
                waiting.append(pool.submit(sequence.__getitem__, index))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()[0]
            sequence.on_epoch_end()


def affine(task: Task) -> Iterator[np.ndarray]:
    job = task.job
    generator = ImageDataGenerator(
        rotation_range=job.degrees[1],
        width_shift_range=job.shift[1],
        height_shift_range=job.shift[1],
        horizontal_flip=True,
        fill_mode="nearest",
        rescale=1 / 255,
    )
    flow = generator.flow_from_directory(
        task.folder / "images",
        target_size=job.size,
        batch_size=job.batch_size,
        class_mode="sparse",
        interpolation="bilinear",
        seed=0,
    )
    return _endless(flow, task.threads)


def arrays(task: Task) -> Iterator[np.ndarray]:
    job = task.job
    generator = ImageDataGenerator(
        featurewise_center=True,
        featurewise_std_normalization=True,
        rotation_range=job.degrees[1],
        width_shift_range=job.shift[1],
        height_shift_range=job.shift[1],
        horizontal_flip=True,
        fill_mode="nearest",
    )
    statistics = np.load(task.folder / "statistics.npz")
    generator.mean, generator.std = statistics["mean"], statistics["std"]
    images, labels = np.load(task.folder / "images.npy"), np.load(task.folder / "labels.npy")
    return _endless(generator.flow(images, labels, batch_size=job.batch_size, seed=0), task.threads)


def moments(task: Task, images: np.ndarray) -> np.ndarray:
    generator = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    generator.fit(images)
    return np.stack([generator.mean.ravel(), generator.std.ravel()])


def whitening(task: Task, images: np.ndarray) -> np.ndarray:
    generator = ImageDataGenerator(featurewise_center=True, zca_whitening=True)
    generator.fit(images)
    return generator.zca_whitening_matrix


def to_numpy(batch: np.ndarray) -> np.ndarray:
    return batch


def listing(folder: Path) -> int:
    return ImageDataGenerator().flow_from_directory(folder).samples


def versions() -> dict[str, str]:
    import scipy

    return {"keras": keras.__version__, "tensorflow": tf.__version__, "scipy": scipy.__version__}
