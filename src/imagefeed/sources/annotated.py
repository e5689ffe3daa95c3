"""What the annotation formats share: pictures in files, and checks of what is said about them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_choice, fail
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints
from imagefeed.sources.names import Names
from imagefeed.sources.pictures import FilePictures
from imagefeed.targets import MultiLabel, TargetLike, Targets

T = TypeVar("T", bound=str)

MOST_THINGS = 254
"""How many things or classes a mask can number: 0 is nothing, and 255 what is not known."""


def pictures_in(folder: Path, files: Sequence[str], where: str) -> FilePictures:
    """The pictures with these names in a folder.

    Raises:
        SourceError: There are none, some are missing, or a name leads out of the folder.
    """
    if not files:
        raise SourceError(f"{where}: holds no pictures")
    for file in files:
        if os.path.isabs(file) or ".." in Path(file).parts:
            raise SourceError(f"{where}: {file!r} leads out of {folder}; expected names inside it")
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        raise SourceError(
            f"{where}: {len(missing)} of {len(files)} pictures are not in {folder}, the first is {missing[0]}; "
            "say where they are by images="
        )
    return FilePictures(folder, Names.of(files))


def read_json(file: Path) -> Any:
    """The contents of a JSON file.

    Raises:
        SourceError: There is no such file, or it is no JSON.
    """
    try:
        return json.loads(file.read_bytes())
    except OSError as error:
        raise SourceError(f"{file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise SourceError(f"{file}: is no JSON ({error})") from error


def rows_of_classes(owner: Ints, labels: Ints, count: int, classes: int) -> MultiLabel:
    """Which classes each of `count` pictures has, of things that are each in one picture and of one class."""
    rows: NDArray[np.float32] = np.zeros((count, classes), np.float32)
    rows[owner, labels] = 1
    return MultiLabel(rows)


def instances(counts: Ints) -> Ints:
    """Numbers from 1 for the things in each picture, int64 (things,)."""
    before: Ints = np.repeat(np.cumsum(counts) - counts, counts)
    return np.arange(1, len(before) + 1) - before


def numbers_of_things(counts: Ints, where: str) -> Ints:
    """The number of each thing in its picture, from 1, int64 (things,), of pictures with so many things.

    Raises:
        SourceError: A picture has more than a mask can number.
    """
    if counts.max(initial=0) > MOST_THINGS:
        raise SourceError(f"{where}: a picture has {counts.max()} things, but a mask can number {MOST_THINGS} of them")
    return instances(counts)


def numbers_of_classes(labels: Ints, where: str) -> Ints:
    """What the pixels of things of these classes become in a mask of classes: 0 is for what is none of them.

    Raises:
        SourceError: There are more classes than a mask can hold.
    """
    if labels.max(initial=0) + 1 > MOST_THINGS:
        raise SourceError(f"{where}: has {labels.max() + 1} classes, but a mask can hold {MOST_THINGS} of them")
    return labels + 1


def wanted_targets(where: str, targets: str | Sequence[str], known: Sequence[T]) -> list[T]:
    """The names of the targets that are asked for, checked.

    Raises:
        SpecError: One is unknown or comes twice, or there are none.
    """
    several: list[Any] = [targets] if isinstance(targets, str) else list(targets)
    for one in several:
        check_choice(where, one, known)
    if not several or len(set(several)) < len(several):
        raise fail(where, targets, "expected one of them, or several, each once")
    return [known[known.index(one)] for one in several]


def together(targets: str | Sequence[str], made: dict[str, TargetLike]) -> Targets:
    """One target as it is, where one was asked for by its name; else a dict."""
    return made[targets] if isinstance(targets, str) else made
