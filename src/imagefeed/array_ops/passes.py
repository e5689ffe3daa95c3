"""The passes of a plan, done to a batch, or to the picture of one record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from imagefeed.array_ops.base import row_of
from imagefeed.array_ops.effects import effect
from imagefeed.array_ops.levels import color_matrix, lut, normalize, whiten
from imagefeed.array_ops.warp import Route, route, warp
from imagefeed.ops import Blend, ColorMatrix, Effect, Lut, Normalize, Whiten
from imagefeed.plan import Pass, Pointwise
from imagefeed.types import Array, Namespace


def run(passes: Sequence[Pass], image: Array, row: int, dtype: Any = None) -> Array:
    """Do a plan's passes to one whole picture.

    Args:
        passes: The passes of a plan.
        image: (height, width, channels): uint8, or floats in 0..255.
        row: Which of the plan's records it is.
        dtype: The float dtype to compute in and to return; default float32.

    Returns:
        (height, width, channels) in `dtype`, not rounded.
    """
    xp = array_namespace(image)
    images = image[None, ...]
    for one in passes:
        alone = Pass(None if one.warp is None else row_of(one.warp, row), tuple(row_of(op, row) for op in one.ops))
        extent = np.array([images.shape[1:3]], np.float64)
        way = None if alone.warp is None else route(alone.warp, extent)
        images = apply(alone, way, images, xp, dtype=xp.float32 if dtype is None else dtype)
    return images[0, ...]


def apply(one: Pass, way: Route | None, images: Array, xp: Namespace, *, dtype: Any) -> Array:
    """Do one pass to a batch.

    Args:
        one: The pass.
        way: The route of its warp, if it has one.
        images: (n, height, width, channels): uint8, or floats.
        xp: The array API namespace of the pictures.
        dtype: The float dtype to compute in and to return.

    Returns:
        (n, height, width, channels) in `dtype`, not rounded.
    """
    if one.warp is not None and way is not None:
        images = warp(images, one.warp, way, xp, dtype=dtype)
    images = xp.astype(images, dtype)
    for op in one.ops:
        images = pointwise(images, op, xp)
    return images


def pointwise(images: Array, op: Pointwise, xp: Namespace) -> Array:
    """One op, but a warp, on float pictures."""
    match op:
        case ColorMatrix():
            return color_matrix(images, op, xp)
        case Lut():
            return lut(images, op, xp)
        case Blend():
            return blend(images, op, xp)
        case Effect():
            return effect(images, op, xp)
        case Normalize():
            return normalize(images, op, xp)
        case Whiten():
            return whiten(images, op, xp)


def blend(images: Array, op: Blend, xp: Namespace) -> Array:
    """The weighted sum of the pictures and of what each branch makes of them. Sizes must be known beforehand."""
    weights = xp.asarray(op.weights, dtype=images.dtype)[:, :, None, None, None]
    total = images * weights[:, 0, ...]
    extent = np.array([images.shape[1:3]], np.float64)
    for k, branch in enumerate(op.branches):
        made = images
        for one in branch:
            way = None if one.warp is None else route(one.warp, extent)
            made = apply(one, way, made, xp, dtype=images.dtype)
        total = total + made * weights[:, k + 1, ...]
    return total
