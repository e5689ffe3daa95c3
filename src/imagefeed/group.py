"""What an engine has in hand: a group of records, what is left to do for it, and the batches that come of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.errors import DecodeError
from imagefeed.follow import Following
from imagefeed.order import Portion
from imagefeed.types import Dtype, Layout, numpy_dtype

if TYPE_CHECKING:
    from imagefeed.keeper import Found

Ints = NDArray[np.int64]


@dataclass(slots=True)
class Group:
    """Records that are fetched and planned together: one batch, or several small ones, and what is mixed into them."""

    indices: Ints
    keys: Ints
    records: _native.Records
    job: _native.Job
    following: Following
    stopped: threading.Event
    errors: dict[int, DecodeError] = field(default_factory=dict[int, DecodeError])
    channels: int | None = None
    found: Found | None = None
    """What the cache has of it, where there is a cache; held for as long as its pictures are used."""
    missing: list[tuple[Ints, Group]] = field(default_factory=list["tuple[Ints, Group]"])
    """What it does not have: rows, and the same records in a group of their own."""
    mixed: list[tuple[Ints, Ints]] = field(default_factory=list["tuple[Ints, Ints]"])
    """The records and keys that come out of the stages that mix and are still to come, the last one first."""
    made: int = 0
    """The bytes of what was made for the cache."""
    epoch: int = 0
    """Whose draws it comes with."""
    kept: bool = False
    """Whether the records are what the cache keeps; until then they are what is stored."""

    def sizes(self) -> Ints:
        """The sizes of the pictures as far as they have come, int64 (n, 2)."""
        return self.records.sizes() if self.found is None or self.kept else self.found.sizes.copy()

    def held_bytes(self) -> int:
        """What its pictures take of memory for as long as it is rendered; those in the cache take nothing more."""
        parts = [self.records] if self.found is None else [part.records for _, part in self.missing]
        return self.made + sum(
            one.held_bytes() for one in (*parts, *(one.records for one in self.following.companions))
        )


@dataclass(frozen=True, slots=True)
class FinalPart:
    """What a batch holds of a group under one name; "" for the pictures themselves."""

    name: str
    records: _native.Records
    program: _native.Program
    dtype: Dtype
    layout: Layout
    channels: int

    def shape(self, size: tuple[int, int]) -> tuple[int, int, int]:
        """Of one record's array, for a picture of a height and width."""
        return (*size, self.channels) if self.layout == "nhwc" else (self.channels, *size)

    def record_bytes(self, size: tuple[int, int]) -> int:
        """What it takes of memory."""
        return size[0] * size[1] * self.channels * numpy_dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Final:
    """A group that is ready to be rendered into batches; the pictures of one batch are of one size.

    Attributes:
        group: Its records.
        sizes: int64 (n, 2), height and width of each picture.
        parts: What a batch holds of it.
    """

    group: Group
    sizes: Ints
    parts: list[FinalPart]

    @cached_property
    def one_size(self) -> tuple[int, int] | None:
        """The size that all its pictures have; None where they differ."""
        height, width = self.sizes[0].tolist()
        return None if (self.sizes != self.sizes[0]).any() else (height, width)


@dataclass(frozen=True, slots=True)
class Rendering:
    """A batch that is being rendered: a portion of a group from `first` on, in an array for every part, by name; the
    pictures first. The job may be that of several batches; their records stand in the group from `job_first` on."""

    group: Group
    first: int
    portion: Portion
    made: list[tuple[str, NDArray[Any]]]
    job: _native.Job
    job_first: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A rendered batch.

    Attributes:
        images: (b, height, width, channels), or channels first.
        targets: What goes with the records: None if nothing does, one thing, or a dict of several by name. Each is an
            array with a leading axis of b, or a dict of such arrays (see `imagefeed.targets`).
        indices: int64 (b,), the records.
        keys: int64 (b,), what their numbers were drawn by; see `Order`.
        padding: How many at the end belong to the beginning of the batch, and are there only so that all shards
            have equally many.
        bad: The records that could not be decoded, which are not among them.
        lost: int64, the places in the portion where they stand.
        portion: All records that were asked for.
    """

    images: NDArray[Any]
    targets: Any
    indices: Ints
    keys: Ints
    padding: int
    bad: tuple[DecodeError, ...]
    lost: Ints
    portion: Portion

    def __reduce__(self) -> tuple[Any, ...]:
        # As of a Portion.
        of_each = self.images, self.targets, self.indices, self.keys
        return Batch, (*of_each, self.padding, self.bad, self.lost, self.portion)


def in_memory(pictures: dict[int, NDArray[Any]], blank: Sequence[int]) -> _native.Records:
    """Records of pictures in memory; those of the rows `blank` are black and like the first."""
    records = _native.Records(len(pictures) + len(blank))
    for row, picture in pictures.items():
        records.set_array(row, picture)
    like: NDArray[Any] = np.zeros_like(next(iter(pictures.values()), np.zeros((1, 1, 3), np.uint8)))
    for row in blank:
        records.set_array(row, like)
    return records
