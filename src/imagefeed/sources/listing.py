"""What is in a folder, and a listing that is stored and used again."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.sources.index_file import read_index, write_index
from imagefeed.sources.names import Names

Ints = NDArray[np.int64]
Order: TypeAlias = Literal["name", "natural"]

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


# A change within the tick of a file system's clock leaves the time of a folder as it was. So a folder that had just
# been changed when it was listed is listed again; two seconds is the coarsest tick in use (FAT).
TICK = 2_000_000_000
# Entries of a folder that are looked at together.
_CHUNK = 1024
_KIND = "folder listing, version 1"


@dataclass(frozen=True, slots=True)
class Listing:
    """The pictures of a folder, class after class.

    Attributes:
        classes: The sub-folders, or one empty name for the folder itself.
        names: The path of every picture from its class's folder.
        counts: How many pictures each class has, int64 (classes,).
        folders: Every folder that was listed, by its path from the top, with the time of its last change in
            nanoseconds: what says whether a stored listing still holds.
        listed: When the listing began, in nanoseconds since 1970.
    """

    classes: tuple[str, ...]
    names: Names
    counts: Ints
    folders: dict[str, int]
    listed: int

    def still_holds(self, root: Path) -> bool:
        """Whether no folder has changed since. A picture that was only written anew changes no listing."""
        try:
            return all(
                time == os.stat(root / name).st_mtime_ns and time < self.listed - TICK
                for name, time in self.folders.items()
            )
        except OSError:
            return False


def list_classes(root: Path, classes: Sequence[str], order: Order) -> Listing:
    """List some sub-folders, each with all that is below it."""
    listed = time.time_ns()
    folders = {"": os.stat(root).st_mtime_ns}
    names: list[str] = []
    counts: list[int] = []
    key = natural_key if order == "natural" else None
    for one in classes:
        found = sorted(pictures_below(root, one, folders), key=key)
        names += found
        counts.append(len(found))
    return Listing(tuple(classes), Names.of(names), np.array(counts, np.int64), folders, listed)


def stored_listing(file: Path, root: Path, order: Order, make: Callable[[], Listing], *, classes: Any) -> Listing:
    """The listing that a file holds, if it is of this folder, made with these arguments and still true; else a new one.

    Args:
        file: Where the listing is kept. A file that is no listing is never written over.
        root: The folder.
        order: How names are ordered.
        make: Lists the folder.
        classes: The classes that the caller asked for, or None for all; a listing is of one such choice.
    """
    about = {"order": order, "asked": None if classes is None else list(classes)}
    if (found := read_index(file, _KIND)) is not None:
        meta, arrays = found
        if {name: meta[name] for name in about} == about:
            names = Names(arrays["names"], arrays["ends"])
            listing = Listing(tuple(meta["classes"]), names, arrays["counts"], meta["folders"], meta["listed"])
            if listing.still_holds(root):
                return listing
    listing = make()
    meta = {**about, "classes": listing.classes, "folders": listing.folders, "listed": listing.listed}
    tensors = {"names": listing.names.block, "ends": listing.names.ends, "counts": listing.counts}
    write_index(file, _KIND, meta, tensors)
    return listing


def class_folders(root: Path) -> list[str]:
    """The sub-folders, sorted; hidden ones are left out, links are followed, links that lead nowhere are none."""
    with os.scandir(root) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
        return sorted(entry.name for entry in visible if os.path.isdir(entry.path))


def pictures_below(root: Path, top: str, folders: dict[str, int] | None = None) -> Iterator[str]:
    """The pictures below `root / top`, by their paths from it. Nothing is asked of the disk but the listings.

    Args:
        root: A folder.
        top: A folder in it, or "" for itself.
        folders: Gains the time of the last change of every folder that is listed, by its path from `root`.
    """
    start = os.path.join(root, top)
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        path = os.path.join(start, inside)
        if folders is not None:  # before it is listed: a change in between is then seen as one
            folders[os.path.join(top, inside)] = os.stat(path).st_mtime_ns
        with os.scandir(path) as found:
            # By chunks: a list of all entries, each with its path, would take more than the names do.
            while entries := list(itertools.islice(found, _CHUNK)):
                below = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
                waiting += [f"{inside}{name}/" for name in below if name[0] != "."]
                names = [
                    name
                    for entry in entries
                    if ((name := entry.name)[-4:] in SUFFIXES or is_picture(name)) and name[0] != "."
                ]
                if below:  # which may have a picture's name
                    names = [name for name in names if name not in below]
                yield from [inside + name for name in names] if inside else names


def is_picture(name: str) -> bool:
    """Whether a file's suffix is one of a picture. Asked for every file: the common spelling first."""
    suffix = name[name.rfind(".") :]
    return suffix in SUFFIXES or suffix.lower() in SUFFIXES


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Orders names as a person counts: a2 before a10. Names that differ only in leading zeros stand as they sort."""
    parts = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]
    return [*parts, (-1, 0, name)]
