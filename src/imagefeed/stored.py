"""A picture that somebody holds: a path, the bytes of a file, or an array."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.errors import SourceError

PictureLike: TypeAlias = str | os.PathLike[str] | bytes | NDArray[Any]
"""A path, the bytes of a file, or an array (height, width, channels): uint8, uint16, or float32 levels, 0 to 255."""

Stored: TypeAlias = str | bytes | NDArray[Any]
"""The same, checked: arrays are contiguous and have channels."""

MOST_CHANNELS = 32
"""How many channels a picture may have in the native core."""

DTYPES = ("uint8", "uint16", "float32")

LevelsDtype: TypeAlias = Literal["uint8", "float32"]
"""What holds the levels of a picture, 0 to 255: whole numbers, or as fine as they are."""


def levels_of(array: NDArray[Any]) -> NDArray[Any]:
    """The levels, 0 to 255, of a picture: 16 bits become float32, of which 65535 is level 255."""
    return array.astype(np.float32) / np.float32(257) if array.dtype == np.uint16 else array


def levels_dtype(dtype: np.dtype[Any]) -> LevelsDtype:
    """What holds the levels of pictures of a dtype."""
    return "uint8" if dtype == np.uint8 else "float32"


def stored(picture: PictureLike, where: str, dtypes: Sequence[str] = DTYPES) -> Stored:
    """The picture, checked; `where` is what messages call it, and `dtypes` what an array may be.

    Raises:
        SourceError: An array has a shape or dtype that cannot be used.
    """
    if isinstance(picture, bytes):
        return picture
    if not isinstance(picture, np.ndarray):
        return os.fspath(picture)
    if picture.ndim not in (2, 3) or 0 in picture.shape or picture.dtype.name not in dtypes:
        shape = "x".join(map(str, picture.shape))
        expected = " or ".join(dtypes)
        raise SourceError(f"{where}: is {picture.dtype} of {shape}; expected {expected} (height, width, channels)")
    if picture.ndim == 3 and picture.shape[2] > MOST_CHANNELS:
        raise SourceError(f"{where}: has {picture.shape[2]} channels; at most {MOST_CHANNELS} can be used")
    return np.ascontiguousarray(levels_of(picture).reshape(*picture.shape[:2], -1))


def stage(records: _native.Records, pictures: Sequence[Stored]) -> list[str]:
    """Put pictures into records.

    Returns:
        For each the path that the native core is to read, which is empty where the record is filled.
    """
    paths = [""] * len(pictures)
    for place, picture in enumerate(pictures):
        if isinstance(picture, bytes):
            records.set_bytes(place, picture)
        elif isinstance(picture, str):
            paths[place] = picture
        else:
            records.set_array(place, picture)
    return paths


def name(picture: PictureLike, fallback: str) -> str:
    """What a picture is called in messages: its path, if it has one."""
    return fallback if isinstance(picture, bytes | np.ndarray) else os.fspath(picture)
