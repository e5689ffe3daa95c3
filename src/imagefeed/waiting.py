"""Waiting for native work and for Python functions, without being deaf to Ctrl-C or to the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from imagefeed import _native

T = TypeVar("T")

# How long a wait may keep Ctrl-C waiting, in milliseconds.
PATIENCE = 50


class StoppedError(Exception):
    """What was waited for is no longer wanted."""


def wait(job: _native.Job, stopped: threading.Event | None = None) -> None:
    """Wait for native work, in steps short enough for Ctrl-C and for `stopped`."""
    while not job.wait(PATIENCE):
        if stopped is not None and stopped.is_set():
            raise StoppedError


def spread(work: Callable[[int], T], rows: Sequence[int], threads: int, stopped: threading.Event) -> dict[int, T]:
    """`work(row)` for every row, on several threads: Pillow's formats, and a user's functions.

    The threads end with this call. They are daemons, so that the interpreter can end in the middle of one.

    Raises:
        StoppedError: `stopped` was set before all was done.
        Exception: What `work` raised for the first row for which it did.
    """
    left = iter(rows)
    lock = threading.Lock()
    made: dict[int, T] = {}
    errors: dict[int, BaseException] = {}

    def run() -> None:
        while not errors and not stopped.is_set():
            with lock:
                row = next(left, None)
            if row is None:
                return
            try:
                made[row] = work(row)
            except BaseException as error:  # whatever it is, it belongs to whoever called
                errors[row] = error

    workers = [threading.Thread(target=run, name="imagefeed", daemon=True) for _ in range(min(threads, len(rows)))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise errors[min(errors)]
    if len(made) < len(rows):
        raise StoppedError
    return {row: made[row] for row in rows}
