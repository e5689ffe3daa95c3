"""Bars of images a second, as SVG: ``python benchmarks/plots.py RESULTS.json PLOT.svg``.

`run.py` writes the plot of all its jobs beside its results, which the README shows; a page of the documentation shows
one job at a time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from systems import system_named

Result = dict[str, Any]
OURS, OTHERS, ROOF = "#2b6cb0", "#9aa5b1", "#d8a657"
LINE, LABELS, WIDTH = 26, 220, 720
STYLE = (
    "<style>text{font:13px sans-serif;fill:#24292f}"
    "@media (prefers-color-scheme:dark){text{fill:#d0d7de}}.head{font-weight:bold;font-size:15px}</style>"
)


def bars(entries: Result) -> list[tuple[str, float]]:
    """Names and medians of those that were measured, in the order of the table."""
    found = [(name, one["rounds"]) for name, one in entries.items() if one.get("rounds")]
    return [(name, median(one["rate"] for one in rounds)) for name, rounds in found]


def drawn(entries: Result, top: int = 0) -> str:
    """The bars of one job from `top` on, without the element that holds them."""
    shown = bars(entries)
    most = max(value for _, value in shown)
    parts: list[str] = []
    for k, (name, value) in enumerate(shown):
        y, width = top + LINE * k, (WIDTH - LABELS - 90) * value / most
        ours = name.startswith("imagefeed")
        color = OURS if ours else ROOF if name == "roof" else OTHERS
        weight = ' font-weight="bold"' if ours else ""
        parts.append(f'<text x="{LABELS}" y="{y + 16}" text-anchor="end"{weight}>{system_named(name).label}</text>')
        parts.append(f'<rect x="{LABELS + 8}" y="{y + 3}" width="{width:.0f}" height="18" fill="{color}"/>')
        parts.append(f'<text x="{LABELS + 14 + width:.0f}" y="{y + 16}">{value:,.0f}</text>')
    return "".join(parts)


def element(inside: str, height: int, style: str) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Pictures a second" '
    return f'{head}{style} xmlns="http://www.w3.org/2000/svg">{inside}</svg>'


def plot(entries: Result) -> str:
    """One job, in the colors of the page that it stands on."""
    return element(drawn(entries), LINE * len(bars(entries)), 'font-size="13" fill="currentColor"')


def page(results: Result) -> str:
    """All jobs that give a rate, one below the other, for light and dark pages."""
    parts, top = [STYLE], 0
    for job in results["jobs"].values():
        if job["job"]["measure"] != "rate" or not bars(job["systems"]):
            continue
        head = f"{job['job']['letter']}) {job['job']['short']}, images/s".replace("&", "&amp;")
        parts.append(f'<text class="head" x="8" y="{top + 20}">{head}</text>')
        parts.append(drawn(job["systems"], top + 30))
        top += 30 + LINE * len(bars(job["systems"])) + 14
    return element("".join(parts), top, f'width="{WIDTH}" height="{top}"')


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(page(json.loads(Path(sys.argv[1]).read_text("utf-8"))) + "\n", encoding="utf-8")
