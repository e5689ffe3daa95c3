"""A limit of memory for one process and its children, by a control group of Linux (version 1 or 2) that this user may
make. The group is made below the one that this process is in.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def make(limit: int) -> Path | None:
    """A new group with a limit in bytes, or None where none can be made."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("memory", ""):
            continue
        base = ROOT / controllers if controllers else ROOT
        group = base / path.lstrip("/") / f"imagefeed-bench-{os.getpid()}"
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / name).write_text(str(limit))
        except OSError:
            group.rmdir()
            continue
        return group
    return None


def join(group: Path) -> None:
    """Move this process into the group."""
    (group / "cgroup.procs").write_text(str(os.getpid()))


def remove(group: Path) -> None:
    """Take the group away, once its processes have ended."""
    group.rmdir()
