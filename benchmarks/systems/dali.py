"""NVIDIA DALI without a GPU: ``device_id=None``, every operator on the CPU.

Decoding is asked for the accurate DCT (its default) and fancy upsampling (not its default): the
pixels that the others give. Random resized crops use ``decoders.image_random_crop``, which decodes
only the region where it can; random crops use ``decoders.image_crop``, which does the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import nvidia.dali as dali
from nvidia.dali import Pipeline, fn, types
from nvidia.dali.auto_aug import rand_augment

from . import Pair, Task, pairs as _pairs

DECODE = {"jpeg_fancy_upsampling": True, "use_fast_idct": False, "output_type": types.RGB}


def _endless(pipeline: Pipeline, images: Any) -> Iterator[Any]:
    """Builds the pipeline, whose output is `images`, and runs it for ever."""
    pipeline.set_outputs(images)
    pipeline.build()
    while True:
        yield pipeline.run()[0]


def _pipeline(task: Task) -> Pipeline:
    return Pipeline(
        batch_size=task.job.batch_size,
        num_threads=task.threads,
        device_id=None,
        seed=0,
        prefetch_queue_depth=2,
    )


def _files(task: Task) -> Any:
    """Encoded files; reading runs ahead in the reader's own thread."""
    return fn.readers.file(file_root=str(task.folder / "images"), random_shuffle=True, seed=0)[0]


def _matrix(task: Task, before: Any = None) -> Any:
    """Rotation about the center, then the shift, after the matrix `before`: input to output."""
    height, width = task.job.size
    first = [] if before is None else [before]
    angle = fn.random.uniform(range=task.job.degrees)
    offset = fn.random.uniform(range=task.job.shift, shape=(2,)) * types.Constant(np.float32([width, height]))
    turn = fn.transforms.rotation(*first, angle=angle, center=(width / 2, height / 2))
    return fn.transforms.translation(turn, offset=offset)


def affine(task: Task) -> Iterator[Any]:
    """Plain bilinear: one warp does the resize too, which is fastest. Antialiased: resize, then warp."""
    height, width = task.job.size
    with _pipeline(task) as pipeline:
        files = _files(task)
        images = fn.decoders.image(files, **DECODE)
        if task.antialias:
            images = fn.resize(images, size=(height, width), interp_type=types.INTERP_LINEAR)
            matrix = _matrix(task)
        else:
            shape = fn.peek_image_shape(files, dtype=types.FLOAT)
            shrink = fn.cat(float(width) / shape[1:2], float(height) / shape[0:1])
            matrix = _matrix(task, fn.transforms.scale(scale=shrink))
        images = fn.warp_affine(
            images,
            matrix=matrix,
            inverse_map=False,
            size=(float(height), float(width)),
            interp_type=types.INTERP_LINEAR,
        )
        yield from _endless(pipeline, _rescaled(images))


def resized_crop(task: Task) -> Iterator[Any]:
    height, width = task.job.size
    with _pipeline(task) as pipeline:
        images = fn.decoders.image_random_crop(
            _files(task),
            random_area=task.job.area,
            random_aspect_ratio=task.job.ratio,
            num_attempts=10,
            **DECODE,
        )
        images = fn.resize(images, size=(height, width), interp_type=types.INTERP_LINEAR, antialias=task.antialias)
        yield from _endless(pipeline, _rescaled(images))


cached_crop = resized_crop  # it has no cache on the CPU


def validation(task: Task) -> Iterator[Any]:
    with _pipeline(task) as pipeline:
        images = fn.decoders.image(_files(task), **DECODE)
        shorter = task.job.short_side
        images = fn.resize(images, resize_shorter=shorter, interp_type=types.INTERP_LINEAR, antialias=True)
        images = fn.crop_mirror_normalize(images, crop=task.job.size, std=255.0, dtype=types.FLOAT, output_layout="HWC")
        yield from _endless(pipeline, images)


def color(task: Task) -> Iterator[Any]:
    job = task.job
    with _pipeline(task) as pipeline:
        images = fn.decoders.image(_files(task), **DECODE)
        images = fn.resize(images, size=job.size, interp_type=types.INTERP_LINEAR, antialias=task.antialias)
        factors = {name: fn.random.uniform(range=job.factor) for name in ("brightness", "contrast", "saturation")}
        images = fn.color_twist(images, hue=fn.random.uniform(range=job.hue), **factors)
        images = fn.gaussian_blur(images, sigma=fn.random.uniform(range=job.sigma))
        images = fn.noise.gaussian(images, stddev=fn.random.uniform(range=job.noise))
        images = fn.crop_mirror_normalize(images, std=255.0, dtype=types.FLOAT, output_layout="HWC")
        yield from _endless(pipeline, images)


def policy(task: Task) -> Iterator[Any]:
    """DALI's own RandAugment, magnitudes in 31 steps as in the paper."""

    @dali.pipeline_def(
        enable_conditionals=True,
        batch_size=task.job.batch_size,
        num_threads=task.threads,
        device_id=None,
        seed=0,
        prefetch_queue_depth=2,
    )
    def graph() -> Any:
        images = fn.decoders.image(_files(task), **DECODE)
        images = fn.resize(images, size=task.job.size, interp_type=types.INTERP_LINEAR, antialias=task.antialias)
        images = rand_augment.rand_augment(images, n=2, m=9, num_magnitude_bins=31, shape=task.job.size)
        return fn.crop_mirror_normalize(images, std=255.0, dtype=types.FLOAT, output_layout="HWC")

    pipeline = graph()
    pipeline.build()
    while True:
        yield pipeline.run()[0]


def _rescaled(images: Any) -> Any:
    """Flip by a coin, and 0–255 to 0–1 float32, in one operator."""
    return fn.crop_mirror_normalize(
        images, mirror=fn.random.coin_flip(), std=255.0, dtype=types.FLOAT, output_layout="HWC"
    )


def crop(task: Task) -> Iterator[Any]:
    with _pipeline(task) as pipeline:
        where = {name: fn.random.uniform(range=(0.0, 1.0)) for name in ("crop_pos_x", "crop_pos_y")}
        if task.options.get("decode") == "whole":
            images = fn.crop(fn.decoders.image(_files(task), **DECODE), crop=task.job.size, **where)
        else:
            images = fn.decoders.image_crop(_files(task), crop=task.job.size, **where, **DECODE)
        images = fn.crop_mirror_normalize(images, std=255.0, dtype=types.FLOAT, output_layout="HWC")
        yield from _endless(pipeline, images)


def arrays(task: Task) -> Iterator[Any]:
    images = np.load(task.folder / "images.npy")
    statistics = np.load(task.folder / "statistics.npz")
    rng = np.random.default_rng(0)

    def batches() -> Iterator[np.ndarray]:
        while True:
            order = rng.permutation(len(images))
            for first in range(0, len(order) - task.job.batch_size + 1, task.job.batch_size):
                yield images[order[first : first + task.job.batch_size]]

    with _pipeline(task) as pipeline:
        arrays = fn.external_source(batches(), layout="HWC", dtype=types.UINT8)
        arrays = fn.warp_affine(arrays, matrix=_matrix(task), interp_type=types.INTERP_LINEAR)
        arrays = fn.crop_mirror_normalize(
            arrays,
            mirror=fn.random.coin_flip(),
            mean=statistics["mean"].tolist(),
            std=statistics["std"].tolist(),
            dtype=types.FLOAT,
            output_layout="HWC",
        )
        yield from _endless(pipeline, arrays)


def pairs(task: Task) -> Iterator[Pair]:
    pictures, masks = zip(*_pairs(task), strict=True)
    with _pipeline(task) as pipeline:
        where = {name: fn.random.uniform(range=(0.0, 1.0)) for name in ("crop_pos_x", "crop_pos_y")}
        kinds = ((pictures, types.RGB), (masks, types.GRAY))
        outputs = []
        for files, kind in kinds:  # shuffled alike, since the seeds are the same
            stored = fn.readers.file(files=list(files), random_shuffle=True, seed=0)[0]
            outputs.append(fn.crop(fn.decoders.image(stored, output_type=kind), crop=task.job.size, **where))
        outputs[0] = fn.crop_mirror_normalize(outputs[0], std=255.0, dtype=types.FLOAT, output_layout="HWC")
        pipeline.set_outputs(*outputs)
        pipeline.build()
        while True:
            images, found = pipeline.run()
            yield Pair(images=images, masks=found)


def to_numpy(batch: Any) -> np.ndarray:
    return batch.as_array()


def listing(folder: Path) -> int:
    pipeline = Pipeline(batch_size=1, num_threads=1, device_id=None)
    with pipeline:
        pipeline.set_outputs(fn.readers.file(file_root=str(folder), name="files")[0])
    pipeline.build()
    return pipeline.reader_meta("files")["epoch_size"]


def versions() -> dict[str, str]:
    return {"nvidia-dali": dali.__version__}
