"""Tar files of samples, as WebDataset writes them, read where they lie."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import fail
from imagefeed.decode import Color, check_color
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints
from imagefeed.sources.columns import Classes, Columns, Wanted
from imagefeed.sources.index_file import read_index, write_index
from imagefeed.sources.listed import Listed
from imagefeed.sources.listing import TICK
from imagefeed.sources.names import Names
from imagefeed.sources.pictures import RangePictures

if TYPE_CHECKING:
    from imagefeed.sources.tar import Sample

_KIND = "tar index, version 1"


def shards(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    image: str | None = None,
    label: Wanted = "cls",
    multi_label: Wanted = None,
    value: Wanted = None,
    weight: str | None = None,
    classes: Classes = None,
    separator: str = " ",
    color: Color = "rgb",
    index: str | os.PathLike[str] | None = None,
) -> Listed:
    """The samples of tar files, in the form of WebDataset: members that differ only in their suffix are one sample.

    The files are scanned once for where each picture begins. Pictures are then read in any order, from the tar
    itself: nothing is unpacked, so no name in it can lead anywhere. A sample's name is what comes before the first
    dot of its file name. For data that can only be read from the front, see `stream`.

        >>> from imagefeed import shards
        >>> shards(shard_file)
        Shards('photos.tar', 12 records: cats 6, dogs 6)

    Args:
        paths: Tar files, or patterns such as "train-*.tar"; in the order of their names.
        image: The suffix of the picture ("jpg"); by default the one member of a sample that has a picture's suffix.
        label: The member that holds the class, as a number or a name: its suffix. "json.kind" is the field `kind` of
            the member with suffix json. Several become a dict; None for no label. See `table` for what the columns
            become.
        multi_label: Members or fields with several classes.
        value: Members or fields with numbers.
        weight: A member or field that says how much a sample counts in the loss.
        classes: The names of the classes.
        separator: What stands between the labels of a multi-label text.
        color: "rgb", "gray", "rgba" or "gray16", as for `read`.
        index: A file that keeps what the scan found. It is used as long as the tar files have the size and the time
            of change that they had, and else written anew.

    Raises:
        SourceError: A file is missing, damaged or compressed; a sample has no picture or no label; a name comes twice,
            is absolute, or leads out of the archive; a member is a link, a device, or anything but a file.
    """
    check_color("shards(color=)", color)
    files = _files(paths)
    columns = Columns(
        label=label, multi_label=multi_label, value=value, weight=weight, classes=classes, separator=separator
    )
    fields = columns.names
    scanned = _scan_all(files, image, fields) if index is None else _stored(Path(index), files, image, fields)
    title = f"Shards({os.path.basename(files[0])!r})" if len(files) == 1 else f"Shards({len(files)} files)"
    where = "shards"
    pictures = RangePictures(files, scanned.owner, scanned.offsets, scanned.lengths, scanned.members)
    return Listed(pictures, columns.read(lambda name: scanned.fields[name], where), color=color, title=title)


@dataclass(frozen=True, slots=True)
class Scanned:
    """Where the pictures of some tar files are, and what the fields of their samples hold."""

    owner: NDArray[np.int32]
    offsets: Ints
    lengths: Ints
    members: Names
    fields: dict[str, list[Any]]


def _scan(path: str, image: str | None, fields: Sequence[str]) -> Iterator[Sample]:
    from imagefeed.sources.tar import samples  # what reads tar files is not loaded before one is read

    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            for sample in samples(file, path, image, fields, streaming=False):
                if sample.offset + sample.size > size:
                    raise SourceError(f"{path}: ends within member {sample.name!r}; the file was cut off")
                yield sample
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error


def _scan_all(files: Sequence[str], image: str | None, fields: Sequence[str]) -> Scanned:
    from imagefeed.sources.tar import field_of

    owner: list[int] = []
    ranges: list[tuple[int, int]] = []
    names: list[str] = []
    found: dict[str, list[Any]] = {name: [] for name in fields}
    for number, path in enumerate(files):
        seen: set[str] = set()
        for sample in _scan(path, image, fields):
            if sample.key in seen:
                raise SourceError(f"{path}: sample {sample.key!r} comes twice; the members of a sample stand together")
            seen.add(sample.key)
            owner.append(number)
            ranges.append((sample.offset, sample.size))
            names.append(sample.name)
            for name, values in found.items():
                values.append(field_of(sample, name, path))
    places = np.array(ranges, np.int64).reshape(-1, 2)
    return Scanned(np.array(owner, np.int32), places[:, 0].copy(), places[:, 1].copy(), Names.of(names), found)


def _stored(file: Path, files: Sequence[str], image: str | None, fields: Sequence[str]) -> Scanned:
    """What the index holds, if it is of these files as they are; else a new one, which is written."""
    began = time.time_ns()
    state = [[os.path.basename(path), os.stat(path).st_size, os.stat(path).st_mtime_ns] for path in files]
    about = {"files": state, "image": image, "fields": list(fields)}
    if (found := read_index(file, _KIND)) is not None:
        meta, arrays = found
        settled = all(changed < meta["listed"] - TICK for _, _, changed in state)
        if settled and {name: meta[name] for name in about} == about:
            names = Names(arrays["names"], arrays["ends"])
            return Scanned(arrays["owner"], arrays["offsets"], arrays["lengths"], names, meta["values"])
    made = _scan_all(files, image, fields)
    tensors = {
        "owner": made.owner,
        "offsets": made.offsets,
        "lengths": made.lengths,
        "names": made.members.block,
        "ends": made.members.ends,
    }
    write_index(file, _KIND, {**about, "listed": began, "values": made.fields}, tensors)
    return made


def _files(paths: Any) -> list[str]:
    several: list[str] = [str(one) for one in ([paths] if isinstance(paths, str | os.PathLike) else paths)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    found: list[str] = []
    for path in several:
        matches = sorted(glob.glob(path)) if glob.has_magic(path) and not os.path.exists(path) else [path]
        if not matches or not all(map(os.path.isfile, matches)):
            raise SourceError(f"shards: there is no file {path}")
        found += matches
    if not found:
        raise fail("shards(paths=)", several, "expected at least one tar file")
    return found
