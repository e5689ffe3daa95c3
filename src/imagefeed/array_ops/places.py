"""Sampling at any places: what a matrix that turns, slants or looks from the side needs."""

from __future__ import annotations

from typing import Any

from imagefeed.array_ops.base import dims, namespace_of
from imagefeed.types import Array, Border, Namespace

# Coordinates are clipped to this many pixels, and points at or behind the horizon of a perspective lie there.
FARTHEST = 2.0**22


def border_index(index: Array, length: Any, border: Border | None, xp: Namespace) -> Array:
    """The pixel, from 0 to length - 1, that an integer index reads; the nearest one for a constant border.

    Args:
        index: Integers.
        length: A number, or integers that broadcast with `index`.
        border: What lies outside; None as "replicate".
        xp: The array API namespace of the index.
    """
    if border == "wrap":
        return index % length
    if border == "reflect":
        folded = index % (2 * length)
        return xp.where(folded < length, folded, 2 * length - 1 - folded)
    return xp.clip(index, 0, length - 1)


def map_points(matrix: Array, size: tuple[Any, Any], origin: float, xp: Namespace) -> tuple[Array, Array]:
    """Where the centers of the output's pixels lie in the input.

    Args:
        matrix: Float (n, 3, 3), output to input; places are computed in its dtype.
        size: Height and width of the output.
        origin: The places are as seen from (origin, origin).
        xp: The array API namespace of the matrix.

    Returns:
        x and y, each (n, height, width).
    """
    u = (xp.arange(size[1], dtype=matrix.dtype) + 0.5)[None, None, :]
    v = (xp.arange(size[0], dtype=matrix.dtype) + 0.5)[None, :, None]
    m = matrix[:, :, :, None, None]
    x, y, w = (m[:, k, 0, ...] * u + m[:, k, 1, ...] * v + m[:, k, 2, ...] for k in range(3))
    visible = w > 1e-12
    depth = xp.where(visible, w, 1.0)
    x, y = (xp.where(visible, xp.clip(p / depth - origin, -FARTHEST, FARTHEST), -FARTHEST) for p in (x, y))
    return x, y


def sample_bilinear(
    images: Array, x: Array, y: Array, border: Border | None, fill: float, xp: Namespace, sizes: Any = None
) -> Array:
    """Four neighbors around each place.

    Args:
        images: Float (n, height, width, channels).
        x: Float (n, h, w) or (1, h, w): places in coordinates whose whole numbers are pixels' centers.
        y: Likewise.
        border: What lies outside; None as "replicate".
        fill: The level of a constant border.
        xp: The array API namespace of the pictures.
        sizes: Integers (n, 1, 1), a pair of them: the height and width of the part that is the picture; None
            for the whole.
    """
    known = namespace_of(x, xp)
    left, top = known.floor(x), known.floor(y)
    tx, ty = (xp.astype(xp.asarray(t), images.dtype)[..., None] for t in (x - left, y - top))
    left, top = (xp.asarray(known.astype(place, known.int64)) for place in (left, top))
    a, b, c, d = (read(images, top + j, left + i, border, fill, xp, sizes) for j in (0, 1) for i in (0, 1))
    upper, lower = a + (b - a) * tx, c + (d - c) * tx
    return upper + (lower - upper) * ty


def sample_nearest(images: Array, x: Array, y: Array, border: Border | None, fill: float, xp: Namespace) -> Array:
    """The pixel that each place lies in; as `sample_bilinear`, but whole numbers are the pixels' edges."""
    known = namespace_of(x, xp)
    column, row = (xp.asarray(known.astype(known.floor(place), known.int64)) for place in (x, y))
    return read(images, row, column, border, fill, xp)


def read(
    images: Array, y: Array, x: Array, border: Border | None, fill: float, xp: Namespace, sizes: Any = None
) -> Array:
    """The pixels at integer places (n, h, w), or (1, h, w), of pictures (n, height, width, channels)."""
    count, height, width, channels = dims(images, xp)
    bottom, right = (height, width) if sizes is None else sizes
    rows = xp.arange(count, dtype=xp.int64)[:, None, None] * height + border_index(y, bottom, border, xp)
    flat = rows * width + border_index(x, right, border, xp)
    pixels = xp.take(xp.reshape(images, (-1, channels)), xp.reshape(flat, (-1,)), axis=0)
    pixels = xp.reshape(pixels, (*dims(flat, xp), channels))
    if border != "constant":
        return pixels
    inside = (x >= 0) & (x < right) & (y >= 0) & (y < bottom)
    return xp.where(inside[..., None], pixels, fill)


def take_axis(images: Array, index: Array, axis: int, border: Border | None, fill: float, xp: Namespace) -> Array:
    """The rows (axis 1) or columns (axis 2) at integers (k,), the same for all pictures."""
    length = dims(images, xp)[axis]
    known = namespace_of(index, xp)
    taken = xp.take(images, xp.asarray(border_index(index, length, border, known)), axis=axis)
    if border != "constant":
        return taken
    inside = xp.asarray((index >= 0) & (index < length))
    return xp.where(inside[:, None, None] if axis == 1 else inside[:, None], taken, fill)
