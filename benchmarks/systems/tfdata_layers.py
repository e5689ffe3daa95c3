"""``tf.data`` as Keras's documentation writes it: image_dataset_from_directory, then Keras layers.

Layers run on whole batches in a parallel ``map`` with prefetching. TensorFlow decodes with the fast
integer DCT here, its default, which this function lets nobody change: a slight advantage for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from . import Task

layers = keras.layers


def _layers(task: Task) -> list[keras.layers.Layer]:
    turn = tuple(degrees / 360 for degrees in task.job.degrees)
    return [
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(turn, fill_mode="nearest"),
        layers.RandomTranslation(task.job.shift, task.job.shift, fill_mode="nearest"),
    ]


def _endless(dataset: tf.data.Dataset, augment: keras.Sequential, threads: int) -> Iterator[tf.Tensor]:
    options = tf.data.Options()
    options.deterministic = False
    options.threading.private_threadpool_size = threads
    mapped = dataset.map(lambda images, _: augment(images, training=True), num_parallel_calls=tf.data.AUTOTUNE)
    return iter(mapped.repeat().prefetch(tf.data.AUTOTUNE).with_options(options))


def _affine(task: Task) -> Iterator[tf.Tensor]:
    dataset = keras.utils.image_dataset_from_directory(
        task.folder / "images",
        image_size=task.job.size,
        batch_size=task.job.batch_size,
        interpolation="bilinear",
        seed=0,
        verbose=False,
    )
    return _endless(dataset, keras.Sequential([*_layers(task), layers.Rescaling(1 / 255)]), task.threads)


def _arrays(task: Task) -> Iterator[tf.Tensor]:
    statistics = np.load(task.folder / "statistics.npz")
    normalize = layers.Normalization(mean=statistics["mean"], variance=statistics["std"] ** 2)
    images, labels = np.load(task.folder / "images.npy"), np.load(task.folder / "labels.npy")
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    dataset = dataset.shuffle(len(images), seed=0).batch(task.job.batch_size)
    return _endless(dataset, keras.Sequential([*_layers(task), normalize]), task.threads)


WORK = {"affine": _affine, "arrays": _arrays}


def to_numpy(batch: tf.Tensor) -> np.ndarray:
    return batch.numpy()


def listing(folder: Path) -> int:
    return len(keras.utils.image_dataset_from_directory(folder, batch_size=None, verbose=False).file_paths)


def versions() -> dict[str, str]:
    return {"keras": keras.__version__, "tensorflow": tf.__version__}
