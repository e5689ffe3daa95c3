"""``tf.data`` at its best, by hand: the part that is needed decoded by ``decode_and_crop_jpeg``.

One parallel ``map`` does it all, order does not matter, prefetching is automatic. Option "dct" is
TensorFlow's `dct_method`. Ours, DALI and the roof use the accurate one, so that is the equal row;
the fast one, TensorFlow's default, is a second row. With "decode": "whole" a picture is decoded
whole and cropped then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from . import Task


def _endless(task: Task, load: Callable[[tf.Tensor], tf.Tensor]) -> Iterator[tf.Tensor]:
    files = sorted(task.folder.glob("images/*/*.jpg"))
    paths, labels = list(map(str, files)), [file.parent.name == "class1" for file in files]
    options = tf.data.Options()
    options.deterministic = False
    options.threading.private_threadpool_size = task.threads
    dataset = tf.data.Dataset.from_tensor_slices((paths, labels)).shuffle(len(paths), seed=0).repeat()
    dataset = dataset.map(lambda path, label: (load(path), label), num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.batch(task.job.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    return (images for images, _ in dataset.with_options(options))


def _resized_crop(task: Task) -> Iterator[tf.Tensor]:
    job = task.job

    def load(path: tf.Tensor) -> tf.Tensor:
        data = tf.io.read_file(path)
        begin, size, _ = tf.image.sample_distorted_bounding_box(
            tf.image.extract_jpeg_shape(data),
            tf.zeros((1, 0, 4)),
            min_object_covered=0.0,
            aspect_ratio_range=job.ratio,
            area_range=job.area,
            max_attempts=10,
            use_image_if_no_bounding_boxes=True,
        )
        window = tf.concat([begin[:2], size[:2]], axis=0)
        image = tf.image.decode_and_crop_jpeg(data, window, channels=3, dct_method=task.options["dct"])
        image = tf.image.resize(image, job.size, antialias=task.antialias)
        return tf.image.random_flip_left_right(image) / 255.0

    return _endless(task, load)


def _validation(task: Task) -> Iterator[tf.Tensor]:
    height, width = task.job.size

    def load(path: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method=task.options["dct"])
        sides = tf.shape(image)[:2]
        scaled = tf.cast(sides, tf.float32) * (task.job.short_side / tf.cast(tf.reduce_min(sides), tf.float32))
        image = tf.image.resize(image, tf.cast(tf.round(scaled), tf.int32), antialias=True)
        return tf.ensure_shape(tf.image.resize_with_crop_or_pad(image, height, width) / 255.0, (height, width, 3))

    return _endless(task, load)


def _crop(task: Task) -> Iterator[tf.Tensor]:
    height, width = task.job.size
    whole = task.options.get("decode") == "whole"

    def load(path: tf.Tensor) -> tf.Tensor:
        data = tf.io.read_file(path)
        shape = tf.image.extract_jpeg_shape(data)
        y = tf.random.uniform((), maxval=shape[0] - height + 1, dtype=tf.int32)
        x = tf.random.uniform((), maxval=shape[1] - width + 1, dtype=tf.int32)
        if whole:
            image = tf.io.decode_jpeg(data, channels=3, dct_method=task.options["dct"])
            image = tf.slice(image, (y, x, 0), (height, width, 3))
        else:
            window = tf.stack([y, x, height, width])
            image = tf.image.decode_and_crop_jpeg(data, window, channels=3, dct_method=task.options["dct"])
        return tf.ensure_shape(tf.cast(image, tf.float32) / 255.0, (height, width, 3))

    return _endless(task, load)


WORK = {"resized_crop": _resized_crop, "validation": _validation, "crop": _crop}


def to_numpy(batch: tf.Tensor) -> np.ndarray:
    return batch.numpy()


def versions() -> dict[str, str]:
    return {"tensorflow": tf.__version__}
