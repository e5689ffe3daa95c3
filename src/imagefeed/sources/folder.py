"""A folder of pictures, a class for every sub-folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.checks import check_choice, fail
from imagefeed.decode import Color, check_color
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints, Source
from imagefeed.sources.listing import (
    SUFFIXES,
    Listing,
    Order,
    class_folders,
    list_classes,
    pictures_below,
    stored_listing,
)
from imagefeed.sources.pairs import check_template, masks_beside
from imagefeed.targets import MaskKind, Targets

Labels: TypeAlias = Literal["int", "categorical", "binary"]


def folder(
    path: str | os.PathLike[str],
    *,
    labels: Labels | None = "int",
    classes: Sequence[str] | None = None,
    color: Color = "rgb",
    order: Order = "name",
    index: str | os.PathLike[str] | None = None,
    mask: str | None = None,
    mask_kind: MaskKind = "index",
) -> Folder:
    """The pictures below a folder; the class of each is the sub-folder that it is in.

    Pictures are found by their suffix, at any depth below a class, in the order of their names. Names that begin
    with a dot are passed over, and links to folders below a class are not followed. A record takes the bytes of its
    file's name and nine more.

        >>> from imagefeed import folder
        >>> folder(photo_folder)
        Folder('photos', 12 records: cats 6, dogs 6)

    Args:
        path: The folder.
        labels: "int" for class numbers, "categorical" for one-hot rows, "binary" for 0.0 and 1.0 of two classes,
            or None for pictures without labels (which may then lie in the folder itself).
        classes: The sub-folders to take, in the order in which they are numbered; all of them by default, sorted.
        color: "rgb", "gray", "rgba" or "gray16", as for `read`.
        order: "name" for the order of the characters, or "natural", in which 2.jpg stands before 10.jpg.
        index: A file that keeps the listing, for folders of very many files. It is used as long as no folder below
            `path` has changed (its time of change is looked at, one question for each folder), and else written anew.
        mask: Where the mask of each picture lies, from the picture's own folder: "../annot/{name}.png". It is the
            target; with labels, the targets are a dict of "label" and "mask".
        mask_kind: "index", "binary" or "soft", as for `Mask`.

    Raises:
        SourceError: There is no such folder, there are no pictures or classes in it, or the index is a file of
            another kind.
    """
    root = Path(path)
    check_choice("folder(order=)", order, ("name", "natural"))
    if labels not in ("int", "categorical", "binary", None):
        raise fail("folder(labels=)", labels, "expected 'int', 'categorical', 'binary' or None")
    check_color("folder(color=)", color)
    if not root.is_dir():
        raise SourceError(f"{root}: is not a folder; give the folder that holds a sub-folder for every class")

    def listed() -> Listing:
        return list_classes(root, _chosen(root, labels, classes), order)

    listing = (
        listed() if index is None else stored_listing(Path(index), root, order, listed, classes=_asked(labels, classes))
    )
    if labels == "binary" and len(listing.classes) != 2:
        names = ", ".join(listing.classes)
        raise SourceError(f"{root}: labels='binary' needs two classes, but there are {len(listing.classes)}: {names}")
    if mask is not None:
        check_template("folder(mask=)", mask)
    check_choice("folder(mask_kind=)", mask_kind, get_args(MaskKind))
    return Folder(root, listing, labels, color, mask, mask_kind)


def _chosen(root: Path, labels: Labels | None, classes: Sequence[str] | None) -> list[str]:
    """The sub-folders that are classes; one empty name for the folder itself."""
    if labels is None and classes is None:
        return [""]
    names = class_folders(root) if classes is None else list(classes)
    for name in names:
        if not (root / name).is_dir():
            raise SourceError(f"{root}: has no sub-folder {name!r}; it has {', '.join(class_folders(root)) or 'none'}")
    if not names:
        loose = next(pictures_below(root, ""), None)
        hint = "pass labels=None to use the pictures in it without labels" if loose else "give another folder"
        raise SourceError(f"{root}: has no sub-folders, so there are no classes; {hint}")
    return names


def _asked(labels: Labels | None, classes: Sequence[str] | None) -> list[str] | None:
    """What a stored listing must have been made for: these classes, all of them (None), or no classes at all."""
    return [""] if labels is None and classes is None else None if classes is None else list(classes)


class Folder(Source):
    """What `folder` returns. Holds the names of the files, and reads none of them."""

    def __init__(
        self,
        root: Path,
        listing: Listing,
        labels: Labels | None,
        color: Color,
        mask: str | None = None,
        mask_kind: MaskKind = "index",
    ) -> None:
        self.root = root
        self._mask = mask
        self._mask_kind: MaskKind = mask_kind
        self.classes = listing.classes if labels is not None else ()
        self.color = color
        self._labels: Labels | None = labels
        self._prefixes = [os.path.join(root, name, "") if name else os.path.join(root, "") for name in listing.classes]
        self.listing = listing
        self._ends = np.cumsum(listing.counts)  # the classes follow one another
        if not len(listing.names):
            raise SourceError(f"{root}: holds no pictures ({', '.join(sorted(SUFFIXES))}); give another folder")

    def __len__(self) -> int:
        return len(self.listing.names)

    def __repr__(self) -> str:
        return f"Folder({self.root.name!r}, {self._summary()})"

    def names(self, indices: Ints) -> list[str]:
        classes: list[int] = self._class_of(indices).tolist()
        prefixes = [self._prefixes[k] for k in classes]
        return [prefix + name for prefix, name in zip(prefixes, self.listing.names.take(indices), strict=True)]

    def keys(self, indices: Ints) -> list[str]:
        above = len(os.path.join(self.root, ""))
        return [name[above:] for name in self.names(indices)]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        return self.names(indices)

    def class_indices(self, indices: Ints) -> Ints | None:
        return self._class_of(indices) if self.classes else None

    @property
    def class_counts(self) -> dict[str, int]:
        counts = np.diff(self._ends, prepend=0).tolist()
        return dict(zip(self.classes, counts, strict=False))  # strict: without labels there are no classes

    def _class_of(self, indices: Ints) -> Ints:
        return np.searchsorted(self._ends, indices, side="right")

    def targets(self, indices: Ints) -> Targets:
        labels = self._label_targets(indices)
        if self._mask is None:
            return labels
        mask = masks_beside(self.names(indices), self._mask, self._mask_kind)
        return mask if labels is None else {"label": labels, "mask": mask}

    def _label_targets(self, indices: Ints) -> NDArray[Any] | None:
        found = self.class_indices(indices)
        if found is None:
            return None
        if self._labels == "categorical":
            return np.eye(len(self.classes), dtype=np.float32)[found]
        return found.astype(np.float32) if self._labels == "binary" else found
