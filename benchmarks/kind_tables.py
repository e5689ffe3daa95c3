"""Tables of what is not a rate: starting, memory, caches, limits, training, threads, records, fits."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import median
from typing import Any

from jobs import GROWTH_TARGET, LISTING_TARGET, SMALL_CACHE, START_TARGETS
from systems import system_named
from table_cells import held, mebibytes, table

Result = dict[str, Any]
OURS = "imagefeed"


def middle(entry: Result, name: str) -> float:
    """The median of the rounds."""
    return median(one[name] for one in entry["rounds"])


def rows_of(entries: Result, columns: int, cells: Callable[[str, Result], list[str]]) -> list[list[str]]:
    """A row for every system: what `cells` says of it, or why there is nothing."""
    rows: list[list[str]] = []
    for name, entry in entries.items():
        if "skipped" in entry or not entry["rounds"]:
            said = [f"skipped: {entry.get('skipped', 'not measured')}"] + [""] * (columns - 1)
        else:
            said = cells(name, entry)
        rows.append([system_named(name).title, *said])
    return rows


def start_table(job: Result, entries: Result) -> str:
    steps = list(START_TARGETS)
    theirs = entries.get("keras", {}).get("rounds")

    def cells(name: str, entry: Result) -> list[str]:
        made: list[str] = []
        for step, wanted in START_TARGETS.items():
            if step not in entry["rounds"][0]:
                made.append("")
                continue
            value = middle(entry, step)
            verdict = f" ({wanted} s: {held(value <= wanted)})" if name == OURS else ""
            made.append(f"{value:.3f} s{verdict}")
        if name == OURS and theirs:
            times = middle(entries["keras"], "listing") / middle(entry, "listing")
            made[-1] += f"; Keras takes {times:.1f}× as long ({LISTING_TARGET:g}×: {held(times >= LISTING_TARGET)})"
        return made

    return table(("system", *steps), rows_of(entries, len(steps), cells))


def memory_table(job: Result, entries: Result) -> str:
    head = ("system", "epoch 1", "epoch 5", "last epoch", "growth since epoch 5")

    def cells(name: str, entry: Result) -> list[str]:
        resident = entry["rounds"][0]["resident"]
        early = resident[min(4, len(resident) - 1)]
        return [mebibytes(value) for value in (resident[0], early, resident[-1], resident[-1] - early)]

    return table(head, rows_of(entries, 4, cells))


def cache_table(job: Result, entries: Result, source_bytes: float) -> str:
    """Ours from memory, and from a cache that is smaller than its files, against each."""
    head = (
        "system",
        "first epoch",
        "images/s later",
        "ours from memory is",
        "ours from JPEG is",
        "on the disk",
        "of the files",
        "peak of memory",
    )

    def cells(name: str, entry: Result) -> list[str]:
        ratios = ["", ""]
        for place, cache in enumerate(("imagefeed-ram", SMALL_CACHE)):
            ours = entries.get(cache, {}).get("rounds", [])
            found = [mine["rate"] / one["rate"] for mine, one in zip(ours, entry["rounds"], strict=False)]
            if found and not name.startswith(OURS):
                wanted = job["targets"].get(name)
                verdict = "" if wanted is None else f" ({wanted:g}×: {held(median(found) >= wanted)})"
                ratios[place] = f"**{median(found):.2f}×**{verdict}"
        disk = middle(entry, "disk")
        share = f"{disk / source_bytes:.0%}" if disk else ""
        if share and name == SMALL_CACHE:
            share += f" (less than 100%: {held(disk < source_bytes)})"
        return [
            f"{middle(entry, 'first'):.2f} s",
            f"{middle(entry, 'rate'):,.0f}",
            *ratios,
            mebibytes(disk) if disk else "",
            share,
            mebibytes(middle(entry, "peak")),
        ]

    return table(head, rows_of(entries, 7, cells))


def limited_table(job: Result, entries: Result) -> str:
    head = ("system", "came to its end", "images", "first epoch", "second epoch", "peak of memory", "on the disk")

    def cells(name: str, entry: Result) -> list[str]:
        one = entry["rounds"][0]
        end = "yes" if one["ended"] else f"**no**: ended by {ending(one.get('status', 0))}"
        epochs = [f"{seconds:.1f} s" for seconds in one["epochs"]] + ["", ""]
        disk = one.get("disk", 0)
        images = f"{one['images']:,} of {one['wanted']:,}"
        return [end, images, *epochs[:2], mebibytes(one["peak"]), mebibytes(disk) if disk else ""]

    note = "The peak is of resident pages, libraries' and mapped files' among them, which the limit does not all count."
    return f"{table(head, rows_of(entries, 6, cells))}\n\n{note}"


def ending(status: int) -> str:
    return "the system, out of memory" if status == -9 else f"exit status {status}"


def training_table(job: Result, entries: Result) -> str:
    head = ("system", "the model alone", "a step with its batch", "of which waiting", "waiting, of the step", "wanted")
    waits = {name: middle(entry, "waited") for name, entry in entries.items() if entry["rounds"]}

    def cells(name: str, entry: Result) -> list[str]:
        alone, step, waited = (1000 * middle(entry, part) for part in ("alone", "step", "waited"))
        lowest = f"the lowest: {held(waits[name] == min(waits.values()))}" if name == OURS else ""
        return [f"{alone:.0f} ms", f"{step:.0f} ms", f"{waited:.1f} ms", f"{waited / step:.0%}", lowest]

    return table(head, rows_of(entries, 5, cells))


def points_table(job: Result, entries: Result) -> str:
    """Rates at every point, and the last one over the first."""
    points = [str(point) for point in job["points"]]
    unit = "threads" if job["measure"] == "threads" else "files"
    head = (
        "system",
        *(f"{int(point):,} {unit}, images/s" for point in points),
        "last ÷ first",
        "memory grows by",
    )

    def cells(name: str, entry: Result) -> list[str]:
        found = [one["points"] for one in entry["rounds"]]
        rates = [[one[point].get("rate", math.nan) for one in found] for point in points]
        ratio = median(last / first for first, last in zip(rates[0], rates[-1], strict=True))
        first, last = (found[0][point].get("resident", math.nan) for point in (points[0], points[-1]))
        shown = [f"{median(values):,.0f}" if not math.isnan(median(values)) else "not done" for values in rates]
        grown = mebibytes(last - first) if not math.isnan(last - first) else ""
        return [*shown, f"{ratio:.2f}", grown]

    return table(head, rows_of(entries, len(points) + 2, cells))


def fit_table(job: Result, entries: Result) -> str:
    head = ("system", "seconds", "ours is", "wanted", "memory grows by", "of ours", "what is found differs by")
    ours = entries.get(OURS, {})

    def cells(name: str, entry: Result) -> list[str]:
        seconds, grown = middle(entry, "fit"), middle(entry, "grown")
        if name == OURS or not ours.get("rounds"):
            return [f"{seconds:.2f}", "", "", mebibytes(grown), "", ""]
        pairs = zip(entry["rounds"], ours["rounds"], strict=False)
        times, growth = median(a["fit"] / b["fit"] for a, b in pairs), grown / max(middle(ours, "grown"), 1)
        wanted = job["targets"].get(name)
        verdict = f"{wanted:g}×: {held(times >= wanted)}" if wanted else ""
        share = f"{growth:.1f}×" + (f" ({GROWTH_TARGET:g}×: {held(growth >= GROWTH_TARGET)})" if wanted else "")
        apart = difference(entry["rounds"][0]["found"], ours["rounds"][0]["found"])
        return [f"{seconds:.2f}", f"**{times:.1f}×**", verdict, mebibytes(grown), share, f"{apart:.0e}"]

    return table(head, rows_of(entries, 6, cells))


def difference(one: list[float], other: list[float]) -> float:
    """The norm of the difference over that of the second."""
    apart = sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
    return math.sqrt(apart / sum(b * b for b in other))


TABLES: dict[str, Callable[[Result, Result], str]] = {
    "start": start_table,
    "memory": memory_table,
    "limited": limited_table,
    "training": training_table,
    "threads": points_table,
    "records": points_table,
    "fit": fit_table,
}
"""By a job's measure; a cache's also wants the files' size."""
