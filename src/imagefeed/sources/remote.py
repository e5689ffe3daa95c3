"""Pictures that are far away, fetched by fsspec on threads, ahead of when they are needed."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from imagefeed import _native
from imagefeed.sources.base import Ints
from imagefeed.sources.names import Names
from imagefeed.sources.pictures import Pictures

_AT_ONCE = 32
"""How many files are asked for at the same time. What takes long is the answer, not the bytes."""

_REMEMBERED = 64
"""After how many more calls of `read_ahead` a file that nobody staged is forgotten."""


def is_url(text: str | bytes) -> bool:
    """Whether a text begins like "https://" or "s3://"."""
    return isinstance(text, str) and re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*(?:::|://)", text) is not None


class UrlPictures(Pictures):
    """A URL for each picture, of any kind that fsspec knows: https, s3, gs, hf, memory, file, zip::…

    What lies in this machine's own file system (file, local) is read by the native threads, as a folder's files are.
    Of all else, the files of a `read_ahead` are fetched at once, many at a time; `stage` waits for what it needs. What
    was fetched and then not wanted (an epoch was broken off) is forgotten some batches later.

    Args:
        urls: The URLs.
    """

    def __init__(self, urls: Names) -> None:
        self.urls = urls
        self._lock = threading.Lock()
        self._coming: dict[int, tuple[int, Future[bytes | Failure]]] = {}  # with the call that asked for it
        self._calls = 0
        self._threads: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return len(self.urls)

    def names(self, indices: Ints) -> list[str]:
        return self.urls.take(indices)

    def read_ahead(self, indices: Ints) -> None:
        rows: list[int] = indices.tolist()
        with self._lock:
            self._calls += 1
            for row, url in zip(rows, self.urls.take(indices), strict=True):
                if not _is_local(url):
                    self._ask(row)
            for row, (call, future) in list(self._coming.items()):
                if call >= self._calls - _REMEMBERED:
                    break  # the others were asked for later
                future.cancel()
                del self._coming[row]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        rows: list[int] = indices.tolist()
        paths = [_path(url) if _is_local(url) else "" for url in self.urls.take(indices)]
        far = [(place, row) for place, row in enumerate(rows) if not paths[place]]
        with self._lock:
            coming = {row: self._ask(row) for _, row in far}
            for row in coming:
                del self._coming[row]
        for place, row in far:
            content = coming[row].result()
            if isinstance(content, Failure):
                records.set_fault(place, content.message)
            else:
                records.set_bytes(place, content)
        return paths

    def _ask(self, row: int) -> Future[bytes | Failure]:
        if row not in self._coming:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="imagefeed-remote")
            self._coming[row] = self._calls, self._threads.submit(_fetch, self.urls[row])
        return self._coming[row][1]

    def __getstate__(self) -> dict[str, Any]:
        return {"urls": self.urls}  # threads do not travel

    def __setstate__(self, state: dict[str, Any]) -> None:
        UrlPictures.__init__(self, state["urls"])


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file could not be had. A value, not an exception: it belongs to whoever wants the picture."""

    message: str


def _is_local(url: str) -> bool:
    """Whether a file is in this machine's own file system."""
    return url.startswith(("file://", "local://")) and "::" not in url


def _path(url: str) -> str:
    """The path of such a file."""
    path = url.partition("://")[2]
    if os.sep == "/" and path.startswith("/") and not path.endswith("/"):
        return path  # as fsspec has it, which takes as long as a tenth of reading the file
    core: Any = import_module("fsspec.core")  # has no types
    return core.strip_protocol(url)


def _fetch(url: str) -> bytes | Failure:
    fsspec: Any = import_module("fsspec")  # has no types
    try:
        with fsspec.open(url, "rb") as file:
            return file.read()
    except Exception as error:  # every protocol has its own
        return Failure(f"cannot be fetched ({type(error).__name__}: {error})")
