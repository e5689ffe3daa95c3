"""Aligned resampling: a product with a matrix of weights for each axis.

The weights of an axis are written as a whole matrix, of every output with every input, and not as lists of
taps: so they can be computed from a scale that is not known yet, on any backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from imagefeed.array_ops.base import dims, namespace_of
from imagefeed.footprint import SUPPORT
from imagefeed.types import Array, Border, Interpolation, Namespace

Weights: TypeAlias = tuple[Array, Array]
"""The weights (n, count, length) of an axis, and the weight (n, count) that falls on a constant border."""


def _triangle(x: Array, xp: Namespace) -> Array:
    return xp.clip(1.0 - xp.abs(x), 0.0, 1.0)


def _box(x: Array, xp: Namespace) -> Array:
    return xp.astype((x > -0.5) & (x <= 0.5), x.dtype)


def _hamming(x: Array, xp: Namespace) -> Array:
    return xp.where(xp.abs(x) < 1.0, _sinc(x, xp) * (xp.cos(x * math.pi) * 0.46 + 0.54), 0.0)


def _cubic(x: Array, xp: Namespace) -> Array:
    """Keys, "Cubic convolution interpolation for digital image processing" (1981), with a = -1/2."""
    x = xp.abs(x)
    near = (x * 1.5 - 2.5) * x * x + 1.0
    far = ((x * -0.5 + 2.5) * x - 4.0) * x + 2.0
    return xp.where(x < 1.0, near, xp.where(x < 2.0, far, 0.0))


def _lanczos(x: Array, xp: Namespace) -> Array:
    return xp.where(xp.abs(x) < 3.0, _sinc(x, xp) * _sinc(x / 3.0, xp), 0.0)


def _sinc(x: Array, xp: Namespace) -> Array:
    """sin(πx) / πx, and 1 at 0."""
    angle = xp.where(x == 0.0, 1e-20, x * math.pi)
    return xp.sin(angle) / angle


_KERNELS: dict[str, Callable[[Array, Namespace], Array]] = {
    "box": _box,
    "bilinear": _triangle,
    "hamming": _hamming,
    "bicubic": _cubic,
    "lanczos": _lanczos,
}


def axis_weights(
    scale: Array,
    offset: Array,
    count: int,
    length: int,
    *,
    interpolation: Interpolation,
    border: Border | None,
    antialias: bool,
    copies: int,
    xp: Namespace,
) -> Weights:
    """How one axis is resampled: output i, centered at scale·(i + 0.5) + offset, is a sum over the inputs.

    Args:
        scale: Float (n,).
        offset: Float (n,).
        count: How many outputs there are.
        length: How many inputs there are.
        interpolation: The kernel; not "nearest".
        border: What lies outside; None where that is left out.
        antialias: Whether the kernel grows with the scale.
        copies: How many times the picture is continued on each side: what `copies_needed` says, or more.
        xp: The array API namespace of scale and offset.
    """
    dtype = scale.dtype
    center = scale[:, None] * (xp.arange(count, dtype=dtype) + 0.5) + offset[:, None]
    stretch = xp.clip(xp.abs(scale), 1.0, math.inf)[:, None] if antialias else xp.ones_like(scale)[:, None]
    support = stretch * SUPPORT[interpolation]
    center = _nearby(center, support + 1.0, xp.asarray(length, dtype=dtype), border, xp)
    copies = copies if border is not None else 0
    taps = xp.arange(-copies * length, (copies + 1) * length, dtype=dtype)
    values = _KERNELS[interpolation]((taps + 0.5 - center[:, :, None]) / stretch[:, :, None], xp)
    first, end = xp.floor(center - support + 0.5), xp.floor(center + support + 0.5)
    values = xp.where((taps >= first[:, :, None]) & (taps < end[:, :, None]), values, 0.0)
    total = xp.sum(values, axis=-1, keepdims=True)
    lost = total == 0.0
    if border is None:
        # A center outside, where rounding put it, takes the nearest pixel.
        nearest = xp.clip(xp.floor(center), 0.0, xp.asarray(length - 1, dtype=dtype))[:, :, None]
        values = xp.where(lost, xp.astype(taps == nearest, dtype), values)
    return _folded(values / xp.where(lost, 1.0, total), length, border, copies, xp)


def copies_needed(reach: float, border: Border | None) -> int:
    """How many times a picture must be continued on each side for a kernel that reaches `reach` of its length."""
    match border:
        case None:
            return 0
        case "wrap":
            return math.ceil(reach)
        case "reflect":
            return math.ceil(reach + 0.5)
        case "constant" | "replicate":
            return math.ceil(2.0 * reach)


def _nearby(center: Array, reach: Array, length: Array, border: Border | None, xp: Namespace) -> Array:
    """The center that reads the same as one far outside."""
    if border == "wrap":
        return center - xp.floor(center / length) * length
    if border == "reflect":
        return center - xp.floor(center / (length * 2.0) + 0.25) * (length * 2.0)
    if border is None:
        return center
    return xp.minimum(xp.maximum(center, -reach), reach + length)


def _folded(values: Array, length: int, border: Border | None, copies: int, xp: Namespace) -> Weights:
    """The weights of a picture and its continuations, (n, count, (2 copies + 1) length), as those of the picture."""
    if border is None:
        return values, xp.zeros_like(xp.sum(values, axis=-1))
    parts = [values[:, :, k * length : (k + 1) * length] for k in range(2 * copies + 1)]
    middle = parts[copies]
    inside = xp.sum(middle, axis=-1)
    if border == "constant":
        return middle, 1.0 - inside
    if border == "replicate":
        before = xp.zeros_like(inside)
        for part in parts[:copies]:
            before = before + xp.sum(part, axis=-1)
        column = xp.arange(length, dtype=xp.int64)
        first, last = (xp.astype(column == edge, values.dtype) for edge in (0, length - 1))
        after = 1.0 - inside - before
        return middle + before[:, :, None] * first + after[:, :, None] * last, xp.zeros_like(inside)
    mirrored = border == "reflect"
    weights = xp.zeros_like(middle)
    for k, part in enumerate(parts):
        weights = weights + (xp.flip(part, axis=-1) if mirrored and (k - copies) % 2 else part)
    return weights, xp.zeros_like(inside)


def resample(images: Array, y: Weights, x: Weights, fill: float, xp: Namespace) -> Array:
    """Two matrix products on float pictures (n, height, width, channels).

    Args:
        images: Float (n, height, width, channels).
        y: What `axis_weights` gives for the vertical axis, for n records or for all.
        x: What `axis_weights` gives for the horizontal axis.
        fill: The level of a constant border.
        xp: The array API namespace of the pictures.
    """
    return _resample_rows(_resample_columns(images, y, fill, xp), x, fill, xp)


def resample_clipped(
    images: Array, y: Weights, x: Weights, fill: float, *, columns_first: bool, xp: Namespace
) -> Array:
    """As `resample`, for kernels that overshoot: both results are clipped, so their order matters."""
    steps: Sequence[tuple[Callable[..., Array], Weights]] = [(_resample_rows, x), (_resample_columns, y)]
    for step, axis in reversed(steps) if columns_first else steps:
        images = xp.clip(step(images, axis, fill, xp), 0.0, 255.0)
    return images


def _resample_columns(images: Array, y: Weights, fill: float, xp: Namespace) -> Array:
    weights, rest = _on(images, y, fill, xp)
    count, height, width, channels = dims(images, xp)
    columns = xp.matmul(weights, xp.reshape(images, (count, height, width * channels))) + rest
    return xp.reshape(columns, (count, weights.shape[1], width, channels))


def _resample_rows(images: Array, x: Weights, fill: float, xp: Namespace) -> Array:
    weights, rest = _on(images, x, fill, xp)
    count, height, width, channels = dims(images, xp)
    across = xp.reshape(xp.permute_dims(images, (0, 2, 1, 3)), (count, width, height * channels))
    rows = xp.reshape(xp.matmul(weights, across) + rest, (count, weights.shape[1], height, channels))
    return xp.permute_dims(rows, (0, 2, 1, 3))


def _on(images: Array, axis: Weights, fill: float, xp: Namespace) -> tuple[Any, Any]:
    """The weights of an axis, and what a constant border adds, as arrays like the pictures."""
    weights, rest = axis
    rest = rest[:, :, None] * fill
    if namespace_of(weights, xp) is not xp:
        return xp.asarray(weights, dtype=images.dtype), xp.asarray(rest, dtype=images.dtype)
    return xp.astype(weights, images.dtype), xp.astype(rest, images.dtype)
