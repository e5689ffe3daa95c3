"""Ops that move nothing, on float pictures (n, height, width, channels), in levels from 0 to 255."""

from __future__ import annotations

import math

from imagefeed.array_ops.base import dims
from imagefeed.errors import PlanError
from imagefeed.ops import ColorMatrix, Lut, Normalize, Whiten
from imagefeed.types import Array, Namespace


def to_levels(images: Array, xp: Namespace) -> Array:
    """Round half to even and clip to 0..255; uint8, same shape."""
    return xp.astype(xp.clip(xp.round(images), 0.0, 255.0), xp.uint8)


def color_matrix(images: Array, op: ColorMatrix, xp: Namespace) -> Array:
    """`clip(matrix[:, :3] @ rgb + matrix[:, 3], low, high)`.

    A gray picture is the color (g, g, g), and red is kept of the result. Where every channel depends on
    itself alone there may be any number of them; all after the third are treated as the third.
    """
    matrix, low, high = (xp.asarray(a, dtype=images.dtype) for a in (op.matrix, op.low, op.high))
    channels = images.shape[-1]
    if op.diagonal:
        pick = [min(k, 2) for k in range(channels)]
        scale = xp.stack([matrix[:, k, k] for k in pick], axis=-1)
        shift, low, high = (
            xp.stack([a[:, k] for k in pick], axis=-1)[:, None, None, :] for a in (matrix[:, :, 3], low, high)
        )
        return xp.minimum(xp.maximum(images * scale[:, None, None, :] + shift, low), high)
    if channels not in (1, 3):
        raise PlanError(f"colors are mixed, which takes 1 or 3 channels, but the picture has {channels}")
    color = xp.concat([images] * 3, axis=-1) if channels == 1 else images
    # Three sums, and not a product of matrices, which some accelerators compute with ten bits.
    rows: list[Array] = []
    for k in range(channels):
        m = matrix[:, k, None, None, :]
        mixed = color[..., 0] * m[..., 0] + color[..., 1] * m[..., 1] + color[..., 2] * m[..., 2] + m[..., 3]
        rows.append(xp.minimum(xp.maximum(mixed, low[:, k, None, None]), high[:, k, None, None]))
    return xp.stack(rows, axis=-1)


def lut(images: Array, op: Lut, xp: Namespace) -> Array:
    """`table[round(level), channel]`; channels beyond the table's have its last column."""
    table = xp.asarray(op.table)
    rows, _, columns = table.shape
    count, _, _, channels = dims(images, xp)
    index = xp.astype(to_levels(images, xp), xp.int64) * columns
    if columns > 1:
        index = index + xp.clip(xp.arange(channels, dtype=xp.int64), 0, columns - 1)
    if rows != 1:
        index = index + xp.arange(count, dtype=xp.int64)[:, None, None, None] * (256 * columns)
    flat = xp.take(xp.reshape(table, (-1,)), xp.reshape(index, (-1,)), axis=0)
    return xp.astype(xp.reshape(flat, dims(images, xp)), images.dtype)


def normalize(images: Array, op: Normalize, xp: Namespace) -> Array:
    """`value * scale + bias`, of a channel or of every value, once red and blue are exchanged if that is asked for."""
    if op.reverse:
        images = xp.flip(images, axis=-1)
    return images * xp.asarray(op.scale, dtype=images.dtype) + xp.asarray(op.bias, dtype=images.dtype)


def whiten(images: Array, op: Whiten, xp: Namespace) -> Array:
    """A linear map of all the values of a picture."""
    shape = dims(images, xp)
    rows = xp.reshape(images, (-1, math.prod(op.shape)))
    found = xp.matmul(rows, xp.asarray(op.analysis, dtype=images.dtype))
    if op.synthesis is not None:
        result = xp.matmul(found, xp.asarray(op.synthesis, dtype=images.dtype)) + rows * op.rest
    elif op.analysis.shape[1] < op.analysis.shape[0]:
        rest = rows[:, op.analysis.shape[1] :] * 0.0
        result = xp.concat([found, rest], axis=1)
    else:
        result = found
    return xp.reshape(result, shape)
