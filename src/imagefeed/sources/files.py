"""A list of pictures that the caller names: paths, bytes, or arrays, as they come."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.decode import Color
from imagefeed.errors import SourceError
from imagefeed.sources.base import MOST_CHANNELS, Ints, Source

PictureLike: TypeAlias = str | os.PathLike[str] | bytes | NDArray[Any]
"""A path, the bytes of a file, or a uint8 or float32 array (height, width, channels)."""


class Files(Source):
    """Pictures without targets, one after another."""

    def __init__(self, pictures: Sequence[PictureLike], *, color: Color = "rgb") -> None:
        if not pictures:
            raise SourceError("expected at least one picture, got none")
        self.color = color
        self._pictures: list[str | bytes | NDArray[Any]] = [_loaded(picture, k) for k, picture in enumerate(pictures)]

    def __len__(self) -> int:
        return len(self._pictures)

    def __repr__(self) -> str:
        return f"Files({self._summary()})"

    @property
    def channels(self) -> int:
        first = self._pictures[0]
        return super().channels if isinstance(first, str | bytes) else first.shape[-1]

    def names(self, indices: Ints) -> list[str]:
        return [_name(self._at(i), i) for i in indices.tolist()]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        paths = [""] * len(indices)
        for place, i in enumerate(indices.tolist()):
            picture = self._at(i)
            if isinstance(picture, bytes):
                records.set_bytes(place, picture)
            elif isinstance(picture, str):
                paths[place] = picture
            else:
                records.set_array(place, picture)
        return paths

    def _at(self, index: int) -> str | bytes | NDArray[Any]:
        return self._pictures[index]

    def targets(self, indices: Ints) -> NDArray[Any] | None:
        return None


def _loaded(picture: PictureLike, k: int) -> str | bytes | NDArray[Any]:
    if isinstance(picture, bytes):
        return picture
    if not isinstance(picture, np.ndarray):
        return os.fspath(picture)
    if picture.ndim not in (2, 3) or 0 in picture.shape or picture.dtype.name not in ("uint8", "float32"):
        shape = "x".join(map(str, picture.shape))
        raise SourceError(
            f"pictures[{k}]: is {picture.dtype} of {shape}; expected uint8 or float32 (height, width, channels)"
        )
    if picture.ndim == 3 and picture.shape[2] > MOST_CHANNELS:
        raise SourceError(f"pictures[{k}]: has {picture.shape[2]} channels; at most {MOST_CHANNELS} can be used")
    return np.ascontiguousarray(picture.reshape(*picture.shape[:2], -1))


def _name(picture: str | bytes | NDArray[Any], k: int) -> str:
    return picture if isinstance(picture, str) else f"pictures[{k}]"
