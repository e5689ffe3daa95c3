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


def _photographs(
    task: Task, steps: list[keras.layers.Layer], last: list[keras.layers.Layer] | None = None
) -> Iterator[tf.Tensor]:
    """The steps see 0 to 255, the last ones 0 to 1."""
    dataset = keras.utils.image_dataset_from_directory(
        task.folder / "images",
        image_size=task.job.size,
        batch_size=task.job.batch_size,
        interpolation="bilinear",
        seed=0,
        verbose=False,
    )
    return _endless(dataset, keras.Sequential([*steps, layers.Rescaling(1 / 255), *(last or [])]), task.threads)


def color(task: Task) -> Iterator[tf.Tensor]:
    """Keras adds noise of one strength: the middle one."""
    job = task.job
    spread = (job.factor[1] - job.factor[0]) / 2
    jitter = layers.RandomColorJitter(
        value_range=(0, 255),
        brightness_factor=spread,
        contrast_factor=spread,
        saturation_factor=tuple(value / 2 for value in job.factor),  # a half changes nothing there
        hue_factor=tuple(degrees / 360 for degrees in job.hue),
    )
    blur = layers.RandomGaussianBlur(kernel_size=13, sigma=job.sigma, value_range=(0, 255), data_format="channels_last")
    noise = layers.GaussianNoise(sum(job.noise) / 2 / 255)
    return _photographs(task, [jitter, blur], [noise])


def policy(task: Task) -> Iterator[tf.Tensor]:
    return _photographs(task, [layers.RandAugment(value_range=(0, 255), num_ops=2, factor=9 / 30)])


def affine(task: Task) -> Iterator[tf.Tensor]:
    return _photographs(task, _layers(task))


def arrays(task: Task) -> Iterator[tf.Tensor]:
    statistics = np.load(task.folder / "statistics.npz")
    normalize = layers.Normalization(mean=statistics["mean"], variance=statistics["std"] ** 2)
    images, labels = np.load(task.folder / "images.npy"), np.load(task.folder / "labels.npy")
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    dataset = dataset.shuffle(len(images), seed=0).batch(task.job.batch_size)
    return _endless(dataset, keras.Sequential([*_layers(task), normalize]), task.threads)


def moments(task: Task, images: np.ndarray) -> np.ndarray:
    layer = layers.Normalization(axis=-1)
    layer.adapt(tf.data.Dataset.from_tensor_slices(images).batch(256))
    return np.stack([np.ravel(layer.mean), np.sqrt(np.ravel(layer.variance))])


def to_numpy(batch: tf.Tensor) -> np.ndarray:
    return batch.numpy()


def listing(folder: Path) -> int:
    return len(keras.utils.image_dataset_from_directory(folder, batch_size=None, verbose=False).file_paths)


def versions() -> dict[str, str]:
    return {"keras": keras.__version__, "tensorflow": tf.__version__}
