"""What can be measured of one system in a process of its own, by name. Each is a function from what loads the
system's file, the task and the request of `run.py` to plain values for the results' JSON.

Nothing but the standard library is imported before the system's own file is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from systems import Load, Task

from .fitting import fit
from .holding import cache, limited, memory
from .sameness import check
from .speed import rate, start
from .training import training

Result = dict[str, Any]

MEASURES: dict[str, Callable[[Load, Task, Result], Result]] = {
    "cache": cache,
    "check": check,
    "fit": fit,
    "limited": limited,
    "memory": memory,
    "rate": rate,
    "start": start,
    "training": training,
}
