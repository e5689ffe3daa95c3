"""The threads that all iterators of a process share."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from imagefeed import _native

# How long a wait may keep Ctrl-C waiting, in milliseconds.
_PATIENCE = 50


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Workers:
    """Threads of one process.

    Attributes:
        pool: Native threads, which decode and render.
        conductors: Threads that make one group of batches each.
        python: Threads for what is not native, picture by picture.
        memory: Where batches take their memory from.
    """

    pool: _native.Pool = field(default_factory=lambda: _native.Pool(_cores()))
    conductors: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(2, thread_name_prefix="imagefeed-conductor")
    )
    python: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_cores(), thread_name_prefix="imagefeed-python")
    )
    memory: _native.Recycler = field(default_factory=lambda: _native.Recycler(16))


_lock = threading.Lock()
_of_process: dict[int, Workers] = {}


def workers() -> Workers:
    """The threads of this process; a forked child has its own."""
    process = os.getpid()
    with _lock:
        if process not in _of_process:
            _of_process[process] = Workers()
        return _of_process[process]


def wait(job: _native.Job) -> None:
    """Wait for native work, in steps short enough for Ctrl-C."""
    while not job.wait(_PATIENCE):
        continue
