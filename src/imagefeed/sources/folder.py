"""A folder of pictures, a class for every sub-folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.checks import fail
from imagefeed.decode import Color
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints, Source

Labels: TypeAlias = Literal["int", "categorical", "binary"]

SUFFIXES = frozenset(
    (
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".avif",
        ".ppm",
        ".pgm",
        ".pnm",
    )
)


def folder(
    path: str | os.PathLike[str],
    *,
    labels: Labels | None = "int",
    classes: Sequence[str] | None = None,
    color: Color = "rgb",
) -> Folder:
    """The pictures below a folder; the class of each is the sub-folder that it is in.

    Pictures are found by their suffix, at any depth below a class, in the order of their names. Names that begin
    with a dot are passed over, and links to folders below a class are not followed.

        >>> from imagefeed import folder
        >>> folder(photo_folder)
        Folder('photos', 12 records: cats 6, dogs 6)

    Args:
        path: The folder.
        labels: "int" for class numbers, "categorical" for one-hot rows, "binary" for 0.0 and 1.0 of two classes,
            or None for pictures without labels (which may then lie in the folder itself).
        classes: The sub-folders to take, in the order in which they are numbered; all of them by default, sorted.
        color: "rgb" or "gray".

    Raises:
        SourceError: There is no such folder, or there are no pictures or classes in it.
    """
    root = Path(path)
    if labels not in ("int", "categorical", "binary", None):
        raise fail("folder(labels=)", labels, "expected 'int', 'categorical', 'binary' or None")
    if color not in ("rgb", "gray"):
        raise fail("folder(color=)", color, "expected 'rgb' or 'gray'")
    if not root.is_dir():
        raise SourceError(f"{root}: is not a folder; give the folder that holds a sub-folder for every class")
    if labels is None and classes is None:
        return Folder(root, ("",), [sorted(_pictures(str(root)))], labels, color)
    names = _class_folders(root) if classes is None else list(classes)
    for name in names:
        if not (root / name).is_dir():
            raise SourceError(f"{root}: has no sub-folder {name!r}; it has {', '.join(_class_folders(root)) or 'none'}")
    if not names:
        loose = next(_pictures(str(root)), None)
        hint = "pass labels=None to use the pictures in it without labels" if loose else "give another folder"
        raise SourceError(f"{root}: has no sub-folders, so there are no classes; {hint}")
    if labels == "binary" and len(names) != 2:
        raise SourceError(f"{root}: labels='binary' needs two classes, but there are {len(names)}: {', '.join(names)}")
    return Folder(root, tuple(names), [sorted(_pictures(str(root / name))) for name in names], labels, color)


class Folder(Source):
    """What `folder` returns. Holds the names of the files, and reads none of them."""

    def __init__(
        self,
        root: Path,
        classes: tuple[str, ...],
        files: Sequence[list[str]],
        labels: Labels | None,
        color: Color,
    ) -> None:
        self.root = root
        self.classes = classes if labels is not None else ()
        self.color = color
        self._labels: Labels | None = labels
        self._prefixes = [os.path.join(root, name, "") if name else os.path.join(root, "") for name in classes]
        self._files = [name for one in files for name in one]
        self._class_of = np.repeat(np.arange(len(classes)), [len(one) for one in files])
        if not self._files:
            raise SourceError(f"{root}: holds no pictures ({', '.join(sorted(SUFFIXES))}); give another folder")

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"Folder({self.root.name!r}, {self._summary()})"

    @property
    def files(self) -> list[str]:
        """The path of every record."""
        return self.names(np.arange(len(self)))

    @property
    def labels(self) -> Ints | None:
        """The class number of every record, int64 (n,)."""
        return self.class_indices(np.arange(len(self)))

    def names(self, indices: Ints) -> list[str]:
        return [self._prefixes[self._class_of[i]] + self._files[i] for i in indices.tolist()]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        return self.names(indices)

    def class_indices(self, indices: Ints) -> Ints | None:
        return self._class_of[indices] if self.classes else None

    def targets(self, indices: Ints) -> NDArray[Any] | None:
        found = self.class_indices(indices)
        if found is None:
            return None
        if self._labels == "categorical":
            return np.eye(len(self.classes), dtype=np.float32)[found]
        return found.astype(np.float32) if self._labels == "binary" else found


def _class_folders(root: Path) -> list[str]:
    with os.scandir(root) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())


def _pictures(top: str) -> Iterator[str]:
    """The pictures below a folder, by their paths from it. Nothing is asked of the disk but the listings."""
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        with os.scandir(os.path.join(top, inside)) as entries:
            for entry in entries:
                name = entry.name
                if name[0] == ".":
                    continue
                folder = entry.is_dir(follow_symlinks=False)
                if not folder and _is_picture(name):
                    yield inside + name if inside else name
                elif folder:
                    waiting.append(f"{inside}{name}/")


def _is_picture(name: str) -> bool:
    """Whether a file's suffix is one of a picture. Asked for every file: the common spelling first."""
    suffix = name[name.rfind(".") :]
    return suffix in SUFFIXES or suffix.lower() in SUFFIXES
