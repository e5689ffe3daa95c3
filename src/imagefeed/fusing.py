"""The rules by which neighboring ops become one."""

from __future__ import annotations

import numpy as np

from imagefeed.errors import SpecError
from imagefeed.ops import ColorMatrix, Lut, Normalize, Op, Warp, Whiten
from imagefeed.types import Namespace


def fuse(first: Op, second: Op, xp: Namespace) -> Op | None:
    """The one op that does `first` and then `second`, or None where they stay two.

    Whether it exists depends on the kinds and options of the ops, never on their arrays, so that a pipeline
    has one structure for all records.

    Raises:
        SpecError: `second` works on levels, which `first` leaves.
    """
    match first, second:
        case Warp(), Warp():
            return _fuse_warps(first, second)
        case ColorMatrix(diagonal=True), ColorMatrix(diagonal=True):
            return _fuse_diagonal(first, second, xp)
        case Lut(), Lut():
            return _fuse_tables(first, second, xp)
        case Normalize(), Normalize():
            return _fuse_lines(first, second, xp)
        case Whiten(), _:
            raise SpecError(f"{type(second).__name__} comes after Whiten, which must be the last")
        case Normalize(), Whiten():
            return None
        case Normalize(), _:
            raise SpecError(f"{type(second).__name__} works on levels, but comes after Normalize")
        case _:
            return None


def _fuse_lines(first: Normalize, second: Normalize, xp: Namespace) -> Normalize:
    """A line after a line is one; the first is carried into the second's order of channels."""
    scale, bias = first.scale, first.bias
    if second.reverse:
        scale, bias = xp.flip(scale, axis=-1), xp.flip(bias, axis=-1)
    return Normalize(
        scale=scale * second.scale,
        bias=bias * second.scale + second.bias,
        reverse=first.reverse != second.reverse,
    )


def _fuse_warps(first: Warp, second: Warp) -> Warp | None:
    """One resample instead of two, where both ask for the same kind of it."""
    if None not in (first.interpolation, second.interpolation) and (
        first.interpolation != second.interpolation or first.antialias != second.antialias
    ):
        return None
    if None not in (first.border, second.border) and (
        first.border != second.border or (first.border == "constant" and first.fill != second.fill)
    ):
        return None
    sampler = first if first.interpolation is not None else second
    bordered = first if first.border is not None else second
    return Warp(
        matrix=first.matrix @ second.matrix,
        size=first.size if second.size is None else second.size,
        interpolation=sampler.interpolation,
        border=bordered.border,
        fill=bordered.fill,
        antialias=sampler.antialias,
    )


def _fuse_diagonal(first: ColorMatrix, second: ColorMatrix, xp: Namespace) -> ColorMatrix:
    """A line ax + b after a clip to [l, h] is the clip of the line: a·clip(v, l, h) + b = clip(av + b, al +
    b, ah + b), with the limits swapped where a < 0. Two clips in a row are one, whose limits are the first's,
    clipped by the second.
    """
    scale = xp.stack([second.matrix[:, k, k] for k in range(3)], axis=-1)
    shift = second.matrix[:, :, 3]
    ends = first.low * scale + shift, first.high * scale + shift
    low, high = xp.minimum(*ends), xp.maximum(*ends)
    matrix = first.matrix * scale[:, :, None]
    moved = xp.concat([matrix[:, :, :3], (matrix[:, :, 3] + shift)[:, :, None]], axis=-1)
    return ColorMatrix(
        matrix=moved,
        low=xp.minimum(xp.maximum(low, second.low), second.high),
        high=xp.minimum(xp.maximum(high, second.low), second.high),
        diagonal=True,
    )


def _fuse_tables(first: Lut, second: Lut, xp: Namespace) -> Lut:
    """`second[first]`: the entries of the second table at (record, level of the first table, channel)."""
    shape = np.broadcast_shapes(first.table.shape, second.table.shape)
    levels = xp.astype(xp.broadcast_to(first.table, shape), xp.int64)
    records, _, channels = shape
    rows = xp.arange(records, dtype=xp.int64)[:, None, None] * 256 + levels
    flat = xp.reshape(xp.broadcast_to(second.table, shape), (-1,))
    index = rows * channels + xp.arange(channels, dtype=xp.int64)
    return Lut(table=xp.reshape(xp.take(flat, xp.reshape(index, (-1,)), axis=0), shape))
