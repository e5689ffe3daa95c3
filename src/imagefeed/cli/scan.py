"""What is in a folder of pictures: every file opened and decoded, as training will."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from imagefeed.decode import read
from imagefeed.errors import DecodeError
from imagefeed.memory import available_cores
from imagefeed.sources import Source, folder

_ORIENTATION = 0x0112  # the EXIF tag


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A file that can be read.

    Attributes:
        path: Where it is, from the folder on.
        bytes: How large the file is.
        size: (height, width), upright.
        format: Such as "JPEG".
        mode: Its channels as stored, in Pillow's words: "RGB", "L", "CMYK".
        orientation: The EXIF orientation, 1 to 8; 0 where the EXIF data do not say, None without any.
    """

    path: str
    bytes: int
    size: tuple[int, int]
    format: str
    mode: str
    orientation: int | None


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A file that cannot be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What is in a folder.

    Attributes:
        folder: As it was given.
        classes: How many files each class has, unreadable ones included; empty without classes.
        pictures: The files that can be read.
        unreadable: The files that cannot.
        passed_over: The files that a loader does not look at, because of their suffix or because they lie
            beside the classes.
    """

    folder: Path
    classes: dict[str, int]
    pictures: tuple[Picture, ...]
    unreadable: tuple[Unreadable, ...]
    passed_over: tuple[str, ...]


def open_folder(path: Path, *, mask: str | None = None) -> Source:
    """The pictures of a folder: with classes where it has sub-folders, else without.

    Args:
        path: The folder.
        mask: Where the mask of each picture lies, as for `imagefeed.folder`.

    Raises:
        SourceError: There are no pictures in it.
    """
    has_classes = path.is_dir() and any(entry.is_dir() and entry.name[0] != "." for entry in path.iterdir())
    return folder(path, labels="int" if has_classes else None, mask=mask)


def scan(path: Path, *, advance: Callable[[int], None] = lambda total: None) -> Scan:
    """Open and decode every picture of a folder.

    Args:
        path: The folder.
        advance: Called after each file with the number of all files.

    Raises:
        SourceError: There are no pictures in it.
    """
    source = open_folder(path)
    files = source.names(np.arange(len(source)))
    found: list[Picture | Unreadable] = []
    with warnings.catch_warnings(), ThreadPoolExecutor(available_cores()) as pool:
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata; what cannot be read is told
        for result in pool.map(partial(_examine, root=path), files):
            found.append(result)
            advance(len(files))
    taken = {os.path.relpath(file, path) for file in files}
    return Scan(
        folder=path,
        classes=source.class_counts,
        pictures=tuple(one for one in found if isinstance(one, Picture)),
        unreadable=tuple(one for one in found if isinstance(one, Unreadable)),
        passed_over=tuple(sorted(name for name in _files(path) if name not in taken)),
    )


def _examine(file: str, root: Path) -> Picture | Unreadable:
    name = os.path.relpath(file, root)
    try:
        data = Path(file).read_bytes()
        height, width, _ = read(data).shape
    except DecodeError as error:
        return Unreadable(path=name, reason=error.reason)
    except OSError as error:
        return Unreadable(path=name, reason=error.strerror or str(error))
    kind, mode, orientation = _stored(data)
    return Picture(path=name, bytes=len(data), size=(height, width), format=kind, mode=mode, orientation=orientation)


def _stored(data: bytes) -> tuple[str, str, int | None]:
    """The format, mode and orientation of a picture that can be read: "?", "?" and None where Pillow cannot say."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            exif = image.getexif()
            return image.format or "?", image.mode, int(exif.get(_ORIENTATION, 0)) if exif else None
    except Exception:  # of damaged JPEGs, libjpeg reads some that Pillow does not open; it raises whatever they lead to
        return "?", "?", None


def _files(root: Path) -> Iterator[str]:
    """Every file below a folder that is not hidden, by its path from there."""
    for inside, below, names in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".")]
        yield from (os.path.relpath(os.path.join(inside, name), root) for name in names if name[0] != ".")
