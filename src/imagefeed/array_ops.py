"""Every op over the array API: the definition that the native kernels are tested against.

Pictures are (height, width, channels), or (n, height, width, channels) where a function says so, of any array
API library. Numbers are levels from 0 to 255 unless said otherwise. docs/architecture.md states the rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from imagefeed.footprint import SUPPORT, aligned, shrink
from imagefeed.ops import ColorMatrix, Lut, Normalize, Warp
from imagefeed.plan import Pass, Pointwise
from imagefeed.types import Array, Border, Interpolation, Namespace, Size

Floats: TypeAlias = NDArray[np.float64]

# Coordinates are clipped to this many pixels, and points at or behind the horizon of a perspective lie there.
FARTHEST = 2.0**22


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
    dtype = xp.float32 if dtype is None else dtype
    for one in passes:
        if one.warp is not None:
            image = warp(image, one.warp, row, dtype)
        image = xp.astype(image, dtype)
        for op in one.ops:
            image = pointwise(image, op, row)
    return image


def to_levels(image: Array) -> Array:
    """Round half to even and clip to 0..255; uint8, same shape."""
    xp = array_namespace(image)
    return xp.astype(xp.clip(xp.round(image), 0.0, 255.0), xp.uint8)


def pointwise(image: Array, op: Pointwise, row: int) -> Array:
    """One pointwise op on one float picture (height, width, channels)."""
    xp = array_namespace(image)
    match op:
        case ColorMatrix():
            arrays = [xp.asarray(_at(a, row), dtype=image.dtype) for a in (op.matrix, op.low, op.high)]
            return color_matrix(image, *arrays, diagonal=op.diagonal)
        case Lut():
            return lut(image, xp.asarray(_at(op.table, row)))
        case Normalize():
            return image * xp.asarray(op.scale, dtype=image.dtype) + xp.asarray(op.bias, dtype=image.dtype)


def color_matrix(image: Array, matrix: Array, low: Array, high: Array, *, diagonal: bool) -> Array:
    """`clip(matrix[:, :3] @ rgb + matrix[:, 3], low, high)` on a float picture (height, width, channels).

    A gray picture is the color (g, g, g), and red is kept of the result. Where every channel depends on
    itself alone there may be any number of them; all after the third are treated as the third.

    Args:
        image: Float (height, width, channels).
        matrix: Float (3, 4).
        low: Float (3,).
        high: Float (3,).
        diagonal: Whether every channel depends on itself alone.
    """
    xp = array_namespace(image)
    channels = image.shape[-1]
    if diagonal:
        pick = xp.asarray([min(k, 2) for k in range(channels)])
        scale, shift = xp.stack([matrix[k, k] for k in range(3)]), matrix[:, 3]
        scale, shift, low, high = (xp.take(a, pick, axis=0) for a in (scale, shift, low, high))
        return xp.minimum(xp.maximum(image * scale + shift, low), high)
    color = xp.concat([image] * 3, axis=-1) if channels == 1 else image
    mixed = color @ xp.matrix_transpose(matrix[:, :3]) + matrix[:, 3]
    return xp.minimum(xp.maximum(mixed, low), high)[..., :channels]


def lut(image: Array, table: Array) -> Array:
    """`table[round(level), channel]` on a float picture (height, width, channels).

    Args:
        image: Float (height, width, channels).
        table: uint8 (256, channels), or (256, 1) for all channels alike.
    """
    xp = array_namespace(image)
    columns = table.shape[1]
    levels = xp.astype(to_levels(image), xp.int64)
    index = levels * columns + (xp.arange(image.shape[-1]) if columns > 1 else 0)
    flat = xp.take(xp.reshape(table, (-1,)), xp.reshape(index, (-1,)), axis=0)
    return xp.astype(xp.reshape(flat, image.shape), image.dtype)


def warp(image: Array, op: Warp, row: int, dtype: Any) -> Array:
    """The warp of one record on one picture (height, width, channels); the result is in `dtype`."""
    xp = array_namespace(image)
    matrix = np.asarray(_at(op.matrix, row), np.float64)
    height, width = (int(extent) for extent in _at(op.size, row))
    if aligned(matrix[None])[0]:
        how = op.interpolation, op.border, op.antialias
        y = axis_weights(matrix[1, 1], matrix[1, 2], height, image.shape[0], *how)
        x = axis_weights(matrix[0, 0], matrix[0, 2], width, image.shape[1], *how)
        values = xp.astype(image, dtype)
        if op.interpolation not in ("bicubic", "lanczos"):
            return resample(values, y, x, op.fill)
        part = np.rint([abs(matrix[1, 1]) * height, abs(matrix[0, 0]) * width])
        columns_first = part[0] > height and part[0] - height > 2 * (part[1] - width)
        return resample_clipped(values, y, x, op.fill, columns_first=bool(columns_first))
    if op.antialias and op.interpolation == "bilinear":
        image, matrix = _shrunk(image, matrix, (height, width), dtype)
    values = xp.astype(image, dtype)[None, ...]
    placed = xp.asarray(matrix[None])
    sampler = sample_bilinear if op.interpolation == "bilinear" else sample_nearest
    return sampler(values, placed, (height, width), op.border, op.fill)[0, ...]


def _shrunk(image: Array, matrix: Floats, size: Size, dtype: Any) -> tuple[Array, Floats]:
    """The picture at about the resolution that its warp needs, and the matrix for that.

    It is 8-bit where the source is, if that is gray or color: so the native core holds such pictures.
    """
    xp = array_namespace(image)
    factor = np.maximum(shrink(matrix[None], np.array([size]))[0], 1.0)
    full = np.array([image.shape[1], image.shape[0]])
    width, height = (int(n) for n in np.where(factor > 1.0, np.maximum(np.rint(full / factor), 1.0), full))
    if (height, width) == tuple(image.shape[:2]):
        return image, matrix
    y = axis_weights(full[1] / height, 0.0, height, int(full[1]), "bilinear", None, True)
    x = axis_weights(full[0] / width, 0.0, width, int(full[0]), "bilinear", None, True)
    small = resample(xp.astype(image, dtype), y, x, 0.0)
    if image.dtype == xp.uint8 and image.shape[2] in (1, 3):
        small = to_levels(small)
    return small, np.diag([width / full[0], height / full[1], 1.0]) @ matrix


# ------------------------------------------------------------------------------------------------ separable


def _triangle(x: Floats) -> Floats:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _box(x: Floats) -> Floats:
    return np.where((x > -0.5) & (x <= 0.5), 1.0, 0.0)


def _hamming(x: Floats) -> Floats:
    return np.where(np.abs(x) < 1.0, np.sinc(x) * (0.54 + 0.46 * np.cos(math.pi * x)), 0.0)


def _cubic(x: Floats) -> Floats:
    """Keys, "Cubic convolution interpolation for digital image processing" (1981), with a = -1/2."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(x: Floats) -> Floats:
    return np.where(np.abs(x) < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)


_KERNELS: dict[str, Callable[[Floats], Floats]] = {
    "box": _box,
    "bilinear": _triangle,
    "hamming": _hamming,
    "bicubic": _cubic,
    "lanczos": _lanczos,
}


def axis_weights(
    scale: float,
    offset: float,
    count: int,
    length: int,
    interpolation: Interpolation | None,
    border: Border | None,
    antialias: bool,
) -> tuple[Floats, Floats]:
    """How one axis is resampled: output i, centered at scale·(i + 0.5) + offset, is a sum over the inputs.

    Returns:
        The weights, float64 (count, length), and the weight (count,) that falls on a constant border.
    """
    center = scale * (np.arange(count) + 0.5) + offset
    if interpolation is None or interpolation == "nearest":
        taps, values = np.floor(center)[:, None], np.ones((count, 1))
    else:
        stretch = max(1.0, abs(scale)) if antialias else 1.0
        support = SUPPORT[interpolation] * stretch
        taps = np.floor(center - support + 0.5)[:, None] + np.arange(2 * math.ceil(support) + 1)
        values = _KERNELS[interpolation]((taps + 0.5 - center[:, None]) / stretch)
        values = np.where(taps < np.floor(center + support + 0.5)[:, None], values, 0.0)
    if border is None:
        values = np.where((taps >= 0) & (taps < length), values, 0.0)
        # A center outside, where rounding put it, takes the nearest pixel.
        lost = values.sum(axis=1) == 0.0
        taps[lost], values[lost] = np.floor(center[lost])[:, None], 1.0
    values = values / values.sum(axis=1, keepdims=True)
    index = border_index(taps.astype(np.int64), length, border, np)
    outside = (taps < 0) | (taps >= length) if border == "constant" else np.zeros(taps.shape, bool)
    weights = np.zeros((count, length))
    np.add.at(weights, (np.arange(count)[:, None], index), np.where(outside, 0.0, values))
    return weights, np.where(outside, values, 0.0).sum(axis=1)


def resample(image: Array, y: tuple[Floats, Floats], x: tuple[Floats, Floats], fill: float) -> Array:
    """Two matrix products on float pictures (..., height, width, channels).

    Args:
        image: Float (..., height, width, channels).
        y: What `axis_weights` gives for the vertical axis.
        x: What `axis_weights` gives for the horizontal axis.
        fill: The level of a constant border.
    """
    return _resample_columns(_resample_rows(image, x, fill), y, fill)


def resample_clipped(
    image: Array, y: tuple[Floats, Floats], x: tuple[Floats, Floats], fill: float, *, columns_first: bool
) -> Array:
    """As `resample`, for kernels that overshoot: both results are clipped, so their order matters."""
    xp = array_namespace(image)
    steps = [(_resample_rows, x), (_resample_columns, y)]
    for step, axis in reversed(steps) if columns_first else steps:
        image = xp.clip(step(image, axis, fill), 0.0, 255.0)
    return image


def _resample_rows(image: Array, x: tuple[Floats, Floats], fill: float) -> Array:
    weights, rest = _on(image, x, fill)
    return weights @ image + rest


def _resample_columns(image: Array, y: tuple[Floats, Floats], fill: float) -> Array:
    xp = array_namespace(image)
    weights, rest = _on(image, y, fill)
    *batch, height, width, channels = image.shape
    columns = weights @ xp.reshape(image, (*batch, height, width * channels)) + rest
    return xp.reshape(columns, (*batch, weights.shape[0], width, channels))


def _on(image: Array, axis: tuple[Floats, Floats], fill: float) -> tuple[Array, Array]:
    """The weights of an axis, and what a constant border adds, as arrays like the picture."""
    xp = array_namespace(image)
    weights, rest = axis
    return xp.asarray(weights, dtype=image.dtype), xp.asarray(rest[:, None] * fill, dtype=image.dtype)


# ------------------------------------------------------------------------------------------------ any matrix


def border_index(index: Array, length: int, border: Border | None, xp: Namespace) -> Array:
    """The pixel, from 0 to length - 1, that an integer index reads; the nearest one for a constant border."""
    if border == "wrap":
        return index % length
    if border == "reflect":
        folded = index % (2 * length)
        return xp.where(folded < length, folded, 2 * length - 1 - folded)
    return xp.clip(index, 0, length - 1)


def sample_bilinear(image: Array, matrix: Array, size: Size, border: Border | None, fill: float) -> Array:
    """Four neighbors around each place.

    Args:
        image: Float (n, height, width, channels).
        matrix: Float (n, 3, 3), output to input; places are computed in its dtype.
        size: Height and width of the result.
        border: What lies outside; None as "replicate".
        fill: The level of a constant border.
    """
    xp = array_namespace(image)
    x, y = _places(matrix, size, xp, 0.5)
    left, top = xp.floor(x), xp.floor(y)
    tx, ty = (xp.astype(t, image.dtype)[..., None] for t in (x - left, y - top))
    left, top = xp.astype(left, xp.int64), xp.astype(top, xp.int64)
    a, b, c, d = (_read(image, top + j, left + i, border, fill, xp) for j in (0, 1) for i in (0, 1))
    upper, lower = a + (b - a) * tx, c + (d - c) * tx
    return upper + (lower - upper) * ty


def sample_nearest(image: Array, matrix: Array, size: Size, border: Border | None, fill: float) -> Array:
    """The pixel that each place lies in; arguments as for `sample_bilinear`."""
    xp = array_namespace(image)
    x, y = (xp.astype(xp.floor(place), xp.int64) for place in _places(matrix, size, xp, 0.0))
    return _read(image, y, x, border, fill, xp)


def _places(matrix: Array, size: Size, xp: Namespace, origin: float) -> tuple[Array, Array]:
    """Where the centers of the output's pixels lie in the input, as seen from (origin, origin): x and y of
    shape (n, height, width)."""
    u = (xp.arange(size[1], dtype=matrix.dtype) + 0.5)[None, None, :]
    v = (xp.arange(size[0], dtype=matrix.dtype) + 0.5)[None, :, None]
    m = matrix[:, :, :, None, None]
    x, y, w = (m[:, k, 0, ...] * u + m[:, k, 1, ...] * v + m[:, k, 2, ...] for k in range(3))
    visible = w > 1e-12
    depth = xp.where(visible, w, 1.0)
    x, y = (xp.where(visible, xp.clip(p / depth - origin, -FARTHEST, FARTHEST), -FARTHEST) for p in (x, y))
    return x, y


def _read(image: Array, y: Array, x: Array, border: Border | None, fill: float, xp: Namespace) -> Array:
    """The pixels at integer places (n, h, w) of pictures (n, height, width, channels)."""
    count, height, width, channels = image.shape
    rows = xp.arange(count, dtype=xp.int64)[:, None, None] * height + border_index(y, height, border, xp)
    flat = rows * width + border_index(x, width, border, xp)
    pixels = xp.take(xp.reshape(image, (-1, channels)), xp.reshape(flat, (-1,)), axis=0)
    pixels = xp.reshape(pixels, (*x.shape, channels))
    if border != "constant":
        return pixels
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return xp.where(inside[..., None], pixels, fill)


def _at(array: Array, row: int) -> Array:
    """A record's own entry, or the one that all share."""
    return array[row if array.shape[0] > 1 else 0]
