"""Which part of a picture a warp reads, and how small the picture may be decoded for it."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.ops import Warp
from imagefeed.types import Array, Namespace

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

# How far a kernel reaches from its center, in pixels of the coarser of the two grids: Pillow's supports.
SUPPORT = {"box": 0.5, "bilinear": 1.0, "hamming": 1.0, "bicubic": 2.0, "lanczos": 3.0}

# A region decode of a JPEG differs from the whole one in its outermost pixels, whose chroma has no neighbors.
MARGIN = 2


def shrink(matrix: Array, size: Array, at: tuple[float, float] = (0.5, 0.5), xp: Namespace = np) -> Array:
    """How many input pixels one step to the next output pixel is, along each input axis.

    Args:
        matrix: Float (n, 3, 3), output to input.
        size: Numbers (n, 2), height and width of the output.
        at: Where in the output, as fractions of its width and height; matters for perspective only.
        xp: The array API namespace of the matrix and the size.

    Returns:
        Float (n, 2), along x and y.
    """
    # The derivative of (x / w, y / w) is (x' - (x / w) w') / w, and w is 1 where there is no perspective.
    x, y = size[:, 1] * at[0], size[:, 0] * at[1]
    mapped = matrix[:, :, 0] * x[:, None] + matrix[:, :, 1] * y[:, None] + matrix[:, :, 2]
    depth = mapped[:, 2:]
    place = mapped[:, :2] / depth
    rows = (matrix[:, :2, :2] - place[:, :, None] * matrix[:, 2:, :2]) / depth[:, :, None]
    return xp.sqrt(rows[:, :, 0] * rows[:, :, 0] + rows[:, :, 1] * rows[:, :, 1])


def aligned(matrix: Floats) -> NDArray[np.bool_]:
    """Which of the matrices (n, 3, 3) neither turn nor slant, exactly: bool (n,)."""
    rest = matrix - matrix * np.eye(3)
    rest[:, :2, 2] = 0.0
    return (rest == 0.0).all(axis=(1, 2)) & (matrix[:, 2, 2] == 1.0)


def footprint(warp: Warp | None, sizes: Ints, *, scalable: bool) -> tuple[Ints, Ints]:
    """What a warp needs of each picture.

    Args:
        warp: The first warp, from the picture as it is decoded; None needs everything.
        sizes: int64 (n, 2), the pictures' heights and widths.
        scalable: Whether a picture may be decoded at a fraction of its size.

    Returns:
        The region, int64 (n, 4): y0, x0, y1, x1, half open, never empty; and the denominator, int64 (n,): of
        1, 2, 4 and 8 the largest that leaves at least one source pixel for an output pixel.
    """
    count = len(sizes)
    if warp is None:
        return np.concatenate([np.zeros_like(sizes), sizes], axis=1), np.ones(count, np.int64)
    support = SUPPORT.get(warp.interpolation or "", 0.0)
    if not warp.antialias or support == 0.0:
        return _regions(warp, sizes, support), np.ones(count, np.int64)
    factor = shrink(warp.matrix, warp.size)
    region = _regions(warp, sizes, _antialiased_reach(factor, support, sizes[:, ::-1]))
    denominator = _denominators(warp, factor) if scalable else np.ones(1, np.int64)
    return region, denominator if len(denominator) == count else np.repeat(denominator, count)


def _denominators(warp: Warp, factor: Floats) -> Ints:
    least = np.minimum(factor[:, 0], factor[:, 1])
    if _has_perspective(warp.matrix):
        for corner in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)):
            least = np.minimum(least, shrink(warp.matrix, warp.size, corner).min(axis=1))
    return 1 + (least >= 2) + 2 * (least >= 4) + 4 * (least >= 8)


def _antialiased_reach(factor: Floats, support: float, full: Ints) -> Floats:
    """How far from a sampled place pixels are read, (n, 2) along x and y."""
    factor = np.maximum(factor, 1.0)
    # A warp that is not upright reads a picture that was shrunk first, to a whole number of pixels; each of
    # those reaches as far again.
    return (support + 1.0) * np.maximum(factor, full / np.maximum(np.rint(full / factor), 1.0))


def _regions(warp: Warp, sizes: Ints, reach: Floats | float) -> Ints:
    full = sizes[:, ::-1]
    low, high = _bounds(warp.matrix, warp.size)
    if warp.border in (None, "replicate"):
        # A place outside is read at the edge, which is made of pixels as far inward as any other.
        low, high = np.minimum(low, full), np.maximum(high, 0)
    reach = reach + MARGIN
    first, last = np.floor(low - reach), np.floor(high + reach) + 1.0
    if warp.border == "reflect":
        beyond = np.where(last > full, 2 * full - last, first)
        first, last = np.minimum(first, beyond), np.maximum(last, -first)
    elif warp.border == "wrap":
        outside = (first < 0) | (last > full)
        first, last = np.where(outside, 0, first), np.where(outside, full, last)
    region = np.empty((len(sizes), 4), np.int64)
    region[:, 1::-1] = np.minimum(np.maximum(first, 0), full - 1)
    region[:, :1:-1] = np.minimum(np.maximum(last, region[:, 1::-1] + 1), full)
    return region


def _bounds(matrix: Floats, size: Ints) -> tuple[Floats, Floats]:
    """The least and greatest x and y at which the centers of output pixels lie in the input, (n, 2) each."""
    if _has_perspective(matrix):
        return _perspective_bounds(matrix, size)
    linear = matrix[:, :2, :2]
    near, far = linear * 0.5, linear * (size[:, None, ::-1] - 0.5)
    low, high = np.minimum(near, far), np.maximum(near, far)
    shift = matrix[:, :2, 2]
    return low[:, :, 0] + low[:, :, 1] + shift, high[:, :, 0] + high[:, :, 1] + shift


def _perspective_bounds(matrix: Floats, size: Ints) -> tuple[Floats, Floats]:
    """The corners bound the rest, unless the horizon crosses the output: then everything may be read."""
    far = size[:, ::-1] - 0.5
    x, y = far[:, :1] * [0, 1, 1, 0], far[:, 1:] * [0, 0, 1, 1]
    x, y = np.where(x == 0, 0.5, x), np.where(y == 0, 0.5, y)
    points = np.stack([x, y, np.ones_like(x)], axis=1)
    mapped = matrix @ points
    depth: Floats = mapped[:, 2]
    visible = np.min(depth, axis=1, keepdims=True) > 1e-3
    place = mapped[:, :2] / np.where(visible, depth, 1.0)[:, None]
    everywhere = float(2**30)
    return np.where(visible, place.min(axis=2), -everywhere), np.where(visible, place.max(axis=2), everywhere)


def _has_perspective(matrix: Floats) -> bool:
    return bool(matrix[:, 2, :2].any())
