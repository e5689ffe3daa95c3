"""The samples in a tar file, in the form of WebDataset, read from front to back.

Nothing is ever unpacked: a member's name is a name, never a place. Members that only make sense when unpacked (links,
devices) and names that would lead somewhere when unpacked are refused all the same; an archive that holds such is not
what it pretends to be.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from imagefeed.errors import SourceError
from imagefeed.sources.listing import is_picture

_LARGEST_FIELD = 1 << 24
"""The most bytes of a member that is no picture. They are read into memory, so a hostile file gets no more."""

_LARGEST_PICTURE = 1 << 31
"""The most bytes of a picture that is read from a stream: as many as the native core reads from a file."""


@dataclass(slots=True)
class Sample:
    """The members of a sample that are wanted.

    Attributes:
        key: The name that its members share.
        name: The member that is the picture; empty as long as there is none.
        offset: Where in the file the picture begins.
        size: How many bytes it has.
        data: Those bytes, if the file is a stream.
        fields: The contents of the members that were asked for, by suffix.
        suffixes: Of every member.
    """

    key: str
    name: str = ""
    offset: int = 0
    size: int = 0
    data: bytes = b""
    fields: dict[str, bytes] = field(default_factory=dict[str, bytes])
    suffixes: set[str] = field(default_factory=set[str])


def samples(
    file: BinaryIO, where: str, image: str | None, fields: Sequence[str], *, streaming: bool
) -> Iterator[Sample]:
    """The samples of a tar file, from front to back.

    Args:
        file: The tar file.
        where: What messages call it.
        image: The suffix of the picture, or None for the only one.
        fields: What is wanted besides: suffixes, or "json.NAME".
        streaming: Whether the file can only be read from the front, compressed or not. Pictures are then read; of
            other files, which must not be compressed, only their places are found.

    Raises:
        SourceError: As for `shards`.
    """
    wanted = {_member(name) for name in fields}
    current: Sample | None = None
    for member, opened in _members(file, where, "r|*" if streaming else "r:"):
        key, suffix = split_name(member.name)
        if current is None or key != current.key:
            if current is not None:
                yield _finished(current, where, image)
            current = Sample(key)
        if suffix in current.suffixes:
            raise SourceError(f"{where}: sample {key!r} has two members with the suffix {suffix!r}")
        current.suffixes.add(suffix)
        if suffix == image or (image is None and is_picture(f".{suffix}")):
            _take_picture(current, member, where)
            if streaming:
                current.data = _content(opened, member, where, _LARGEST_PICTURE)
        elif suffix in wanted:
            current.fields[suffix] = _content(opened, member, where, _LARGEST_FIELD)
    if current is not None:
        yield _finished(current, where, image)


def split_name(name: str) -> tuple[str, str]:
    """The name of a sample, and the suffix of its member: "a/b.left.jpg" is the member "left.jpg" of "a/b"."""
    folder, slash, file = name.rpartition("/")
    stem, _, suffix = file.partition(".")
    return folder + slash + stem, suffix.lower()


def field_of(sample: Sample, name: str, where: str) -> Any:
    """The value of a sample's member or JSON field.

    Raises:
        SourceError: There is none, or it cannot be read.
    """
    member = _member(name)
    if member not in sample.fields:
        raise SourceError(f"{where}: sample {sample.key!r} has no member with the suffix {member!r}")
    try:
        text = sample.fields[member].decode("utf-8").strip()
        if member != "json":
            return int(text) if text.lstrip("-").isdecimal() else text
        return json.loads(text)[name.removeprefix("json.")] if name != "json" else json.loads(text)
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{where}: sample {sample.key!r}: {name!r} cannot be read ({error!r})") from error


def _member(name: str) -> str:
    """The suffix of the member that holds a field."""
    return "json" if name.startswith("json.") else name


def _members(file: BinaryIO, where: str, mode: Any) -> Iterator[tuple[tarfile.TarInfo, Any]]:
    """The plain files of a tar file, with the archive that they can be read from."""
    opened: Any = None
    try:
        opened = tarfile.open(fileobj=file, mode=mode, encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
        while (member := opened.next()) is not None:
            opened.members = []  # it would keep every member that it has seen
            if not member.isdir():
                _check(member, where)
                yield member, opened
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise SourceError(f"{where}: cannot be read as an uncompressed tar file ({error})") from error
    finally:
        if opened is not None:
            opened.close()


def _check(member: tarfile.TarInfo, where: str) -> None:
    """Raise SourceError unless a member is a plain file with a plain name."""
    name = member.name
    kinds = (
        (member.issym(), "a symbolic link"),
        (member.islnk(), "a hard link"),
        (member.isfifo(), "a pipe"),
        (member.isdev(), "a device"),
        (member.issparse(), "a sparse file"),
        (not member.isreg(), "of an unknown type"),
    )
    for is_kind, kind in kinds:
        if is_kind:
            raise SourceError(f"{where}: member {name!r} is {kind}; shards hold plain files only")
    if name.startswith(("/", "\\")) or name[1:2] == ":" or ".." in name.replace("\\", "/").split("/"):
        raise SourceError(f"{where}: member {name!r} has a name that leads out of the archive; it is not to be trusted")


def _take_picture(sample: Sample, member: tarfile.TarInfo, where: str) -> None:
    if sample.name:
        both = ", ".join(sorted(one for one in sample.suffixes if is_picture(f".{one}")))
        raise SourceError(f"{where}: sample {sample.key!r} has several pictures ({both}); say which by image=")
    sample.name, sample.offset, sample.size = member.name, member.offset_data, member.size


def _finished(sample: Sample, where: str, image: str | None) -> Sample:
    """A sample that is complete.

    Raises:
        SourceError: It has no picture.
    """
    if not sample.name:
        wanted = "picture" if image is None else f"member with the suffix {image!r}"
        raise SourceError(f"{where}: sample {sample.key!r} has no {wanted}")
    return sample


def _content(opened: Any, member: tarfile.TarInfo, where: str, most: int) -> bytes:
    if member.size > most:
        raise SourceError(f"{where}: member {member.name!r} holds {member.size} bytes, more than the limit of {most}")
    data: bytes = opened.extractfile(member).read()
    if len(data) != member.size:
        raise SourceError(f"{where}: ends within member {member.name!r}; the file was cut off")
    return data
