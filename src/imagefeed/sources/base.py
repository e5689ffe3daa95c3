"""What a source is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.decode import Color

if TYPE_CHECKING:
    from imagefeed.sources.split import By

Ints = NDArray[np.int64]

MOST_CHANNELS = 32
"""How many channels a picture may have in the native core."""


class Source(ABC):
    """An immutable, indexable list of records.

    Attributes:
        classes: The names that labels count, in order; empty where there are none.
        color: What encoded pictures become: "rgb" or "gray".
        in_memory: Whether records are pixels that are in memory already.
    """

    classes: tuple[str, ...] = ()
    color: Color = "rgb"
    in_memory: bool = False

    @abstractmethod
    def __len__(self) -> int:
        """How many records there are."""

    @abstractmethod
    def names(self, indices: Ints) -> list[str]:
        """What each record is called in messages: its path, if it has one."""

    @abstractmethod
    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        """Put the bytes or pixels of `indices` into `records`, or name the files that hold them.

        Returns:
            One path for each index, which the native core reads: empty where the record is filled. Or nothing
            at all, where every record is.
        """

    @abstractmethod
    def targets(self, indices: Ints) -> NDArray[Any] | None:
        """What goes with each picture, with a leading axis of len(indices); None where nothing does."""

    def class_indices(self, indices: Ints) -> Ints | None:
        """The class of each record, int64 (n,); None where records have none."""
        return None

    @property
    def channels(self) -> int:
        """How many channels the pictures have."""
        return 3 if self.color == "rgb" else 1

    @property
    def class_counts(self) -> dict[str, int]:
        """How many records each class has."""
        found = self.class_indices(np.arange(len(self)))
        counts: Counter[int] = Counter([] if found is None else found.tolist())
        return {name: counts[k] for k, name in enumerate(self.classes)}

    def split(self, *, validation: float = 0.2, seed: int = 0, by: By | None = None) -> tuple[Source, Source]:
        """Two sources: one to train on, one to validate with. Every record is in exactly one of them.

            >>> train, val = photos.split(validation=0.5, seed=0)
            >>> len(train), len(val)
            (6, 6)

        Args:
            validation: The share of the second, above 0 and below 1.
            seed: Chooses the records; the same seed chooses the same ones.
            by: "stratified" for the same share of every class, "random" for a share of the whole. By default
                stratified where records have classes.

        Raises:
            SpecError: A share outside (0, 1).
            SourceError: One side would be empty, or there are no classes to stratify by.
        """
        from imagefeed.sources.split import split  # it is written in terms of this class

        return split(self, validation=validation, seed=seed, by=by)

    def _summary(self) -> str:
        """The end of a repr: how many records, of which classes."""
        records = f"{len(self)} record{'' if len(self) == 1 else 's'}"
        if not self.classes:
            return records
        counts = [f"{name} {count}" for name, count in self.class_counts.items()]
        if len(counts) > 8:
            counts = [*counts[:7], f"… {len(counts) - 7} more"]
        return f"{records}: {', '.join(counts)}"
