"""Geometry: every kind of warp, of pictures (n, height, width, channels).

What has to be known before the numbers are, since it decides the shape of a computation, is its `Route`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.array_ops.base import dims, namespace_of
from imagefeed.array_ops.places import FARTHEST, map_points, sample_bilinear, sample_nearest, take_axis
from imagefeed.array_ops.separable import axis_weights, copies_needed, resample, resample_clipped
from imagefeed.footprint import SUPPORT, aligned, shrink
from imagefeed.ops import Warp
from imagefeed.types import Array, Namespace, Size

Floats: TypeAlias = NDArray[np.float64]

Bound: TypeAlias = Size | Literal["input"]

# Kernels that overshoot, whose results are clipped after each axis.
CLIPPED = ("bicubic", "lanczos")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a warp is computed: what its numbers decide, for one record or for all that may come.

    Attributes:
        size: Height and width of the result; None for those of the input.
        aligned: Whether it neither turns nor slants; None where that is so for some records.
        columns_first: Of an aligned warp that overshoots: which axis comes first; None as above.
        smaller: The largest height and width of the smaller picture that an unaligned warp reads, or "input" for
            those of the input; None where it reads the picture itself.
        copies: How often an aligned warp's border continues the picture, along y and x.
    """

    size: Size | None
    aligned: bool | None
    columns_first: bool | None
    smaller: Bound | None
    copies: tuple[int, int]


def route(op: Warp, extent: Floats) -> Route:
    """The route for all records of a warp.

    Args:
        op: NumPy arrays; matrices divided by their last entry. All records have one size.
        extent: (n, 2) or (1, 2): height and width of the pictures that come in.
    """
    size = extent if op.size is None else op.size.astype(np.float64)
    upright = aligned(op.matrix)
    return Route(
        size=None if op.size is None else (int(size[0, 0]), int(size[0, 1])),
        aligned=_common(upright),
        columns_first=_common(_columns_first(op.matrix, size, np)) if op.interpolation in CLIPPED else False,
        smaller=_bound(op, size, extent) if _shrinks(op) and not upright.all() else None,
        copies=_copies(op, extent, upright),
    )


def _common(values: NDArray[np.bool_]) -> bool | None:
    """What all values are, or None."""
    return bool(values[0]) if (values == values[0]).all() else None


def _shrinks(op: Warp) -> bool:
    return op.antialias and op.interpolation == "bilinear"


def _bound(op: Warp, size: Floats, extent: Floats) -> Size | None:
    """The largest smaller picture that the warp reads; None if it always reads the picture itself."""
    small = np.stack(_smaller(op.matrix, size, extent[:, 0], extent[:, 1], np), axis=1)
    if (small == extent).all():
        return None
    height, width = small.max(axis=0)
    return int(height), int(width)


def _copies(op: Warp, extent: Floats, upright: NDArray[np.bool_]) -> tuple[int, int]:
    if op.interpolation in (None, "nearest") or not upright.any():
        return 0, 0
    matrix: Floats = op.matrix
    scale = np.abs(matrix[:, (1, 0), (1, 0)])
    stretch = np.maximum(scale, 1.0) if op.antialias else np.ones_like(scale)
    reach = (stretch * SUPPORT[op.interpolation or ""] + 1.0) / extent
    y, x = reach[upright if len(reach) == len(upright) else slice(None)].max(axis=0)
    return copies_needed(y, op.border), copies_needed(x, op.border)


def _columns_first(matrix: Array, size: Array, xp: Namespace) -> Array:
    """Which axis Pillow 13 resamples first: bool (n,)."""
    height = xp.round(xp.abs(matrix[:, 1, 1]) * size[:, 0]) - size[:, 0]
    width = xp.round(xp.abs(matrix[:, 0, 0]) * size[:, 1]) - size[:, 1]
    return (height > 0.0) & (height > width * 2.0)


def _smaller(matrix: Array, size: Array, height: Any, width: Any, xp: Namespace) -> tuple[Array, Array]:
    """Height and width, whole numbers as floats (n,), of the picture at about the resolution that a warp needs."""
    factor = shrink(matrix, size, xp=xp)
    sides: list[Array] = []
    for full, f in ((height, factor[:, 1]), (width, factor[:, 0])):
        rounded = xp.clip(xp.round(full / xp.clip(f, 1.0, math.inf)), 1.0, math.inf)
        sides.append(xp.where(f > 1.0, rounded, full + f * 0.0))
    return sides[0], sides[1]


def warp(images: Array, op: Warp, way: Route, xp: Namespace, *, dtype: Any) -> Array:
    """The warp of pictures.

    Args:
        images: (n, height, width, channels), uint8 or floats.
        op: Its matrices are divided by their last entry; NumPy arrays, where they are known beforehand.
        way: What `route` gave for such a warp.
        xp: The array API namespace of the pictures.
        dtype: The float dtype to compute in, and of the result.
    """
    values = xp.astype(images, dtype)
    if op.interpolation in (None, "nearest"):
        return _nearest(values, op, way, xp)
    if way.aligned is True:
        return _upright(values, op, way, xp)
    turned = _turned(values, op, way, xp)
    if way.aligned is False:
        return turned
    known = namespace_of(op.matrix, xp)
    upright = xp.asarray(_aligned(op.matrix, known))
    return xp.where(upright[:, None, None, None], _upright(values, op, way, xp), turned)


def _aligned(matrix: Array, xp: Namespace) -> Array:
    rest = [xp.abs(matrix[:, j, k]) for j, k in ((0, 1), (1, 0), (2, 0), (2, 1))]
    return (rest[0] + rest[1] + rest[2] + rest[3] == 0.0) & (matrix[:, 2, 2] == 1.0)


def _target(images: Array, way: Route, xp: Namespace) -> tuple[Any, Any]:
    """Height and width of the result."""
    if way.size is not None:
        return way.size
    _, height, width, _ = dims(images, xp)
    return height, width


def _nearest(images: Array, op: Warp, way: Route, xp: Namespace) -> Array:
    height, width = _target(images, way, xp)
    known, m = namespace_of(op.matrix, xp), op.matrix
    if way.aligned is True and m.shape[0] == 1:
        for axis, count in ((1, height), (2, width)):
            k = 2 - axis
            center = m[0, k, k] * (known.arange(count, dtype=m.dtype) + 0.5) + m[0, k, 2]
            place = known.clip(known.floor(center), -FARTHEST, FARTHEST)
            images = take_axis(images, known.astype(place, known.int64), axis, op.border, op.fill, xp)
        return images
    x, y = map_points(m, (height, width), 0.0, known)
    return sample_nearest(images, x, y, op.border, op.fill, xp)


def _upright(images: Array, op: Warp, way: Route, xp: Namespace) -> Array:
    height, width = _target(images, way, xp)
    _, full_height, full_width, _ = dims(images, xp)
    known, m = namespace_of(op.matrix, xp), op.matrix
    y, x = (
        axis_weights(
            m[:, k, k],
            m[:, k, 2],
            count,
            length,
            interpolation=op.interpolation or "box",
            border=op.border,
            antialias=op.antialias,
            copies=copies,
            xp=known,
        )
        for k, count, length, copies in (
            (1, height, full_height, way.copies[0]),
            (0, width, full_width, way.copies[1]),
        )
    )
    if op.interpolation not in CLIPPED:
        return resample(images, y, x, op.fill, xp)
    if way.columns_first is not None:
        return resample_clipped(images, y, x, op.fill, columns_first=way.columns_first, xp=xp)
    first = xp.asarray(_columns_first(m, _pair((height, width), m.dtype, known), known))[:, None, None, None]
    columns, rows = (resample_clipped(images, y, x, op.fill, columns_first=one, xp=xp) for one in (True, False))
    return xp.where(first, columns, rows)


def _turned(images: Array, op: Warp, way: Route, xp: Namespace) -> Array:
    size = _target(images, way, xp)
    known, matrix, sizes = namespace_of(op.matrix, xp), op.matrix, None
    if way.smaller is not None:
        images, matrix, sizes = _shrunk(images, op, size, way.smaller, xp)
    x, y = map_points(matrix, size, 0.5, known)
    return sample_bilinear(images, x, y, op.border, op.fill, xp, sizes)


def _shrunk(
    images: Array, op: Warp, size: tuple[Any, Any], bound: Bound, xp: Namespace
) -> tuple[Array, Array, tuple[Array, Array]]:
    """The pictures at about the resolution that their warps need, the matrices for that, and their sizes."""
    known, m = namespace_of(op.matrix, xp), op.matrix
    _, full_height, full_width, _ = dims(images, xp)
    full = [known.asarray(n, dtype=m.dtype) for n in (full_height, full_width)]
    height, width = _smaller(m, _pair(size, m.dtype, known), full[0], full[1], known)
    if bound == "input":
        bound = full_height, full_width
    else:
        height, width = known.clip(height, 1.0, float(bound[0])), known.clip(width, 1.0, float(bound[1]))
    y, x = (
        axis_weights(
            whole / part,
            part * 0.0,
            count,
            length,
            interpolation="bilinear",
            border=None,
            antialias=True,
            copies=0,
            xp=known,
        )
        for whole, part, count, length in (
            (full[0], height, bound[0], full_height),
            (full[1], width, bound[1], full_width),
        )
    )
    small = resample(images, y, x, 0.0, xp)
    scale = known.stack([width / full[1], height / full[0], known.ones_like(width)], axis=-1)
    bottom, right = (xp.asarray(known.astype(n, known.int64))[:, None, None] for n in (height, width))
    return small, m * scale[:, :, None], (bottom, right)


def _pair(size: tuple[Any, Any], dtype: Any, xp: Namespace) -> Array:
    """Height and width, known or not, as floats (1, 2)."""
    return xp.stack([xp.reshape(xp.asarray(side, dtype=dtype), (1,)) for side in size], axis=-1)
