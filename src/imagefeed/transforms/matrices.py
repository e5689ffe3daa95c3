"""Matrices of points (x, y, 1) in continuous coordinates: the first pixel covers [0, 1), y points down.

Each maps output to input, as a Warp wants it, so it is the inverse of what a person sees happen.
"""

from __future__ import annotations

from typing import Any

from imagefeed.ops import Extent
from imagefeed.types import Array, Namespace, Size


def matrix(rows: tuple[tuple[Any, ...], ...], xp: Namespace) -> Array:
    """Float (n, r, c) from r rows of c entries, each a float or an array (n,); at least one is an array."""
    entries = [entry for row in rows for entry in row]
    like = next(entry for entry in entries if not isinstance(entry, float))
    numbers = {entry for entry in entries if isinstance(entry, float)}
    constants = {number: xp.full_like(like, number) for number in numbers}
    arrays = [constants[entry] if isinstance(entry, float) else entry for entry in entries]
    if any(array.shape != like.shape for array in arrays):
        arrays = xp.broadcast_arrays(*arrays)
    stacked = xp.stack(arrays, axis=-1)
    return xp.reshape(stacked, (stacked.shape[0], len(rows), len(rows[0])))


def affine(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, xp: Namespace) -> Array:
    """x' = ax + by + c, y' = dx + ey + f."""
    return matrix(((a, b, c), (d, e, f), (0.0, 0.0, 1.0)), xp)


def about_center(a: Any, b: Any, d: Any, e: Any, extent: Extent, xp: Namespace) -> Array:
    """The linear map ((a, b), (d, e)) that keeps the middle of the picture where it is."""
    y, x = extent[0] * 0.5, extent[1] * 0.5
    # The identity gives exact zeros here: a warp that is upright, exactly, is resampled faster.
    return affine(a, b, x * (1.0 - a) - y * b, d, e, y * (1.0 - e) - x * d, xp)


def fixed_size(size: Size, xp: Namespace) -> Array:
    """Integers (1, 2): the same size for all records."""
    return xp.asarray([size], dtype=xp.int64)
