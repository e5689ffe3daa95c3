"""What the annotation formats share: pictures in files, and checks of what is said about them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints
from imagefeed.sources.names import Names
from imagefeed.sources.pictures import FilePictures
from imagefeed.targets import MultiLabel


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
