"""Measuring a set: seconds, how far memory grows for it, and what came out."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from systems import Load, Task

Result = dict[str, Any]


def _most_resident() -> int:
    """The most that this process has had resident, in bytes, since it was last forgotten."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def fit(load: Load, task: Task, request: Result) -> Result:
    """One fit of the images of the task: the module's function gives an array of what was found."""
    import numpy as np

    work = getattr(load(), task.job.work)
    images = np.load(task.folder / "images.npy")[: task.job.fitted]
    work(task, images[:64])  # what is loaded or compiled when it is first used
    Path("/proc/self/clear_refs").write_text("5")  # forgets the most that was resident
    before, begin = _most_resident(), time.perf_counter()
    found = work(task, images)
    seconds, grown = time.perf_counter() - begin, _most_resident() - before
    flat = np.asarray(found, np.float64).ravel()
    sample = flat[:: max(1, len(flat) // 256)]
    return {"fit": seconds, "grown": grown, "found": sample.tolist()}
