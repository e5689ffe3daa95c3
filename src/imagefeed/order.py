"""The order of an epoch: a shuffle that is computed, not stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROUNDS = 6


def shuffled(positions: NDArray[np.int64], count: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """The records that stand at some positions of a shuffled epoch.

    A Feistel network over the smallest even number of bits that holds `count` is a permutation; walking on along
    its cycle until the value falls below `count` makes it one of range(count) (Black and Rogaway, "Ciphers with
    arbitrary finite domains", CT-RSA 2002). It takes no memory, and any position can be asked for by itself.

    Args:
        positions: int64 (n,), each from 0 to count - 1.
        count: How many records there are.
        seed: From 0 to 2**64 - 1.
        epoch: From 0 to 2**64 - 1; every epoch has another order.

    Returns:
        int64 (n,).
    """
    half = max(1, (max(count - 1, 1).bit_length() + 1) // 2)
    keys = np.random.Philox(key=np.array([seed, epoch], np.uint64)).random_raw(ROUNDS)
    values = _encrypt(positions.astype(np.uint64), half, keys)
    while (outside := np.flatnonzero(values >= count)).size:
        values[outside] = _encrypt(values[outside], half, keys)
    return values.astype(np.int64)


def _encrypt(values: NDArray[np.uint64], half: int, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mask = np.uint64((1 << half) - 1)
    shift = np.uint64(half)
    left, right = values >> shift, values & mask
    for key in keys:
        left, right = right, left ^ (_mix(right ^ key) & mask)
    return left << shift | right


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
