"""What looks at the levels of a whole picture: counts of them, and JPEG.

Levels are counted as products of ones and zeros, and summed up by doubling: whole numbers, which floats hold exactly up
to 2**24 pixels, and so the same in every library.
"""

from __future__ import annotations

import io
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed.array_ops.base import dims
from imagefeed.array_ops.filters import check_color
from imagefeed.array_ops.levels import lut
from imagefeed.effects import Histogram, Jpeg, LocalHistogram
from imagefeed.errors import PlanError
from imagefeed.ops import Lut
from imagefeed.types import Array, Namespace

# Luma of ITU-R BT.601 in 16-bit fixed point.
LUMA = (19595.0, 38470.0, 7471.0)


def counts_of(levels: Array, xp: Namespace) -> Array:
    """How often each of 256 levels stands in each row: (m, k) whole numbers to (m, 256), floats both."""
    digits = xp.arange(16, dtype=levels.dtype)
    high = xp.floor(levels / 16.0)
    rows = xp.astype(high[:, None, :] == digits[None, :, None], levels.dtype)
    columns = xp.astype((levels - high * 16.0)[:, :, None] == digits[None, None, :], levels.dtype)
    return xp.reshape(xp.matmul(rows, columns), (-1, 256))


def running_sum(counts: Array, xp: Namespace) -> Array:
    """The sum of all up to each, along the last axis of 256."""
    for step in (1, 2, 4, 8, 16, 32, 64, 128):
        counts = counts + xp.concat([counts[..., :step] * 0.0, counts[..., :-step]], axis=-1)
    return counts


def equalize_tables(counts: Array, xp: Namespace) -> Array:
    """The tables of Pillow's ImageOps.equalize from counts, (m, 256) both."""
    level = xp.arange(256, dtype=counts.dtype)[None, :]
    top = xp.max(xp.where(counts > 0.0, level, 0.0), axis=1)[:, None]
    last = xp.sum(xp.where(level == top, counts, 0.0), axis=1)[:, None]
    step = xp.floor((xp.sum(counts, axis=1)[:, None] - last) / 255.0)
    before = running_sum(counts, xp) - counts
    table = xp.floor((before + xp.floor(step / 2.0)) / xp.where(step > 0.0, step, 1.0))
    return xp.where(step > 0.0, xp.minimum(table, level * 0.0 + 255.0), level)


def stretch_tables(counts: Array, cut: Array, xp: Namespace) -> Array:
    """The tables of Pillow's ImageOps.autocontrast from counts (m, 256) and how many pixels each end loses (m, 1).

    A level that becomes a whole number stays it, where Pillow may end up a level lower by the rounding of floats.
    """
    level = xp.arange(256, dtype=counts.dtype)[None, :]
    upto = running_sum(counts, xp)
    kept = (upto > cut) & (upto[:, 255:] - upto + counts > cut)
    low = xp.min(xp.where(kept, level, 256.0), axis=1)[:, None]
    span = xp.max(xp.where(kept, level, -1.0), axis=1)[:, None] - low
    table = xp.clip(xp.floor((level - low) * 255.0 / xp.where(span > 0.0, span, 1.0)), 0.0, 255.0)
    return xp.where(span > 0.0, table, level)


def histogram(images: Array, op: Histogram, xp: Namespace) -> Array:
    """A table for each channel from its own counts."""
    _, height, width, channels = dims(images, xp)
    levels = xp.permute_dims(xp.clip(xp.round(images), 0.0, 255.0), (0, 3, 1, 2))
    counts = counts_of(xp.reshape(levels, (-1, height * width)), xp)
    if op.kind == "equalize":
        tables = equalize_tables(counts, xp)
    else:
        pixels = xp.sum(counts, axis=1)[:, None]
        share = xp.asarray(op.cutoff, dtype=images.dtype)[:, None]
        share = xp.reshape(xp.reshape(pixels, (-1, channels)) * 0.0 + share, (-1, 1))
        tables = stretch_tables(counts, xp.floor(pixels * share), xp)
    table = xp.permute_dims(xp.reshape(tables, (-1, channels, 256)), (0, 2, 1))
    return lut(images, Lut(table=table), xp)


def _clipped(counts: Array, most: Array, xp: Namespace) -> Array:
    """Counts (n, tiles, 256) of which none is above `most` (n, 1, 1); what is taken away is spread over all levels."""
    level = xp.arange(256, dtype=counts.dtype)[None, None, :]
    excess = xp.sum(xp.maximum(counts - most, counts * 0.0), axis=2)[:, :, None]
    each = xp.floor(excess / 256.0)
    rest = excess - each * 256.0
    step = xp.clip(xp.floor(256.0 / xp.where(rest > 0.0, rest, 256.0)), 1.0, 256.0)
    turn = xp.floor(level / step)
    one_more = (turn * step == level) & (turn < rest)
    return xp.minimum(counts, most) + each + xp.where(one_more, 1.0, 0.0)


def _mirrored(size: int, count: int) -> NDArray[np.int64]:
    """The indices 0 to count - 1, folded at the last pixel, which stands there once."""
    index = np.arange(count)
    period = max(2 * size - 2, 1)
    folded = index % period
    return np.where(folded < size, folded, period - folded) if size > 1 else index * 0


def _tile_tables(gray: Array, limit: Array, tiles: tuple[int, int], side: tuple[int, int], xp: Namespace) -> Array:
    """The tables (n, tiles, 256) of gray pictures' tiles of a height and width."""
    (rows, columns), (tall, wide) = tiles, side
    area = tall * wide
    for axis, whole in ((1, tall * rows), (2, wide * columns)):
        gray = xp.take(gray, xp.asarray(_mirrored(int(gray.shape[axis]), whole)), axis=axis)
    parts = xp.permute_dims(xp.reshape(gray, (-1, rows, tall, columns, wide)), (0, 1, 3, 2, 4))
    counts = xp.reshape(counts_of(xp.reshape(parts, (-1, area)), xp), (-1, rows * columns, 256))
    most = xp.clip(xp.floor(limit * float(area) / 256.0), 1.0, float(area))
    most = xp.where(limit > 0.0, most, float(area))
    sums = xp.astype(running_sum(_clipped(counts, most, xp), xp), xp.float32)
    return xp.clip(xp.round(sums * float(np.float32(255) / np.float32(area))), 0.0, 255.0)


def _between(count: int, side: int, tiles: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """For each place of an axis the tiles around it, and how near it is to the second, as OpenCV has it."""
    at = np.arange(count, dtype=np.float32) * (np.float32(1) / np.float32(side)) - np.float32(0.5)
    low = np.floor(at).astype(np.int64)
    return np.maximum(low, 0), np.minimum(low + 1, tiles - 1), at - np.floor(at)


def clahe(images: Array, op: LocalHistogram, xp: Namespace) -> Array:
    """Zuiderveld, "Contrast limited adaptive histogram equalization" (Graphics Gems IV, 1994), as OpenCV does it.

    Every pixel is interpolated between the tables of the tiles around it. The luma (ITU-R BT.601) of a color picture
    is equalized, and what it changes by is added to every channel.
    """
    check_color(images, "a luma")
    count, height, width, channels = dims(images, xp)
    if not (isinstance(height, int) and isinstance(width, int)):
        raise PlanError("CLAHE cuts a picture into tiles of whole pixels: give the model pictures of one known size")
    rows, columns = op.tiles
    is_whole = height % rows == 0 and width % columns == 0
    tall, wide = (height // rows, width // columns) if is_whole else (height // rows + 1, width // columns + 1)
    levels = xp.astype(xp.clip(xp.round(images), 0.0, 255.0), xp.float32)
    gray = levels[..., 0]
    if channels == 3:
        gray = sum((levels[..., k] * LUMA[k] for k in range(3)), start=gray * 0.0 + 32768.0)
        gray = xp.floor(gray / 65536.0)
    limit = xp.astype(xp.asarray(op.limit), xp.float32)[:, None, None]
    tables = _tile_tables(gray, limit, op.tiles, (tall, wide), xp)
    top, bottom, ty = _between(height, tall, rows)
    left, right, tx = _between(width, wide, columns)
    first = xp.arange(count, dtype=xp.int64)[:, None, None] * (rows * columns * 256) + xp.astype(gray, xp.int64)
    flat = xp.reshape(tables, (-1,))

    def looked_up(y: NDArray[np.int64], x: NDArray[np.int64]) -> Array:
        index = first + xp.asarray((y[:, None] * columns + x[None, :]) * 256)[None, ...]
        return xp.reshape(xp.take(flat, xp.reshape(index, (-1,)), axis=0), (-1, height, width))

    down, across = xp.asarray(ty[:, None]), xp.asarray(tx[None, :])
    above = looked_up(top, left) * (1.0 - across) + looked_up(top, right) * across
    below = looked_up(bottom, left) * (1.0 - across) + looked_up(bottom, right) * across
    shift = xp.round(above * (1.0 - down) + below * down) - gray
    return xp.astype(xp.clip(levels + shift[..., None], 0.0, 255.0), images.dtype)


def jpeg(image: Array, op: Jpeg, xp: Namespace) -> Array:
    """To a JPEG file and back, by Pillow: NumPy's only, since no framework writes files within a graph."""
    from PIL import Image

    check_color(image, "a JPEG")
    if not isinstance(image, np.ndarray):
        name = getattr(xp, "__name__", repr(xp))
        raise PlanError(f"a JPEG file is written and read by the loader only; {name} has nothing for it: leave it out")
    floats = cast("NDArray[np.floating[Any]]", image)
    levels = np.clip(np.rint(floats), 0, 255).astype(np.uint8)
    result = np.empty_like(floats)
    for n, picture in enumerate(levels):
        file = io.BytesIO()
        gray = picture.shape[-1] == 1
        quality = int(np.broadcast_to(op.quality, len(levels))[n])
        Image.fromarray(picture[..., 0] if gray else picture).save(file, "JPEG", quality=quality)
        with Image.open(file) as decoded:
            result[n] = np.asarray(decoded).reshape(picture.shape)
    return result
