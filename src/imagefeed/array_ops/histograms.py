"""What looks at the levels of a whole picture: counts of them, and JPEG. NumPy's only, since no framework has them."""

from __future__ import annotations

import io
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed.array_ops.filters import check_color
from imagefeed.effects import Histogram, Jpeg, LocalHistogram
from imagefeed.errors import PlanError
from imagefeed.types import Array, Namespace

Levels = NDArray[np.uint8]


def _levels(image: Array, xp: Namespace) -> Levels:
    if not isinstance(image, np.ndarray):
        name = getattr(xp, "__name__", repr(xp))
        raise PlanError(f"what counts the levels of a picture, and JPEG, run in NumPy; {name} has nothing for it")
    levels = cast("NDArray[np.floating[Any]]", image)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def equalize_table(levels: Levels) -> NDArray[np.int64]:
    """The table of Pillow's ImageOps.equalize for one channel, (256,)."""
    counts = np.bincount(levels.ravel(), minlength=256)
    used = counts[counts > 0]
    step = int(counts.sum() - used[-1]) // 255
    if len(used) == 1 or step == 0:
        return np.arange(256)
    before = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.minimum((before + step // 2) // step, 255)


def stretch_table(levels: Levels, cutoff: float) -> NDArray[np.int64]:
    """The table of Pillow's ImageOps.autocontrast for one channel, (256,); `cutoff` is a share, not percent."""
    counts = np.bincount(levels.ravel(), minlength=256)
    cut = int(levels.size * cutoff)
    kept = np.flatnonzero((np.cumsum(counts) > cut) & (np.cumsum(counts[::-1])[::-1] > cut))
    if len(kept) < 2:
        return np.arange(256)
    scale = 255.0 / (kept[-1] - kept[0])
    return np.clip(np.arange(256) * scale - kept[0] * scale, 0, 255).astype(np.int64)


def histogram(image: Array, op: Histogram, xp: Namespace) -> Array:
    """A table for each channel from its own counts."""
    levels = _levels(image, xp)
    result = np.empty_like(image)
    for n in range(len(levels)):
        cutoff = float(np.broadcast_to(op.cutoff, len(levels))[n])
        for c in range(levels.shape[-1]):
            channel = levels[n, :, :, c]
            table = equalize_table(channel) if op.kind == "equalize" else stretch_table(channel, cutoff)
            result[n, :, :, c] = table[channel]
    return result


def _tile_tables(gray: Levels, limit: float, tiles: tuple[int, int]) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The tables (rows, columns, 256) of a gray picture's tiles, and the tiles' height and width."""
    rows, columns = tiles
    height, width = gray.shape
    whole = height % rows == 0 and width % columns == 0
    tall, wide = (height // rows, width // columns) if whole else (height // rows + 1, width // columns + 1)
    mode: Any = "reflect" if min(height, width) > 1 else "edge"
    padded = np.pad(gray, ((0, tall * rows - height), (0, wide * columns - width)), mode=mode)
    most = max(int(np.float32(limit) * np.float32(tall * wide) / np.float32(256)), 1) if limit > 0 else tall * wide
    tables = np.empty((rows, columns, 256), np.float32)
    for y in range(rows):
        for x in range(columns):
            tile = padded[y * tall : (y + 1) * tall, x * wide : (x + 1) * wide]
            counts = np.bincount(tile.ravel(), minlength=256)
            excess = int(np.maximum(counts - most, 0).sum())
            counts = np.minimum(counts, most) + excess // 256
            if rest := excess % 256:
                counts[:: max(256 // rest, 1)][:rest] += 1
            scale = np.float32(255) / np.float32(tall * wide)
            tables[y, x] = np.clip(np.rint(np.cumsum(counts).astype(np.float32) * scale), 0, 255)
    return tables, (tall, wide)


def clahe(image: Array, op: LocalHistogram, xp: Namespace) -> Array:
    """Zuiderveld, "Contrast limited adaptive histogram equalization" (Graphics Gems IV, 1994), as OpenCV does it.

    Every pixel is interpolated between the tables of the tiles around it. The luma (ITU-R BT.601) of a color picture
    is equalized, and what it changes by is added to every channel.
    """
    check_color(image, "a luma")
    levels = _levels(image, xp)
    result = np.empty_like(image)
    for n, picture in enumerate(levels):
        wide = picture.astype(np.int64)
        gray = wide[..., 0]
        if wide.shape[-1] == 3:
            gray = (wide @ np.array([19595, 38470, 7471]) + 32768) >> 16
        limit = float(np.broadcast_to(op.limit, len(levels))[n])
        tables, (tall, across) = _tile_tables(gray.astype(np.uint8), limit, op.tiles)
        place = [
            np.arange(gray.shape[k], dtype=np.float32) * (np.float32(1) / np.float32(side)) - np.float32(0.5)
            for k, side in enumerate((tall, across))
        ]
        first = [np.floor(at).astype(np.int64) for at in place]
        ty, tx = (at - np.floor(at) for at in place)
        y, x = ((np.maximum(at, 0), np.minimum(at + 1, op.tiles[k] - 1)) for k, at in enumerate(first))
        a, b, c, d = (tables[j[:, None], i[None, :], gray] for j in y for i in x)
        one = np.float32(1)
        above, below = a * (one - tx) + b * tx, c * (one - tx) + d * tx
        made = np.rint(above * (one - ty[:, None]) + below * ty[:, None])
        result[n] = np.clip(wide + (made - gray)[..., None], 0, 255)
    return result


def jpeg(image: Array, op: Jpeg, xp: Namespace) -> Array:
    """To a JPEG file and back, by Pillow."""
    from PIL import Image

    check_color(image, "a JPEG")
    levels = _levels(image, xp)
    result = np.empty_like(image)
    for n, picture in enumerate(levels):
        file = io.BytesIO()
        gray = picture.shape[-1] == 1
        quality = int(np.broadcast_to(op.quality, len(levels))[n])
        Image.fromarray(picture[..., 0] if gray else picture).save(file, "JPEG", quality=quality)
        with Image.open(file) as decoded:
            result[n] = np.asarray(decoded).reshape(picture.shape)
    return result
