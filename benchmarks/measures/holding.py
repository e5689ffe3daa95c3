"""What is held in memory and on the disk: epoch after epoch, in a cache, under a limit."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from systems import Load, Task

Result = dict[str, Any]


def resident_bytes(process: str = "self") -> int:
    """Resident memory of a process and its children, as Linux counts it: shared pages for each."""
    folder = Path("/proc") / process
    try:
        pages = int((folder / "statm").read_text().split()[1])
        children = [child for task in folder.glob("task/*/children") for child in task.read_text().split()]
    except OSError:  # it has ended meanwhile
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(map(resident_bytes, children))


@contextlib.contextmanager
def peak() -> Iterator[list[int]]:
    """The most that is resident within the block, looked at thirty times a second."""
    most, done = [resident_bytes()], threading.Event()

    def watch() -> None:
        while not done.wait(0.03):
            most[0] = max(most[0], resident_bytes())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()


def disk_bytes(folder: Path) -> int:
    """What the files below a folder take on the disk."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def memory(load: Load, task: Task, request: Result) -> Result:
    """Resident bytes at the end of every epoch. Every system's process holds its framework too."""
    module = load()
    stream = getattr(module, task.job.work)(task)
    resident: list[int] = []
    seen = 0
    while len(resident) < request["epochs"]:
        seen += len(next(stream))
        if seen >= request["epoch_images"]:
            seen -= request["epoch_images"]
            resident.append(resident_bytes())
    return {"resident": resident}


def cache(load: Load, task: Task, request: Result) -> Result:
    """The first epoch, with all that has to be made for it; the rate of later ones; the disk; the peak of memory."""
    module = load()
    with peak() as most:
        begin = time.perf_counter()
        stream = getattr(module, task.job.work)(task)
        seen = 0
        while seen < request["epoch_images"]:
            seen += len(next(stream))
        first = time.perf_counter() - begin
        seen = 0
        while seen < request["epoch_images"]:  # an epoch that is not counted: what was written comes into memory
            seen += len(next(stream))
        images, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < request["seconds"]:
            images += len(next(stream))
        wall = time.perf_counter() - begin
    assert task.scratch is not None
    return {"first": first, "rate": images / wall, "disk": disk_bytes(task.scratch), "peak": most[0]}


def limited(load: Load, task: Task, request: Result) -> Result:
    """Epochs under a limit of memory. Where that ends the process, what it had written by then stays."""
    module = load()
    answer = Path(request["answer"])
    wanted = request["epochs_limited"] * request["epoch_images"]
    seen, epochs, written = 0, [], 0.0
    with peak() as most:
        begin = last = time.perf_counter()
        stream = getattr(module, task.job.work)(task)
        while seen < wanted:
            seen += len(next(stream))
            now = time.perf_counter()
            if seen >= (len(epochs) + 1) * request["epoch_images"]:
                epochs.append(now - last)
                last = now
            if now - written > 0.5:
                written = now
                said = {"images": seen, "wanted": wanted, "epochs": epochs, "peak": most[0], "ended": False}
                answer.write_text(json.dumps(said))
        seconds = time.perf_counter() - begin
    assert task.scratch is not None
    disk = disk_bytes(task.scratch)
    return {"images": seen, "wanted": wanted, "epochs": epochs, "seconds": seconds, "peak": most[0], "disk": disk,
            "ended": True}  # fmt: skip
