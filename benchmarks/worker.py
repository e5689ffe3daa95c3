"""One measurement of one system, in a process of its own: ``python worker.py REQUEST RESULT``.

REQUEST is a JSON file written by `run.py`, RESULT the JSON file that this leaves. It runs in the
system's own environment, so it imports nothing but the standard library before the system does.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from jobs import job_named
from systems import System, Task, system_named

Result = dict[str, Any]


def load(system: System) -> ModuleType:
    return importlib.import_module(f"systems.{system.module}")


def pin(threads: int) -> None:
    """Keeps the process on as many cores as it may have threads: the same for every system."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def libjpeg_in_use() -> list[str]:
    """Names of the libjpeg libraries that this process has mapped, Pillow's own apart, for the record."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    return sorted({Path(line.split()[-1]).name for line in lines if "libjpeg" in line and "pillow" not in line})


def resident_bytes(process: str = "self") -> int:
    """Resident memory of a process and its children, as Linux counts it: shared pages for each."""
    folder = Path("/proc") / process
    pages = int((folder / "statm").read_text().split()[1])
    children = [child for task in folder.glob("task/*/children") for child in task.read_text().split()]
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(map(resident_bytes, children))


def rate(system: System, task: Task, request: Result) -> Result:
    """Images a second in the steady state: a warm-up, then whole batches until the time is up."""
    module = load(system)
    stream: Iterator[Any] = module.WORK[task.job.work](task)
    end = time.perf_counter() + request["warm_up"]
    next(stream)
    while time.perf_counter() < end:
        next(stream)
    images, begin = 0, time.perf_counter()
    while (wall := time.perf_counter() - begin) < request["seconds"]:
        images += len(next(stream))
    wall = time.perf_counter() - begin
    return {
        "images": images,
        "seconds": wall,
        "rate": images / wall,
        "versions": module.versions(),
        "libjpeg": libjpeg_in_use(),
    }


def start(system: System, task: Task, request: Result) -> Result:
    """Seconds to import the package, to have the first batch, and to list 50,000 files."""
    begin = time.perf_counter()
    importlib.import_module(system.package)
    result: Result = {"import": time.perf_counter() - begin}
    module = load(system)
    if system.name != "roof":
        begin = time.perf_counter()
        next(module.WORK[task.job.work](task))
        result["first batch"] = time.perf_counter() - begin
    if hasattr(module, "listing"):
        begin = time.perf_counter()
        found = module.listing(Path(request["listing_folder"]))
        result["listing"] = time.perf_counter() - begin
        if found != request["listing_count"]:
            raise ValueError(f"listing: {system.name} found {found}; expected {request['listing_count']}")
    return {**result, "versions": module.versions()}


def memory(system: System, task: Task, request: Result) -> Result:
    """Resident bytes at the end of every epoch. Every system's process holds its framework too."""
    module = load(system)
    stream: Iterator[Any] = module.WORK[task.job.work](task)
    resident: list[int] = []
    seen = 0
    while len(resident) < request["epochs"]:
        seen += len(next(stream))
        if seen >= request["epoch_images"]:
            seen -= request["epoch_images"]
            resident.append(resident_bytes())
    return {"resident": resident, "versions": module.versions()}


def check(system: System, task: Task, request: Result) -> Result:
    """What came out, to be compared: mean and spread over many draws, and sharpness.

    `mean_picture` and `spread_picture` are the draws' mean and standard deviation at each place,
    averaged over blocks; on one photograph drawn many times they show the ranges of the draws, the
    border, the direction of shifts. `sharpness` is the mean absolute difference of neighbors, which
    tells antialiased shrinking from plain.
    """
    module = load(system)
    import numpy as np

    total = squares = 0.0
    sharpness: list[float] = []
    count = 0
    low, high, dtype = float("inf"), float("-inf"), ""
    for batch in module.WORK[task.job.work](task):
        images = module.to_numpy(batch)
        if images is None:
            return {"shape": None}
        dtype, low, high = str(images.dtype), min(low, images.min()), max(high, images.max())
        blocks = images.astype(np.float64)
        total, squares = total + blocks.sum(0), squares + (blocks**2).sum(0)
        sharpness.append(float(np.abs(np.diff(blocks, axis=2)).mean()))
        count += len(images)
        if count >= task.job.check_draws:
            break
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0))
    side = mean.shape[0] // 8

    def coarse(picture: Any) -> list[Any]:
        return picture.reshape(8, side, 8, side, 3).mean((1, 3)).tolist()

    return {
        "draws": count,
        "shape": list(mean.shape),
        "dtype": dtype,
        "low": float(low),
        "high": float(high),
        "mean": float(mean.mean()),
        "sharpness": float(np.mean(sharpness)),
        "mean_picture": coarse(mean),
        "spread_picture": coarse(spread),
    }


MEASURES = {"rate": rate, "start": start, "memory": memory, "check": check}


def main(request_file: str, result_file: str) -> None:
    request = json.loads(Path(request_file).read_text())
    pin(request["threads"])
    system = system_named(request["system"])
    task = Task(
        job=job_named(request["job"]),
        folder=Path(request["folder"]),
        threads=request["threads"],
        antialias=system.antialias,
        options=system.options,
    )
    result = MEASURES[request["measure"]](system, task, request)
    Path(result_file).write_text(json.dumps(result))
    # Some frameworks hang, or crash, while they tear their threads down: the measurement is over.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
