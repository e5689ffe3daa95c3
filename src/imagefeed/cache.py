"""A cache of pictures as far as they are the same every time: in memory, or in a folder as an LMDB database.

Filled once, as pictures come; what fits the budget stays, and nothing is ever evicted. A value is a small header, a
checksum, and the levels of a picture or a JPEG (see native/sealed.hpp). In a folder, every value's checksum is
compared each time that it is used; a damaged one is made anew.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import warnings
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.checks import check_choice, fail
from imagefeed.errors import CacheError
from imagefeed.memory import format_bytes, parse_bytes

Bytes: TypeAlias = NDArray[np.uint8]
Kind: TypeAlias = Literal["raw", "jpeg"]
Form: TypeAlias = Literal["auto", "raw", "jpeg"]
Identity: TypeAlias = Literal["stat", "content"]

HEADER = 32
_FORMAT = 1
_CHUNK = 64 << 20
# Written at once: one commit to the disk for many pictures.
_TOGETHER = 32 << 20
_ABOUT = b"about"


@dataclass(frozen=True, slots=True)
class Cache:
    """Where a loader keeps pictures as far as they are the same every time, so that they are decoded once.

        >>> from imagefeed import Cache, HorizontalFlip, Loader, Pipeline, Resize
        >>> pipeline = Pipeline([Resize((32, 32)), HorizontalFlip()])
        >>> loader = Loader(photos, pipeline, cache=Cache("ram", budget="100MB"))
        >>> len(list(loader)), len(list(loader))  # the second epoch reads no files
        (1, 1)

    The steps before the first random one are done before a picture is kept, rounded to whole levels. Where the
    pipeline begins with a random crop or turn, pictures are kept whole, shrunk to what training can use: a short side
    of 8/7 of the least that the widest view needs (256 for 224); of that least itself for `store="jpeg"`.
    `Loader.explain` says which it is. What is not kept is made in the same way every time, so the pictures do not
    depend on what is in the cache.

    Attributes:
        path: A folder, which several processes may share; or "ram" for memory of this process.
        budget: How large it may grow: bytes, or text like "20GB". By default what `Loader(memory=)` has for it, which
            is half of the memory that is free; or 20 GB in a folder. What does not fit is decoded every time.
        store: "raw" for levels as they are, the fastest; "jpeg" for JPEG of `quality`, about ten times smaller, for
            disks that are slower or scarcer than cores; "auto" for "raw", but "jpeg" in a folder for which raw levels
            would not fit the budget.
        quality: Of JPEG, from 1 to 100. At 95 a photograph takes about a third more than at 90.
        identity: What tells that a file has changed: "stat" for its path, size, modification time and inode; "content"
            for all of its bytes, which are then read every time.
        short_side: The short side that pictures are shrunk to where the pipeline begins with a random step; by
            default as above. Pictures that are smaller already stay as they are.

    Raises:
        SpecError: An attribute has a value that it cannot have.
    """

    path: str | os.PathLike[str]
    _: KW_ONLY
    budget: int | str | None = None
    store: Form = "auto"
    quality: int = 90
    identity: Identity = "stat"
    short_side: int | None = None

    def __post_init__(self) -> None:
        if not os.fspath(self.path):
            raise fail("Cache.path", self.path, 'expected a folder, or "ram"')
        if self.budget is not None:
            parse_bytes("Cache.budget", self.budget)
        check_choice("Cache.store", self.store, ("auto", "raw", "jpeg"))
        check_choice("Cache.identity", self.identity, ("stat", "content"))
        for name, value, high in (("quality", self.quality, 100), ("short_side", self.short_side, 1 << 16)):
            if value is not None and (type(value) is not int or not 1 <= value <= high):
                raise fail(f"Cache.{name}", value, f"expected an integer from 1 to {high}")

    @property
    def in_ram(self) -> bool:
        """Whether it is memory of this process."""
        return self.path == "ram"

    @property
    def bytes(self) -> int:
        """The budget in bytes; by default, that of a folder."""
        return 20 * 10**9 if self.budget is None else parse_bytes("Cache.budget", self.budget)


class Store(Protocol):
    """What holds the values of a cache."""

    checked: bool
    """Whether a value's checksum has to be compared when it is used."""
    kind: Kind | None
    """What the values are, as far as that has been decided."""

    def look_up(self, keys: Sequence[bytes]) -> tuple[list[Bytes | None], object]:
        """The value of each key, where there is one; and what must be kept for as long as they are used."""
        ...

    def put(self, key: bytes, value: Bytes) -> None:
        """Keep a value, if it fits."""
        ...

    def flush(self) -> None:
        """Write what has been put."""
        ...

    def set_kind(self, kind: Kind) -> Kind:
        """Decide what the values are, unless that has been decided; what it is now."""
        ...

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        ...

    def __len__(self) -> int: ...


def sealed(kind: Kind, size: tuple[int, int, int], source: tuple[int, int], value: Bytes) -> Bytes:
    """Fill in the header of a value, whose levels or JPEG stand from HEADER on.

    Args:
        kind: What they are.
        size: Height, width and channels of the picture.
        source: Height and width of the picture that it was made from, upright.
        value: uint8 (HEADER + n,), written into.
    """
    number = ("raw", "jpeg").index(kind)
    value[:HEADER] = np.frombuffer(
        struct.pack("<4sBBHIIIIQ", b"IFC1", number, size[2], 0, *size[:2], *source, 0), np.uint8
    )
    value[24:32] = np.frombuffer(struct.pack("<Q", _native.sealed_checksum(value)), np.uint8)
    return value


def is_whole(value: Bytes) -> bool:
    """Whether a value is as it was written."""
    if len(value) <= HEADER or value[:4].tobytes() != b"IFC1":
        return False
    return struct.unpack("<Q", value[24:32].tobytes())[0] == _native.sealed_checksum(value)


def open_store(cache: Cache, memory: int) -> Store:
    """The store that a cache describes; a folder is made where there is none.

    Args:
        cache: What is described.
        memory: How many bytes it may take if it is in memory.

    Raises:
        CacheError: The folder cannot be used.
    """
    return RamStore(memory) if cache.in_ram else open_folder(Path(cache.path), cache.bytes)


# ------------------------------------------------------------------------------------------------------ memory


class RamStore:
    """Values in memory, one after another in large pieces."""

    checked = False

    def __init__(self, budget: int) -> None:
        self.kind: Kind | None = None
        self._budget = budget
        self._values: dict[bytes, Bytes] = {}
        self._chunk = np.empty(0, np.uint8)
        self._left = 0
        self._size = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    @property
    def size(self) -> int:
        return self._size - self._left

    def look_up(self, keys: Sequence[bytes]) -> tuple[list[Bytes | None], object]:
        return [self._values.get(key) for key in keys], None

    def put(self, key: bytes, value: Bytes) -> None:
        room = -(-len(value) // 64) * 64
        with self._lock:
            if key in self._values:
                return
            if room > self._left:
                length = min(max(_CHUNK, room), self._budget - self._size)
                if length < room:
                    return
                self._chunk, self._left = np.empty(length, np.uint8), length
                self._size += length
            start = len(self._chunk) - self._left
            self._left -= room
            place = self._chunk[start : start + len(value)]
            place[:] = value
            self._values[key] = place

    def flush(self) -> None:
        return  # all is written

    def set_kind(self, kind: Kind) -> Kind:
        self.kind = self.kind or kind
        return self.kind


# ------------------------------------------------------------------------------------------------------ folder


class FolderStore:
    """Values in an LMDB database, which processes share and which survives being killed at any moment."""

    checked = True

    def __init__(self, path: Path, budget: int, *, write: bool = True) -> None:
        lmdb: Any = import_module("lmdb")  # only where it is used
        self.path = path
        self._lmdb: Any = lmdb
        self._together = min(_TOGETHER, budget // 16)
        self._pending: dict[bytes, Bytes] = {}
        self._waiting = 0
        self._closed = not write
        self._lock = threading.Lock()
        self._process = os.getpid()
        try:
            if write:
                path.mkdir(parents=True, exist_ok=True)
            page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
            # Twelve pages are the least that an environment takes.
            self._env: Any = lmdb.open(
                str(path),
                map_size=max(12, budget // page) * page,
                readonly=not write,
                create=write,
                readahead=False,  # pictures are read in a shuffled order
                meminit=False,
                metasync=False,  # the last commit may be lost with the power, never the database
                max_readers=1024,
            )
            self._env.reader_check()  # of processes that were killed
            about = self._read_about()
        except (lmdb.Error, OSError, ValueError) as error:
            raise CacheError(
                f"{path}: cannot be used as a cache ({error}); give another folder, or `imagefeed cache clear` this one"
            ) from error
        if about is not None and about.get("format") != _FORMAT:
            raise CacheError(f"{path}: is a cache of another version of imagefeed; `imagefeed cache clear` it")
        self.kind: Kind | None = None if about is None else about["kind"]

    def __len__(self) -> int:
        return int(self._env.stat()["entries"]) - (self.kind is not None)

    @property
    def size(self) -> int:
        info = self._env.info()
        return (int(info["last_pgno"]) + 1) * int(self._env.stat()["psize"])

    def look_up(self, keys: Sequence[bytes]) -> tuple[list[Bytes | None], object]:
        lease = self._env.begin(buffers=True)
        found: list[Bytes | None] = []
        for key in keys:
            value: Any = lease.get(key) if key else None
            found.append(self._pending.get(key) if value is None else np.frombuffer(value, np.uint8))
        return found, lease

    def items(self) -> Iterator[tuple[bytes, Bytes]]:
        """Every key and value, which is valid until the next one."""
        with self._env.begin(buffers=True) as lease:
            for key, value in lease.cursor():
                if bytes(key) != _ABOUT:
                    yield bytes(key), np.frombuffer(value, np.uint8)

    def put(self, key: bytes, value: Bytes) -> None:
        with self._lock:
            if self._closed:
                return
            self._pending[key] = value
            self._waiting += len(value)
            full = self._waiting >= self._together
        if full:
            self.flush()

    def flush(self) -> None:
        with self._lock:
            if self._closed or not self._pending:
                return
            try:
                if not self._write(self._pending.items()):
                    # One after another, as many as fit.
                    self._closed = not all(self._write([item]) for item in self._pending.items())
            except self._lmdb.Error as error:
                self._closed = True
                self._warn(error)
            self._pending, self._waiting = {}, 0

    def replace(self, key: bytes, value: Bytes) -> None:
        """Write a value over a damaged one."""
        with self._lock:
            if not self._closed:
                try:
                    self._write([(key, value)], overwrite=True)
                except self._lmdb.Error as error:
                    self._warn(error)

    def remove(self, keys: Iterable[bytes]) -> None:
        """Take values out."""
        with self._env.begin(write=True) as transaction:
            for key in keys:
                transaction.delete(key)

    def set_kind(self, kind: Kind) -> Kind:
        if self.kind is None and not self._closed:
            try:
                with self._env.begin(write=True) as transaction:
                    value = json.dumps({"format": _FORMAT, "kind": kind}).encode()
                    transaction.put(_ABOUT, value, overwrite=False)  # another process may have been faster
                about = self._read_about()
                kind = kind if about is None else about["kind"]
            except self._lmdb.Error as error:
                self._closed = True
                self._warn(error)
        self.kind = self.kind or kind
        return self.kind

    def _write(self, items: Iterable[tuple[bytes, Bytes]], *, overwrite: bool = False) -> bool:
        """Whether there was room for all; if not, none is written."""
        try:
            with self._env.begin(write=True) as transaction:
                for key, value in items:
                    transaction.put(key, value.data, overwrite=overwrite)
        except self._lmdb.MapFullError:
            return False
        return True

    def _read_about(self) -> dict[str, Any] | None:
        with self._env.begin() as transaction:
            value: Any = transaction.get(_ABOUT)
        return None if value is None else json.loads(value)

    def _warn(self, error: Exception) -> None:
        warnings.warn(
            f"{self.path}: the cache cannot be written ({error}); pictures that are not in it are decoded every time",
            RuntimeWarning,
            stacklevel=2,
        )


# LMDB forbids that a process opens an environment twice.
_open: weakref.WeakValueDictionary[tuple[int, str], FolderStore] = weakref.WeakValueDictionary()
_opening = threading.Lock()


def open_folder(path: Path, budget: int, *, write: bool = True) -> FolderStore:
    """The store in a folder: the one that is open in this process, or a new one."""
    key = os.getpid(), os.path.realpath(path)
    with _opening:
        store = _open.get(key)
        if store is None:
            store = _open[key] = FolderStore(path, budget, write=write)
        return store


def clear_folder(path: Path) -> int:
    """Remove the cache in a folder, and nothing else that is there; how many bytes that frees.

    Raises:
        CacheError: There is no cache.
    """
    files = [path / name for name in ("data.mdb", "lock.mdb")]
    if not files[0].is_file():
        raise CacheError(f"{path}: holds no cache (no data.mdb); give the folder that Cache(...) was given")
    freed = sum(file.stat().st_blocks * 512 for file in files if file.exists())
    for file in files:
        file.unlink(missing_ok=True)
    if not any(path.iterdir()):
        path.rmdir()
    return freed


def room(path: Path) -> str:
    """What is free on the disk of a folder, for people."""
    while not path.exists():
        path = path.parent
    import shutil  # with three compressors in its train: not before it is needed

    return format_bytes(shutil.disk_usage(path).free)
