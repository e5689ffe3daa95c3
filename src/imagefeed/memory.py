"""How much memory and how many cores this process may use; and amounts of memory as people write them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from imagefeed.checks import fail

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
_GROUPS = Path("/sys/fs/cgroup")


def parse_bytes(where: str, value: Any) -> int:
    """A number of bytes: an integer, or text like "20GB", "512 MiB" (powers of ten, and of two with an i).

    Raises:
        SpecError: It is neither, or not above 0.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*", value.upper())
        if found and found[2] in _UNITS and float(found[1]) > 0:
            return max(1, int(float(found[1]) * _UNITS[found[2]]))
    raise fail(where, value, 'expected a number of bytes, or text like "20GB" or "512MiB"')


def format_bytes(count: float) -> str:
    """A number of bytes for people: 1234567 is "1.23 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def available_memory(groups: Path = _GROUPS, meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes that can still be used: what the system has free, or what this process's control groups may still take.

    None where the system does not say (outside Linux).
    """
    free = [_system_memory(meminfo)]
    for folder in _folders(groups, "memory"):
        limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes") or 0
        if limit is not None and limit < 2**60:
            free.append(max(0, limit - used + _reclaimable(folder)))
    known = [one for one in free if one is not None]
    return min(known) if known else None


def available_cores(groups: Path = _GROUPS) -> int:
    """How many cores this process may run on: its affinity, and the share of time of its control groups."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for folder in _folders(groups, "cpu"):
        quota = _quota(folder)
        if quota is not None:
            cores = min(cores, max(1, round(quota)))
    return cores


def _folders(groups: Path, controller: str) -> list[Path]:
    """The folders of this process's control groups and of those that they are in: versions 2 and 1."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = [groups, groups / controller]
    for line in lines:
        _, names, path = line.split(":", 2)
        base = groups / controller if controller in names.split(",") else groups if names == "" else None
        if base is not None:
            own = base / path.lstrip("/")
            found += [one for one in (own, *own.parents) if one.is_relative_to(base)]
    return list(dict.fromkeys(found))


def _quota(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        limit, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        return limit / period if limit is not None and limit > 0 and period else None


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # "max" is no limit
        return None


def _reclaimable(folder: Path) -> int:
    """File pages that a control group is charged for and that the system takes back when memory is short."""
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))


def _system_memory(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
