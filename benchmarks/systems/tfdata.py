"""``tf.data`` at its best, by hand: the part that is needed decoded by ``decode_and_crop_jpeg``.

One parallel ``map`` does it all, order does not matter, prefetching is automatic. Option "dct" is
TensorFlow's `dct_method`. Ours, DALI and the roof use the accurate one, so that is the equal row;
the fast one, TensorFlow's default, is a second row. With "decode": "whole" a picture is decoded
whole and cropped then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from . import Pair, Task, pairs as _pairs, photographs

WAITING = 512
"""Pictures of a cache that wait to be shuffled: all of them would be a second copy of it."""


def _batched(task: Task, dataset: tf.data.Dataset, load: Callable[..., Any]) -> tf.data.Dataset:
    """What `load` makes of the elements, in batches, on all threads and in any order."""
    options = tf.data.Options()
    options.deterministic = False
    options.threading.private_threadpool_size = task.threads
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.batch(task.job.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE).with_options(options)


def _shuffled(*columns: Any) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(columns).shuffle(len(columns[0]), seed=0).repeat()


def _endless(task: Task, load: Callable[[tf.Tensor], tf.Tensor]) -> Iterator[tf.Tensor]:
    files = photographs(task)
    labels = ["class1" in file for file in files]
    batches = _batched(task, _shuffled(files, labels), lambda path, label: (load(path), label))
    return (images for images, _ in batches)


def _cached(
    task: Task, files: list[str], labels: Any, keep: Callable[..., Any], load: Callable[..., Any]
) -> Iterator[Any]:
    """Pictures as `keep` leaves them, in the cache; and what `load` makes of those in every epoch."""
    dataset = tf.data.Dataset.from_tensor_slices((files, labels))
    dataset = dataset.map(lambda path, label: (keep(path), label), num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.cache() if task.options["cache"] == "ram" else dataset.cache(str(task.scratch / "cache"))
    dataset = dataset.shuffle(min(len(files), WAITING), seed=0).repeat()
    return (images for images, _ in _batched(task, dataset, lambda image, label: (load(image), label)))


def resized_crop(task: Task) -> Iterator[tf.Tensor]:
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


def cached_crop(task: Task) -> Iterator[tf.Tensor]:
    """Kept with the short side that our caches keep; bytes, a quarter of the floats that a resize gives."""
    job = task.job

    def keep(path: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method=task.options["dct"])
        return _to_bytes(tf.image.resize(image, _short_side(image, job.short_side), antialias=True))

    def load(image: tf.Tensor) -> tf.Tensor:
        begin, size, _ = tf.image.sample_distorted_bounding_box(
            tf.shape(image),
            tf.zeros((1, 0, 4)),
            min_object_covered=0.0,
            aspect_ratio_range=job.ratio,
            area_range=job.area,
            max_attempts=10,
            use_image_if_no_bounding_boxes=True,
        )
        image = tf.image.resize(tf.slice(image, begin, size), job.size, antialias=task.antialias)
        image.set_shape((*job.size, 3))
        return tf.image.random_flip_left_right(image) / 255.0

    files = photographs(task)
    return _cached(task, files, ["class1" in file for file in files], keep, load)


def multi_label(task: Task) -> Iterator[tf.Tensor]:
    job = task.job
    said = json.loads((task.folder / "annotations.json").read_text())
    rows = {one["id"]: row for row, one in enumerate(said["images"])}
    columns = {one["id"]: column for column, one in enumerate(said["categories"])}
    labels = np.zeros((len(rows), len(columns)), np.float32)
    for one in said["annotations"]:
        labels[rows[one["image_id"]], columns[one["category_id"]]] = 1

    def keep(path: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method=task.options["dct"])
        return _to_bytes(tf.image.resize(image, job.stored, antialias=True))

    def load(image: tf.Tensor) -> tf.Tensor:
        image = tf.image.random_crop(image, (*job.size, 3))
        return tf.cast(tf.image.random_flip_left_right(image), tf.float32) / 255.0

    files = [str(task.folder / "images" / one["file_name"]) for one in said["images"]]
    return _cached(task, files, labels, keep, load)


def _to_bytes(image: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)


def _short_side(image: tf.Tensor, side: int) -> tf.Tensor:
    """The picture's size with that short side."""
    sides = tf.shape(image)[:2]
    scaled = tf.cast(sides, tf.float32) * (side / tf.cast(tf.reduce_min(sides), tf.float32))
    return tf.cast(tf.round(scaled), tf.int32)


def validation(task: Task) -> Iterator[tf.Tensor]:
    height, width = task.job.size

    def load(path: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method=task.options["dct"])
        image = tf.image.resize(image, _short_side(image, task.job.short_side), antialias=True)
        return tf.ensure_shape(tf.image.resize_with_crop_or_pad(image, height, width) / 255.0, (height, width, 3))

    return _endless(task, load)


def crop(task: Task) -> Iterator[tf.Tensor]:
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


def pairs(task: Task) -> Iterator[Pair]:
    def load(picture: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        kinds = ((picture, 3), (mask, 1))
        both = tf.concat([tf.io.decode_png(tf.io.read_file(path), channels=c) for path, c in kinds], -1)
        part = tf.image.random_crop(both, (*task.job.size, 4))
        return tf.cast(part[..., :3], tf.float32) / 255.0, part[..., 3:]

    pictures, masks = zip(*_pairs(task), strict=True)
    batches = _batched(task, _shuffled(list(pictures), list(masks)), load)
    return (Pair(images=images, masks=found) for images, found in batches)


def to_numpy(batch: tf.Tensor) -> np.ndarray:
    return batch.numpy()


def versions() -> dict[str, str]:
    return {"tensorflow": tf.__version__}
