"""The panoptic segments of COCO (Kirillov and others, 2019): PNGs whose colors are the ids of what each pixel is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagefeed.decode import read
from imagefeed.errors import DecodeError
from imagefeed.sources.base import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The mask of a picture, read when it is called.

    Attributes:
        file: The PNG; the id of a pixel is red + 256 green + 65536 blue, 0 for none.
        ids: Of the picture's segments, in order, int64 (m,).
        numbers: What the pixels of each become, uint8 (m,).
    """

    file: str
    ids: Ints
    numbers: NDArray[np.uint8]

    def __call__(self, height: int, width: int) -> NDArray[np.uint8]:
        """The mask, uint8 (height, width).

        Raises:
            DecodeError: The PNG cannot be read, has another size, or an id that no segment has.
        """
        colors = read(self.file).astype(np.int32)
        if colors.shape[:2] != (height, width):
            raise DecodeError(self.file, f"is {colors.shape[0]}x{colors.shape[1]}, but its picture is {height}x{width}")
        ids = colors @ np.array([1, 256, 65536], np.int32)
        known = np.concatenate([np.zeros(1, np.int64), self.ids])
        place = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        wrong = known[place] != ids
        if wrong.any():
            raise DecodeError(self.file, f"has a segment {ids[wrong][0]}, of which the annotations do not speak")
        return np.concatenate([np.zeros(1, np.uint8), self.numbers])[place]


class SegmentMasks(Sequence[Segments]):
    """The masks of all records of a source.

    Args:
        files: The PNG of each record.
        ids: Of all segments, those of a record together, int64 (segments,).
        numbers: What the pixels of each become, uint8 (segments,).
        counts: How many segments each record has, int64 (n,).
    """

    def __init__(self, files: Sequence[str], ids: Ints, numbers: NDArray[np.uint8], counts: Ints) -> None:
        order = np.lexsort((ids, np.repeat(np.arange(len(counts)), counts)))
        self._files = files
        self._ids = ids[order]
        self._numbers = numbers[order]
        self._ends = np.cumsum(counts)
        self._counts = counts

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Segments:  # pyright: ignore[reportIncompatibleMethodOverride]
        end = int(self._ends[index])
        begin = end - int(self._counts[index])
        return Segments(self._files[index], self._ids[begin:end], self._numbers[begin:end])
