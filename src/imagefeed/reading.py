"""From where pictures lie to what the native core renders: files read, and decoded where the core does not do it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.decode import Color, is_native, png_form
from imagefeed.errors import DecodeError
from imagefeed.follow import Companion, Following
from imagefeed.group import Group
from imagefeed.meter import Meter
from imagefeed.sources import Source
from imagefeed.targets import Targets
from imagefeed.waiting import spread, wait

Ints = NDArray[np.int64]
T = TypeVar("T")

_DAMAGED_FAULT = 5


class Reading:
    """How an engine reads the records of its source, and what goes with them."""

    def __init__(self, source: Source, pool: _native.Pool, meter: Meter, most_pixels: int) -> None:
        self._source = source
        self._pool = pool
        self._meter = meter
        self._most_pixels = most_pixels

    def faults(self, group: Group) -> list[int]:
        """Wait for what was begun, and note the records that cannot be read; the rows that a cache has damaged."""
        wait(group.job, group.stopped)
        damaged: list[int] = []
        for row, kind, message in group.records.faults():
            if kind == _DAMAGED_FAULT:
                damaged.append(row)
            else:
                group.errors[row] = DecodeError(self.name(group, row), message)
        return damaged

    def finish(self, group: Group) -> None:
        """Decode what the native core does not, and wait for what goes with the pictures."""
        self._decode_foreign(group, group.records, self._source.color, lambda row: self.name(group, row))
        for companion in group.following.companions:
            self._finish_companion(group, companion)
        if group.following.companions:
            for row, error in group.following.mismatched(group.sizes(), self.names(group)).items():
                group.errors.setdefault(row, error)

    def following(self, targets: Targets) -> Following:
        """What goes with some records, as it follows them through a plan."""
        return Following(self._pool, targets, self._most_pixels, len(self._source.classes))

    def begin(self, indices: Ints, keys: Ints, following: Following, stopped: threading.Event) -> Group:
        """Begin to read some stored pictures."""
        records = _native.Records(len(indices))
        files = self._source.stage(records, indices)
        job = self._pool.fetch(records, files, self._most_pixels, png_form(self._source.color))
        return Group(indices, keys, records, job, following, stopped)

    def _finish_companion(self, group: Group, companion: Companion) -> None:
        """Wait for the masks or second pictures of a group; what is wrong with one is wrong with its record."""

        def name(row: int) -> str:
            return companion.target.name(row, self.name(group, row))

        wait(companion.job, group.stopped)
        for row, _, message in companion.records.faults():
            group.errors.setdefault(row, DecodeError(name(row), message))
        self._decode_foreign(group, companion.records, companion.color, name)
        self._make(group, companion)

    def _make(self, group: Group, companion: Companion) -> None:
        """Call the functions that make masks or second pictures."""
        makers = companion.target.makers()
        if not makers:
            return
        sizes = group.sizes()

        def make(row: int) -> NDArray[np.uint8] | DecodeError:
            try:
                return companion.target.made(row, *sizes[row].tolist())
            except DecodeError as error:
                return error

        for row, made in self.spread(make, [row for row in makers if row not in group.errors], group).items():
            if isinstance(made, DecodeError):
                group.errors.setdefault(row, made)
            else:
                companion.records.set_array(row, made)

    def _decode_foreign(self, group: Group, records: _native.Records, color: Color, name: Callable[[int], str]) -> None:
        """Decode by Pillow what the native core does not."""

        def decode(row: int) -> NDArray[Any] | DecodeError:
            from imagefeed.foreign import decode_foreign  # Pillow: not before it is needed

            try:
                return decode_foreign(records.bytes(row), name(row), color=color, most_pixels=self._most_pixels)
            except DecodeError as error:
                return error

        rows = records.foreign() if is_native(color) else _encoded(records)
        if not rows:
            return
        first = {index: row for row, index in reversed([(row, int(group.indices[row])) for row in rows])}
        with self._meter.span("pillow", len(first)):
            decoded = self.spread(decode, sorted(first.values()), group)
        for row in rows:  # a record may stand in a group several times, where it is mixed into others
            pixels = decoded[first[int(group.indices[row])]]
            if isinstance(pixels, DecodeError):
                group.errors.setdefault(row, pixels)
            else:
                records.set_array(row, pixels)

    def names(self, group: Group) -> list[str]:
        """What the records of a group are called in messages."""
        return self._source.names(group.indices)

    def name(self, group: Group, row: int) -> str:
        """What one of them is called."""
        return self._source.names(group.indices[row : row + 1])[0]

    def spread(self, work: Callable[[int], T], rows: Sequence[int], group: Group) -> dict[int, T]:
        """`work(row)` for every row, on as many threads as the native core has; see `waiting.spread`."""
        return spread(work, rows, self._pool.threads, group.stopped)


def _encoded(records: _native.Records) -> list[int]:
    """The records that hold the bytes of a file, and nothing that is wrong."""
    wrong = {row for row, _, _ in records.faults()}
    return [row for row in range(len(records.sizes())) if row not in wrong and records.bytes(row)]
