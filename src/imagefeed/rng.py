"""Keyed random numbers: a number depends on what it is for, never on when or where it is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native


def uniform(
    seed: int, epoch: int, steps: NDArray[np.int64], counts: NDArray[np.int64], records: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) for several steps of several records.

    The generator is Philox 4x64-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2,
    3", SC 2011) with key (seed, epoch) and counter (block, step, record, 0): the stream that
    numpy.random.Philox gives from that counter. Each 64-bit word gives one number from its top 53 bits.

    Args:
        seed: From 0 to 2**64 - 1.
        epoch: From 0 to 2**64 - 1.
        steps: The numbers of the steps, shape (k,).
        counts: How many numbers each of them takes, shape (k,).
        records: The indices of the records, shape (n,).

    Returns:
        Shape (n, sum(counts)): the numbers of each step, one step after another.
    """
    return _native.uniform_steps(seed, epoch, steps, counts, records)
