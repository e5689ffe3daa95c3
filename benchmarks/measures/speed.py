"""Images a second; and seconds until anything comes."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

from systems import Load, Task

from .holding import resident_bytes

Result = dict[str, Any]


def libjpeg_in_use() -> list[str]:
    """Names of the libjpeg libraries that this process has mapped, Pillow's own apart, for the record."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    return sorted({Path(line.split()[-1]).name for line in lines if "libjpeg" in line and "pillow" not in line})


def rate(load: Load, task: Task, request: Result) -> Result:
    """Images a second in the steady state: a warm-up, then whole batches until the time is up."""
    module = load()
    stream = getattr(module, task.job.work)(task)
    end = time.perf_counter() + request["warm_up"]
    next(stream)
    while time.perf_counter() < end:
        next(stream)
    images, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < request["seconds"]:
        images += len(next(stream))
    wall = time.perf_counter() - begin
    return {
        "images": images,
        "seconds": wall,
        "rate": images / wall,
        "resident": resident_bytes(),
        "libjpeg": libjpeg_in_use(),
    }


def start(load: Load, task: Task, request: Result) -> Result:
    """Seconds to import the package, to have the first batch, and to list files."""
    begin = time.perf_counter()
    importlib.import_module(request["package"])
    result: Result = {"import": time.perf_counter() - begin}
    module = load()
    if request["system"] != "roof":
        begin = time.perf_counter()
        next(getattr(module, task.job.work)(task))
        result["first batch"] = time.perf_counter() - begin
    if hasattr(module, "listing"):
        begin = time.perf_counter()
        found = module.listing(Path(request["listing_folder"]))
        result["listing"] = time.perf_counter() - begin
        if found != request["listing_count"]:
            raise ValueError(f"listing: {request['system']} found {found}; expected {request['listing_count']}")
    return result
