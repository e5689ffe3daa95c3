"""Very many names in little memory."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Names(Sequence[str]):
    """An immutable list of names: one block of bytes, a zero byte behind each name, and where those are.

    A name takes its own bytes and nine more (a Python string takes some 60 more). No name holds a zero byte, which no
    file system allows either; names that are not valid text come back as they were (`os.fsencode`).

        >>> from imagefeed.sources.names import Names
        >>> names = Names.of(["a.jpg", "b.jpg", "c.jpg"])
        >>> names[1], names.take(np.array([2, 0]))
        ('b.jpg', ['c.jpg', 'a.jpg'])

    Args:
        block: uint8 (bytes,), the names, each followed by a zero byte.
        ends: int64 (n,), the positions of the zero bytes.
    """

    def __init__(self, block: NDArray[np.uint8], ends: Ints) -> None:
        self.block = block
        self.ends = ends

    @classmethod
    def of(cls, names: Sequence[str]) -> Names:
        """The names of a list, none of which may hold a zero byte."""
        if not names:
            return cls(np.zeros(0, np.uint8), np.zeros(0, np.int64))
        joined = np.frombuffer(os.fsencode("\0".join(names)) + b"\0", np.uint8)
        ends = np.flatnonzero(joined == 0)
        if len(ends) != len(names):
            raise ValueError("a name holds a zero byte")
        return cls(joined, ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self.take(np.array([index % len(self)]))[0]

    def take(self, indices: Ints) -> list[str]:
        """The names at some positions, which must not be negative."""
        ends = self.ends[indices].tolist()
        starts = np.where(indices == 0, 0, self.ends[indices - 1] + 1).tolist()
        return [os.fsdecode(self.block[start:end].tobytes()) for start, end in zip(starts, ends, strict=True)]
