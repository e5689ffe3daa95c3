"""Random numbers that depend on a seed and a place alone, and what they do to pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from imagefeed.array_ops.base import dims
from imagefeed.effects import Erase, Grid, Noise
from imagefeed.types import Array, Namespace

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_INCREMENTS = (0x9E3779B9, 0xBB67AE85)


def _signed(word: int) -> int:
    """The int32 that has these 32 bits."""
    return word - 2**32 if word >= 2**31 else word


# Shifts are written as products and quotients, which TensorFlow's tensors have as operators too.
def _shifted(word: Array, by: int) -> Array:
    """The upper bits of 32, as a number that is not negative."""
    return (word // 2**by) & (2 ** (32 - by) - 1)


def _upper(word: Array) -> Array:
    return _shifted(word, 16)


def _multiplied(a: Array, by: int) -> tuple[Array, Array]:
    """The high and low 32 bits of unsigned products, in int32 that wraps around."""
    low, high = by & 0xFFFF, by >> 16
    first, second = a & 0xFFFF, _upper(a)
    ll, lh, hl, hh = first * low, first * high, second * low, second * high
    middle = _upper(ll) + (lh & 0xFFFF) + (hl & 0xFFFF)
    return hh + _upper(lh) + _upper(hl) + (middle // 2**16), (ll & 0xFFFF) | (middle * 2**16)


Words: TypeAlias = tuple[Array, Array, Array, Array, Array, Array]
"""The counter, and the key, of Philox between two rounds."""


def _round(words: Words) -> Words:
    c0, c1, c2, c3, k0, k1 = words
    high0, low0 = _multiplied(c0, _MULTIPLIERS[0])
    high1, low1 = _multiplied(c2, _MULTIPLIERS[1])
    k = k0 + _signed(_INCREMENTS[0]), k1 + _signed(_INCREMENTS[1])
    return high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0, *k


def _repeated(count: int, step: Callable[[Words], Words], words: Words) -> Words:
    for _ in range(count):
        words = step(words)
    return words


def philox(
    counter: tuple[Array, Array, Array, Array], key: tuple[Array, Array], xp: Namespace = None
) -> tuple[Array, Array, Array, Array]:
    """Philox 4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

        >>> import numpy as np
        >>> zero = np.zeros(1, np.int32)
        >>> [f"{int(word[0]) % 2**32:08x}" for word in philox((zero,) * 4, (zero,) * 2)]
        ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']

    Args:
        counter: Four arrays of 32-bit words, in int32.
        key: Two such arrays.
        xp: The namespace of the arrays. XLA computes anew whatever a fused sum uses twice, which doubles the work at
            every round; so those that compile with it have a loop of their own, `repeated`.

    Returns:
        Four arrays of 32-bit words, in int32.
    """
    return getattr(xp, "repeated", _repeated)(10, _round, (*counter, *key))[:4]


def _fractions(seed: Array, shape: tuple[Any, Any, int], xp: Namespace, dtype: Any) -> list[Array]:
    """Four uniform numbers in [0, 1) for each block of a row: (n, height, blocks, channels) each.

    Number w of block j is that of pixel 64·(j // 16) + 16·w + j % 16; the counter is (block, row, channel, 0), and
    the key is (seed, 0).
    """
    height, width, channels = shape
    blocks = (width + 63) // 64 * 16
    key = xp.astype(xp.asarray(seed), xp.int32)[:, None, None, None]
    zero = xp.zeros((1, height, blocks, channels), dtype=xp.int32) + key * 0
    counter = (
        zero + xp.arange(blocks, dtype=xp.int32)[None, None, :, None],
        zero + xp.arange(height, dtype=xp.int32)[None, :, None, None],
        zero + xp.arange(channels, dtype=xp.int32)[None, None, None, :],
        zero,
    )
    words = philox(counter, (key + zero, zero), xp)
    return [xp.astype(_shifted(word, 8), dtype) / 2.0**24 for word in words]


def _in_pixels(blocks: list[Array], width: Any, xp: Namespace) -> Array:
    """Four arrays (n, height, blocks, channels), put in the order of the pixels: (n, height, width, channels)."""
    n, height, count, channels = dims(blocks[0], xp)
    split = xp.stack([xp.reshape(b, (n, height, count // 16, 16, channels)) for b in blocks], axis=3)
    return xp.reshape(split, (n, height, count * 4, channels))[:, :, :width, :]


def uniform_pixels(seed: Array, shape: tuple[Any, Any, int], xp: Namespace, dtype: Any) -> Array:
    """Uniform numbers in [0, 1) for each seed (n,), pixel and channel: (n, height, width, channels)."""
    return _in_pixels(_fractions(seed, shape, xp, dtype), shape[1], xp)


def normal_pixels(seed: Array, shape: tuple[Any, Any, int], xp: Namespace, dtype: Any) -> Array:
    """Standard normal numbers, by the transform of Box and Muller (1958); arguments as for `uniform_pixels`."""
    u0, turn0, u1, turn1 = _fractions(seed, shape, xp, dtype)
    values: list[Array] = []
    for u, turn in ((u0, turn0), (u1, turn1)):
        radius = xp.sqrt(-2.0 * xp.log(u + 1 / 2**24))
        values += [radius * xp.cos(2 * math.pi * turn), radius * xp.sin(2 * math.pi * turn)]
    return _in_pixels(values, shape[1], xp)


def noise(images: Array, op: Noise, xp: Namespace) -> Array:
    """Random numbers on pixels.

    The count of photons is the square of a normal number around the root of its mean, with deviation 1/2 (Bartlett,
    "The square root transformation in analysis of variance", 1936), less 1/4.
    """
    _, height, width, channels = dims(images, xp)
    shape = (height, width, 1 if op.shared else channels)
    strength = xp.asarray(op.strength, dtype=images.dtype)[:, None, None, None]
    if op.kind == "impulse":
        u = uniform_pixels(op.seed, shape, xp, images.dtype)
        bright = xp.where(u < 1.0 - strength * 0.5, images, 255.0)
        return xp.where(u < strength * 0.5, 0.0, bright)
    normal = normal_pixels(op.seed, shape, xp, images.dtype)
    if op.kind == "gaussian":
        return xp.clip(images + normal * strength, 0.0, 255.0)
    root = xp.sqrt(xp.clip(images, 0.0, 255.0) * (strength / 255.0)) + normal * 0.5
    return xp.clip((root * root - 0.25) * (255.0 / strength), 0.0, 255.0)


def erase(images: Array, op: Erase, xp: Namespace) -> Array:
    """Rectangles of one level, or of random ones."""
    _, height, width, _ = dims(images, xp)
    boxes = xp.astype(xp.asarray(op.boxes), xp.int32)
    y = xp.arange(height, dtype=xp.int32)[None, None, :]
    x = xp.arange(width, dtype=xp.int32)[None, None, :]
    y0, x0, y1, x1 = (boxes[:, :, k][:, :, None] for k in range(4))
    rows, columns = (y >= y0) & (y < y1), (x >= x0) & (x < x1)
    inside = xp.any(rows[:, :, :, None] & columns[:, :, None, :], axis=1)
    return _painted(images, inside, op, xp)


def grid(images: Array, op: Grid, xp: Namespace) -> Array:
    """A turned grid of rectangles, in whole numbers that wrap around."""
    _, height, width, _ = dims(images, xp)
    lines = xp.astype(xp.asarray(op.lines), xp.int32)[:, :, :, None, None]
    share = xp.astype(xp.asarray(op.share), xp.int32)[:, None, None]
    y = xp.arange(height, dtype=xp.int32)[None, :, None]
    x = xp.arange(width, dtype=xp.int32)[None, None, :]
    places = [lines[:, k, 0, ...] + lines[:, k, 1, ...] * y + lines[:, k, 2, ...] * x for k in range(2)]
    first, second = ((place & (Grid.CELL - 1)) < share for place in places)
    return _painted(images, first & second, op, xp)


def _painted(images: Array, inside: Array, op: Erase | Grid, xp: Namespace) -> Array:
    inside = inside[..., None]
    if op.fill is not None:
        return xp.where(inside, op.fill, images)
    _, height, width, channels = dims(images, xp)
    levels = xp.floor(uniform_pixels(op.seed, (height, width, channels), xp, images.dtype) * 256.0)
    return xp.where(inside, levels, images)
