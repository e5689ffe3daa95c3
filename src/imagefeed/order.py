"""The order of an epoch: which records stand in which batch, computed and not stored."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native, rng

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ORDERED_TOGETHER = 64
"""Batches whose order is computed at once."""

_SEARCHED_TOGETHER = 1 << 16

# The step whose numbers choose records by weight; no pipeline is as long.
_SAMPLING_STEP = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Portion:
    """The records of a batch.

    Attributes:
        records: int64 (b,), which records.
        keys: int64 (b,), what their random numbers are drawn by: the record's own number, and another one each time
            that it comes again within an epoch.
        padding: How many at the end are there only so that all shards have equally many.
        number: Which batch of the epoch it is, from 0; what is drawn once for a batch is drawn by it.
        epoch: Which epoch it is a batch of.
    """

    records: Ints
    keys: Ints
    padding: int = 0
    number: int = 0
    epoch: int = 0

    def __reduce__(self) -> tuple[Any, ...]:
        # A process of its own sends one with every batch: what dataclasses do instead takes several times as long.
        return Portion, (self.records, self.keys, self.padding, self.number, self.epoch)


@dataclass(frozen=True, slots=True)
class Span:
    """Batches that follow one another.

    Attributes:
        epoch: Which epoch.
        start: Its first batch.
        stop: The batch after the last one; None for all that follow.
        endless: Whether all epochs after it follow too.
    """

    epoch: int
    start: int = 0
    stop: int | None = None
    endless: bool = False


def draw_keys(keys: Ints, number: Ints | int) -> Ints:
    """What numbers are drawn by, int64 (n, 2): the keys (n,) of some records, and the number of each one's batch."""
    pairs = np.empty((len(keys), 2), np.int64)
    pairs[:, 0], pairs[:, 1] = keys, number
    return pairs


def portions_keys(portions: Sequence[Portion]) -> Ints:
    """The same for the records of some batches, one after another."""
    numbers = np.repeat([one.number for one in portions], [len(one.records) for one in portions])
    return draw_keys(np.concatenate([one.keys for one in portions]), numbers)


@dataclass(frozen=True, kw_only=True, eq=False)
class Order:
    """Which records stand in which batch of which epoch. Everything is computed from the place that is asked for.

    Attributes:
        count: How many records the source has.
        batch_size: How many records a batch has, over all shards.
        seed: From 0 to 2**64 - 1.
        shuffle: Whether every epoch has an order of its own.
        drop_last: Whether a last batch that is smaller is left out.
        steps: How many batches an epoch has, which then goes on where the one before ended; None for one pass over
            the records.
        weights: float64 (count,), how often each record is drawn in relation to the others; None for equally often.
        rank: Which shard this is, from 0.
        world: How many shards there are.
    """

    count: int
    batch_size: int
    seed: int
    shuffle: bool
    drop_last: bool = False
    steps: int | None = None
    weights: Floats | None = None
    rank: int = 0
    world: int = 1

    def __len__(self) -> int:
        """How many batches an epoch has, on every shard."""
        if self.steps is not None:
            return self.steps
        whole, rest = divmod(self.count, self.batch_size)
        return whole if self.drop_last or rest == 0 else whole + 1

    @property
    def length(self) -> int:
        """How many records an epoch has, over all shards and without padding."""
        return len(self) * self.batch_size if self.steps is not None or self.drop_last else self.count

    def portions(self, span: Span) -> Iterator[Portion]:
        """The batches of a span."""
        yield from self.batches(span.epoch, span.start, span.stop)
        if span.endless:
            for epoch in itertools.count(span.epoch + 1):
                yield from self.batches(epoch)

    def batches(self, epoch: int, start: int = 0, stop: int | None = None) -> Iterator[Portion]:
        """The batches of an epoch from `start` to `stop`. Many are computed at once, for a few NumPy calls each."""
        stop = len(self) if stop is None else min(stop, len(self))
        for first in range(start, stop, ORDERED_TOGETHER):
            positions, sizes, padding = self._positions(first, min(first + ORDERED_TOGETHER, stop))
            records, copies = self.at(positions, epoch)
            keys = records + self.count * copies
            begin = 0
            for number, (size, extra) in enumerate(zip(sizes, padding, strict=True), start=first):
                end = begin + size
                yield Portion(records[begin:end], keys[begin:end], extra, number, epoch)
                begin = end

    def batch_of(self, key: int, epoch: int) -> int:
        """The number of the batch that a record with a key stands in; 0 for one that is in none. Looks through all."""
        for first in range(0, self.length, _SEARCHED_TOGETHER):
            positions = np.arange(first, min(first + _SEARCHED_TOGETHER, self.length))
            records, copies = self.at(positions, epoch)
            found = np.flatnonzero(records + self.count * copies == key)
            if len(found):
                return int(positions[found[0]]) // self.batch_size
        return 0

    def at(self, positions: Ints, epoch: int) -> tuple[Ints, Ints]:
        """The records at some places of an epoch, over all shards; and which of its copies each is."""
        return self._stream(positions, epoch) if self.weights is None else self._sampled(positions, epoch)

    @property
    def _drawn(self) -> int:
        """How many records are drawn for an epoch: what `length` is, and what `drop_last` leaves out."""
        return self.count if self.steps is None else self.steps * self.batch_size

    def _positions(self, first: int, last: int) -> tuple[Ints, list[int], list[int]]:
        """The places in the epoch of this shard, in batches `first` to `last`; how many in each; how many padded."""
        size, local = self.batch_size, self.batch_size // self.world
        rest = self.length - (last - 1) * size
        whole = last if rest >= size else last - 1
        inside = self.rank * local + np.arange(local)
        positions = (np.arange(first, whole)[:, None] * size + inside).ravel()
        sizes, padding = [local] * (whole - first), [0] * (whole - first)
        if whole < last:  # every shard takes equally many of the smaller batch; what is missing is its beginning again
            share = -(-rest // self.world)
            inside = self.rank * share + np.arange(share)
            positions = np.concatenate([positions, whole * size + inside % rest])
            sizes.append(share)
            padding.append(int((inside >= rest).sum()))
        return positions, sizes, padding

    def _stream(self, positions: Ints, epoch: int) -> tuple[Ints, Ints]:
        """One pass over the records after another: the records, and how many passes before in this epoch."""
        if self.steps is None:
            first, offset = epoch, 0
        else:
            first, offset = divmod(epoch * self.steps * self.batch_size, self.count)
        copies, places = np.divmod(positions + offset, self.count)
        if not self.shuffle:
            return places, copies
        records = np.empty_like(places)
        for copy in sorted(set(copies.tolist())):  # np.unique imports numpy.ma, for nothing
            here = copies == copy
            pass_ = (first + copy) % 2**64
            records[here] = shuffled(places[here], self.count, seed=self.seed, epoch=pass_)
        return records, copies

    @cached_property
    def _ends(self) -> Floats:
        """Where each record ends on the line of all weights, of which a unit is one drawing."""
        weights = np.ones(self.count) if self.weights is None else self.weights
        return np.cumsum(weights * (self._drawn / weights.sum()))

    def _sampled(self, positions: Ints, epoch: int) -> tuple[Ints, Ints]:
        """Stratified sampling (Cochran, "Sampling techniques"): one uniform point in every unit of the summed weights.

        A record whose expected number is 2.3 comes one to four times, on average 2.3 times.
        """
        places = shuffled(positions, self._drawn, seed=self.seed, epoch=epoch) if self.shuffle else positions
        step, one = np.array([_SAMPLING_STEP]), np.array([1])
        points = places + rng.uniform(self.seed, epoch, step, one, places)[:, 0]
        records = np.minimum(np.searchsorted(self._ends, points, side="right"), self.count - 1)
        begins = np.where(records > 0, self._ends[records - 1], 0.0)
        return records, np.maximum(places - begins.astype(np.int64), 0)


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
    return _native.shuffled(seed, epoch, np.ascontiguousarray(positions), count)
