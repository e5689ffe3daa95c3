"""A list of pictures that the caller names: paths, bytes, or arrays, as they come."""

from __future__ import annotations

from collections.abc import Sequence

from imagefeed import _native
from imagefeed.decode import Color
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints, Source
from imagefeed.stored import LevelsDtype, PictureLike, Stored, levels_dtype, name, stage, stored


class Files(Source):
    """Pictures without targets, one after another."""

    def __init__(self, pictures: Sequence[PictureLike], *, color: Color = "rgb") -> None:
        if not pictures:
            raise SourceError("expected at least one picture, got none")
        self.color = color
        self._pictures: list[Stored] = [stored(picture, f"pictures[{k}]") for k, picture in enumerate(pictures)]

    def __len__(self) -> int:
        return len(self._pictures)

    def __repr__(self) -> str:
        return f"Files({self._summary()})"

    @property
    def channels(self) -> int:
        first = self._pictures[0]
        return super().channels if isinstance(first, str | bytes) else first.shape[-1]

    @property
    def levels_dtype(self) -> LevelsDtype:
        first = self._pictures[0]
        return super().levels_dtype if isinstance(first, str | bytes) else levels_dtype(first.dtype)

    def names(self, indices: Ints) -> list[str]:
        return [name(self._at(i), f"pictures[{i}]") for i in indices.tolist()]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        return stage(records, [self._at(i) for i in indices.tolist()])

    def _at(self, index: int) -> Stored:
        return self._pictures[index]

    def targets(self, indices: Ints) -> None:
        return None
