"""Pictures that cannot be read: listed, written down, and other ones put in their place."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed import rng
from imagefeed.errors import DecodeError, SourceError
from imagefeed.group import Batch
from imagefeed.order import Order, Portion

Ints: TypeAlias = NDArray[np.int64]

# How many others are tried for one place.
_TRIES = 8
# The step whose numbers choose them; no pipeline is as long.
_STEP = 2**62 + 1
# Their draws are those of a copy that no epoch comes to.
_COPY = 2**20


class BadRecords(list[DecodeError]):
    """The pictures that could not be read in an epoch, each once: a list of DecodeError."""

    def add(self, errors: tuple[DecodeError, ...]) -> None:
        """Add those that are not listed yet."""
        known = {error.path for error in self}
        self += [error for error in errors if error.path not in known]

    def check(self, count: int, most: float) -> None:
        """Raise SourceError if they are more than a share of `count` records."""
        if len(self) > most * count:
            raise SourceError(
                f"{len(self)} of {count} pictures cannot be read, more than max_bad={most}; the last is {self[-1]}; "
                "`imagefeed check` lists them all"
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a CSV file of two columns, path and reason.

        Args:
            path: The file, such as "bad.csv".
        """
        import csv  # only who saves needs it

        with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file)
            writer.writerow(("path", "reason"))
            writer.writerows((error.path, error.reason) for error in self)


def replaced(batch: Batch, order: Order, make: Callable[[Portion], Batch], note: Callable[[Batch], None]) -> Batch:
    """A batch with other records of the epoch in the places of its bad ones.

    Which they are depends on the seed, the epoch and the bad record alone.

    Args:
        batch: As it was made.
        order: Of its epoch.
        make: Makes a batch of a portion.
        note: Told of every batch that has bad records again.

    Raises:
        SourceError: As many as are tried for one place are all bad.
    """
    records, keys, epoch = batch.portion.records.copy(), batch.portion.keys.copy(), batch.portion.epoch
    places = batch.lost
    chosen = rng.uniform(order.seed, epoch, np.array([_STEP]), np.array([_TRIES]), keys[places])
    made = batch
    for attempt in range(_TRIES):
        positions = (chosen[:, attempt] * order.length).astype(np.int64)
        records[places], copies = order.at(positions, epoch)
        keys[places] = records[places] + order.count * (copies + _COPY)
        made = make(replace(batch.portion, records=records, keys=keys))
        if not made.bad:
            return made
        note(made)
        chosen = chosen[np.searchsorted(places, made.lost)]
        places = made.lost
    raise SourceError(f"{made.bad[-1]}; and {_TRIES} pictures tried in place of one cannot be read either")
