"""Where the stored pictures of a source are: in files, in parts of files, or in memory."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.sources.base import Ints
from imagefeed.sources.names import Names


class Pictures(ABC):
    """Stored pictures, as one of the parts that a source is made of."""

    @abstractmethod
    def __len__(self) -> int:
        """How many there are."""

    @abstractmethod
    def names(self, indices: Ints) -> list[str]:
        """What each is called in messages."""

    @abstractmethod
    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        """As `Source.stage`."""

    def keys(self, indices: Ints) -> list[str]:
        """As `Source.keys`."""
        return self.names(indices)

    def read_ahead(self, indices: Ints) -> None:  # noqa: B027 - most have nothing to begin
        """As `Source.read_ahead`."""


class FilePictures(Pictures):
    """A file for each picture.

    Args:
        root: The folder that relative names start from.
        files: The names.
    """

    def __init__(self, root: str | os.PathLike[str], files: Names) -> None:
        self.root = os.fspath(root)
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def names(self, indices: Ints) -> list[str]:
        return [os.path.join(self.root, name) for name in self.files.take(indices)]

    def keys(self, indices: Ints) -> list[str]:
        return self.files.take(indices)

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        return self.names(indices)


class BytesPictures(Pictures):
    """The bytes of files, in memory.

    Args:
        pictures: The bytes of each; empty where a picture is missing, which is an error when it is read.
        where: What messages call the whole: the pictures are WHERE[0] and on.
    """

    def __init__(self, pictures: Sequence[bytes], where: str) -> None:
        self.pictures = pictures
        self.where = where

    def __len__(self) -> int:
        return len(self.pictures)

    def names(self, indices: Ints) -> list[str]:
        return [f"{self.where}[{i}]" for i in indices.tolist()]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        rows: list[int] = indices.tolist()
        for place, row in enumerate(rows):
            records.set_bytes(place, self.pictures[row])
        return ()


class RangePictures(Pictures):
    """Parts of a few large files, which the native threads read where they lie.

    Args:
        files: The large files.
        owner: Which of them each picture is in, (n,).
        offsets: Where in it the picture begins, int64 (n,).
        lengths: How many bytes it has, int64 (n,).
        members: What each picture is called in its file.
    """

    def __init__(
        self, files: Sequence[str], owner: NDArray[np.int32], offsets: Ints, lengths: Ints, members: Names
    ) -> None:
        self.files = list(files)
        self.owner = owner
        self.offsets = offsets
        self.lengths = lengths
        self.members = members

    def __len__(self) -> int:
        return len(self.offsets)

    def names(self, indices: Ints) -> list[str]:
        return [f"{self.files[k]}/{name}" for k, name in self._named(indices)]

    def keys(self, indices: Ints) -> list[str]:
        return [f"{os.path.basename(self.files[k])}/{name}" for k, name in self._named(indices)]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        records.set_ranges(self.offsets[indices], self.lengths[indices])
        owners: list[int] = self.owner[indices].tolist()
        return [self.files[k] for k in owners]

    def _named(self, indices: Ints) -> zip[tuple[int, str]]:
        return zip(self.owner[indices].tolist(), self.members.take(indices), strict=True)
