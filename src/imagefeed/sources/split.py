"""Parts of a source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.checks import fail
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints, Source

By: TypeAlias = Literal["random", "stratified"]


class Subset(Source):
    """Some records of another source, in a given order."""

    def __init__(self, source: Source, indices: Ints) -> None:
        self.source = source
        self.indices = np.ascontiguousarray(indices, np.int64)
        self.indices.setflags(write=False)
        self.classes = source.classes
        self.color = source.color
        self.in_memory = source.in_memory

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"Subset({self._summary()})"

    @property
    def channels(self) -> int:
        return self.source.channels

    def names(self, indices: Ints) -> list[str]:
        return self.source.names(self.indices[indices])

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        return self.source.stage(records, self.indices[indices])

    def targets(self, indices: Ints) -> NDArray[Any] | None:
        return self.source.targets(self.indices[indices])

    def class_indices(self, indices: Ints) -> Ints | None:
        return self.source.class_indices(self.indices[indices])

    @property
    def files(self) -> list[str]:
        """The name of every record: its path, where it is a file."""
        return self.names(np.arange(len(self)))

    @property
    def labels(self) -> Ints | None:
        """The class number of every record, int64 (n,)."""
        return self.class_indices(np.arange(len(self)))


def split(source: Source, *, validation: float, seed: int, by: By | None) -> tuple[Subset, Subset]:
    """Two subsets of a source; see `Source.split`."""
    if not 0 < validation < 1:
        raise fail("split(validation=)", validation, "expected a share above 0 and below 1")
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**64:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise fail("split(seed=)", seed, "expected an integer from 0 to 2**64 - 1")
    if by not in ("random", "stratified", None):
        raise fail("split(by=)", by, "expected 'random' or 'stratified'")
    groups = source.class_indices(np.arange(len(source)))
    if by == "stratified" and groups is None:
        raise SourceError(f"{source!r} has no classes to stratify by; use by='random'")
    if by == "random" or groups is None:
        groups = np.zeros(len(source), np.int64)
    generator = np.random.Generator(np.random.Philox(key=seed))
    chosen = np.zeros(len(source), bool)
    for group in np.unique(groups):
        members = generator.permutation(np.flatnonzero(groups == group))
        chosen[members[: round(len(members) * validation)]] = True
    if chosen.all() or not chosen.any():
        raise SourceError(
            f"a share of {validation} of {source!r} leaves one side without records; choose another share"
        )
    return Subset(source, np.flatnonzero(~chosen)), Subset(source, np.flatnonzero(chosen))
