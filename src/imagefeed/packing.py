"""Pictures that a pipeline makes, as tar files that `shards` reads anywhere, with a manifest of digests.

A `Packing` is a value: whoever has it can write any of its shards, here or on another machine, and a shard that is
written again is the same to the byte. It appears under its name only when it is whole.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.errors import DecodeError, SourceError
from imagefeed.loader import Loader
from imagefeed.loader_state import fingerprint_of_source

FileFormat: TypeAlias = Literal["jpg", "png", "webp"]

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_VERSION = 1
_MANIFEST = "manifest.json"
# What is known of shards that are written, until all are.
_UNFINISHED = ".unfinished"
_LONGEST_STEM = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """What is known of a tar file.

    Attributes:
        name: Of the file.
        samples: How many samples it holds.
        bytes: Its size.
        sha256: The digest of the file, in hexadecimal: what `sha256sum` prints.
        bad: The pictures that could not be read and are not in it: pairs of path and reason.
    """

    name: str
    samples: int
    bytes: int
    sha256: str
    bad: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, values: dict[str, Any]) -> Shard:
        """A shard from JSON."""
        bad = tuple((str(path), str(reason)) for path, reason in values.pop("bad"))
        return cls(**values, bad=bad)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a folder of tar files holds: its `manifest.json`, which is written last.

    Attributes:
        folder: Where the files are.
        classes: The names of the classes, which the samples' `cls` members count: `shards(files, classes=classes)`.
        done: How many steps of the pipeline were done; the training does those from there on.
        made: What the samples were made of: digests of the source and of the pipeline, seed, copies, format, quality.
        shards: The files, in order.
    """

    folder: Path
    classes: tuple[str, ...]
    done: int
    made: dict[str, Any]
    shards: tuple[Shard, ...]

    @property
    def samples(self) -> int:
        """How many samples all files hold."""
        return sum(one.samples for one in self.shards)

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(one.bytes for one in self.shards)

    @property
    def bad(self) -> list[DecodeError]:
        """The pictures that could not be read."""
        return [DecodeError(path, reason) for one in self.shards for path, reason in one.bad]

    @property
    def files(self) -> list[Path]:
        """The paths of the tar files."""
        return [self.folder / one.name for one in self.shards]

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Manifest:
        """What the manifest of a folder says.

        Raises:
            SourceError: There is none, since the work is unfinished; or it is damaged.
        """
        file = Path(folder) / _MANIFEST
        try:
            found = json.loads(file.read_text("utf-8"))
            if found.pop("version") != _VERSION:
                raise SourceError(f"{file}: is of another version of imagefeed")
            shards = tuple(Shard.of(one) for one in found.pop("shards"))
            return cls(folder=Path(folder), classes=tuple(found.pop("classes")), shards=shards, **found)
        except FileNotFoundError as error:
            raise SourceError(f"{file}: is not there; it is written when all shards are") from error
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"{file}: is no manifest ({error!r})") from error

    def verify(self) -> None:
        """Read every file and compare its digest.

        Raises:
            SourceError: A file is missing, or is not as it was written; the message names it.
        """
        for one in self.shards:
            if not _is_whole(self.folder / one.name, one):
                raise SourceError(f"{self.folder / one.name}: is missing, or not as it was written; make it again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """Tar files to be written.

    Attributes:
        loader: Of batches of one picture, in 8 bits. Shuffled, so that every shard holds some of every class.
        out: A folder that everyone who writes sees.
        count: How many shards.
        copies: How many draws of each picture: those of the first epochs.
        format: Of the pictures.
        quality: Of JPEG and WebP, 1 to 100.
        done: For the manifest: how many steps of somebody's pipeline these are.
    """

    loader: Loader
    out: Path
    count: int
    copies: int
    format: FileFormat
    quality: int
    done: int = 0

    def begin(self) -> None:
        """Make the folder; or find one in which the same work was begun, and go on there.

        Raises:
            SourceError: The folder holds something else.
        """
        unfinished = self.out / _UNFINISHED
        about = json.dumps(self._made(), sort_keys=True)
        job = unfinished / "job.json"
        if job.is_file() and job.read_text("utf-8") == about:
            return
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise SourceError(f"{self.out}: is there already, and not an empty folder; name another one")
        unfinished.mkdir(parents=True)
        _write_whole(job, about.encode())

    def write(self, number: int) -> Shard:
        """Write one of the shards, unless it is there already, whole.

        Raises:
            DecodeError: A picture cannot be read, and the loader does not skip it.
        """
        name = f"{number:0{len(str(self.count - 1))}d}-of-{self.count}.tar"
        note = self.out / _UNFINISHED / f"{number}.json"
        if note.is_file():
            found = Shard.of(json.loads(note.read_text("utf-8")))
            if _is_whole(self.out / name, found):
                return found
        bad: list[tuple[str, str]] = []
        temporary = self.out / _UNFINISHED / f"{name}.{uuid.uuid4().hex}"
        with open(temporary, "wb") as file:
            samples = _write_tar(file, self._samples(number, bad))
            file.flush()
            os.fsync(file.fileno())
        digest, size = _digest(temporary), temporary.stat().st_size
        os.replace(temporary, self.out / name)
        made = Shard(name=name, samples=samples, bytes=size, sha256=digest, bad=tuple(bad))
        _write_whole(note, json.dumps(asdict(made)).encode())
        return made

    def finish(self, shards: Iterable[Shard]) -> Manifest:
        """Write the manifest.

        Args:
            shards: All of them, in any order, and any of them several times.

        Raises:
            SourceError: One is missing.
        """
        found = {one.name: one for one in shards}
        if len(found) != self.count:
            raise SourceError(f"{self.out}: {len(found)} of {self.count} shards were written; run the same again")
        manifest = Manifest(
            folder=self.out,
            classes=self.loader.source.classes,
            done=self.done,
            made=self._made(),
            shards=tuple(found[name] for name in sorted(found)),
        )
        content = {name: value for name, value in asdict(manifest).items() if name != "folder"}
        _write_whole(self.out / _MANIFEST, json.dumps({"version": _VERSION, **content}, indent=1).encode())
        shutil.rmtree(
            self.out / _UNFINISHED, ignore_errors=True
        )  # a machine that is thought lost may still write there
        return manifest

    def _made(self) -> dict[str, Any]:
        loader = self.loader
        return {
            "source": fingerprint_of_source(loader.source),
            "records": len(loader.source),
            "pipeline": hashlib.sha256(repr(loader.pipeline).encode()).hexdigest(),
            "seed": loader.seed,
            "copies": self.copies,
            "format": self.format,
            "quality": None if self.format == "png" else self.quality,
            "shards": self.count,
        }

    def _samples(self, number: int, bad: list[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
        """The members of a shard: names and contents. What cannot be read is put into `bad`."""
        source, total = self.loader.source, len(self.loader)
        part = {"start": number * total // self.count, "stop": (number + 1) * total // self.count}
        pending: deque[tuple[str, int | None, Future[bytes]]] = deque()
        digits = len(str(len(source) - 1)), len(str(self.copies - 1))

        def finished() -> Iterator[tuple[str, bytes]]:
            key, label, picture = pending.popleft()
            yield f"{key}.{self.format}", picture.result()
            if label is not None:
                yield f"{key}.cls", str(label).encode()

        with ThreadPoolExecutor(self.loader.threads) as pool:
            for copy in range(self.copies):
                for batch in self.loader.batches(copy, **part):
                    bad += [(error.path, error.reason) for error in batch.bad]
                    for picture, index in zip(batch.images, batch.indices.tolist(), strict=True):
                        labels = source.class_indices(np.array([index]))
                        key = f"{index:0{digits[0]}d}-{copy:0{digits[1]}d}-{_stem(source.keys(np.array([index]))[0])}"
                        label = None if labels is None else int(labels[0])
                        pending.append((key, label, pool.submit(encoded, picture, self.format, self.quality)))
                        if len(pending) > 4 * self.loader.threads:  # the rest waits as bytes of memory
                            yield from finished()
            while pending:
                yield from finished()


def encoded(picture: NDArray[np.uint8], form: FileFormat, quality: int) -> bytes:
    """A picture (height, width, channels) as the bytes of a file."""
    from PIL import Image  # only where files are written

    options: dict[str, Any] = {} if form == "png" else {"quality": quality}
    channels = picture.shape[2]
    file = io.BytesIO()
    image = Image.fromarray(picture[..., 0] if channels == 1 else picture, MODES[channels])
    image.save(file, {"jpg": "JPEG"}.get(form, form), **options)
    return file.getvalue()


def _write_tar(file: io.BufferedWriter, members: Iterable[tuple[str, bytes]]) -> int:
    """Write a tar file that depends on the members alone; how many samples these are."""
    samples: set[str] = set()
    tar: Any
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)  # of nobody's, and of the year 1970
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
            tar.members = []  # it would keep every one
            samples.add(name.partition(".")[0])
    return len(samples)


def _stem(key: str) -> str:
    """What a sample is called besides its number: without a dot, at which a suffix would begin."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", Path(key).stem)[:_LONGEST_STEM]


def _is_whole(file: Path, shard: Shard) -> bool:
    return file.is_file() and file.stat().st_size == shard.bytes and _digest(file) == shard.sha256


def _digest(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _write_whole(file: Path, content: bytes) -> None:
    """Write a small file that is never seen half."""
    temporary = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
    temporary.write_bytes(content)
    os.replace(temporary, file)
