"""Results to Markdown: ``python benchmarks/render_tables.py RESULTS.json [--into README.md]``.

Without ``--into`` the whole page goes to standard output. With it, the short table replaces what
stands between ``<!-- speed-table -->`` and ``<!-- /speed-table -->`` in that file.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from kind_tables import OURS, TABLES, cache_table
from systems import SYSTEMS, System, system_named
from table_cells import span, table, verdict

Result = dict[str, Any]
MARKED = re.compile(r"(<!-- speed-table -->\n).*?(<!-- /speed-table -->)", re.DOTALL)


def rates(entry: Result) -> list[float]:
    return [one["rate"] for one in entry["rounds"]]


def our_row_for(system: System, entries: Result) -> str | None:
    """The name of our row on the system's terms: antialiased as it is, where we have both."""
    plain = f"{OURS}-plain"
    name = plain if not system.antialias and plain in entries else OURS
    return name if entries.get(name, {}).get("rounds") else None


def ratios(system: System, entries: Result) -> list[float]:
    """Our rate over the system's, round by round: what a slow minute does to both cancels."""
    ours = our_row_for(system, entries)
    if ours is None or not entries[system.name]["rounds"]:
        return []
    pairs = zip(rates(entries[ours]), rates(entries[system.name]), strict=False)
    return [mine / theirs for mine, theirs in pairs]


def our_verdict(job: Result, entry: Result, share: float | None) -> str:
    if job["least_rate"] is not None:
        return verdict(median(rates(entry)), job["least_rate"], unit="")
    if job["roof_share"] is not None and share is not None:
        return verdict(share, job["roof_share"], unit="%")
    return ""


def share_of_roof(name: str, entries: Result) -> float | None:
    roof = entries.get("roof", {}).get("rounds")
    if not roof or name == "roof":
        return None
    pairs = zip(rates(entries[name]), (one["rate"] for one in roof), strict=False)
    return median(mine / theirs for mine, theirs in pairs)


def rate_row(system: System, job: Result, entries: Result) -> list[str]:
    entry = entries[system.name]
    if "skipped" in entry or not entry["rounds"]:
        return [system.title, "skipped", "", "", "", "", entry.get("skipped", "not measured")]
    values, share = rates(entry), share_of_roof(system.name, entries)
    digits = 1 if median(values) < 100 else 0
    is_ours = system.name.startswith(OURS)
    ours_over_it = [] if is_ours else ratios(system, entries)
    if is_ours:
        held = our_verdict(job, entry, share)
    else:
        held = verdict(median(ours_over_it), job["targets"].get(system.name)) if ours_over_it else ""
    return [
        system.title,
        f"{median(values):,.{digits}f}",
        span(values, digits),
        f"{share:.0%}" if share is not None else "",
        f"**{median(ours_over_it):.2f}×**" if ours_over_it else "",
        span(ours_over_it, 2) if ours_over_it else "",
        held,
    ]


RATE_HEAD = ("system", "images/s", "spread", "of the roof", "ours is", "spread", "wanted")


def rate_table(job: Result, entries: Result) -> str:
    return table(RATE_HEAD, [rate_row(system_named(name), job, entries) for name in entries])


def compared(mine: Result, theirs: Result, levels: float) -> list[str]:
    """Differences of what came out, in gray levels, beside what chance alone gives over the draws."""

    def flat(result: Result, name: str) -> list[float]:
        return [value for line in result[name] for pixel in line for value in pixel]

    def rms(values: Sequence[float]) -> float:
        return levels * math.sqrt(sum(value * value for value in values) / len(values))

    def apart(name: str) -> float:
        return rms([a - b for a, b in zip(flat(mine, name), flat(theirs, name), strict=True)])

    chance = rms(flat(mine, "spread_picture")) * math.sqrt(1 / mine["draws"] + 1 / theirs["draws"])
    return [
        f"{levels * (theirs['mean'] - mine['mean']):+.1f}",
        f"{apart('mean_picture'):.1f}",
        f"{chance:.1f}",
        f"{apart('spread_picture'):.1f}",
        f"{theirs['sharpness'] / mine['sharpness']:.2f}",
    ]


CHECK_HEAD = (
    "system",
    "shape, dtype, range",
    "mean differs by",
    "mean picture differs by",
    "by chance",
    "spread picture differs by",
    "sharpness ÷ ours",
)


def check_table(job: Result, entries: Result) -> str | None:
    """Whether the systems did the same work; None where there is nothing to compare."""
    rows: list[list[str]] = []
    for name, entry in entries.items():
        theirs = entry.get("check", {})
        if not theirs.get("shape"):
            continue
        shape = "×".join(map(str, theirs["shape"]))
        kind = f"{shape} {theirs['dtype']} {theirs['low']:.2f}–{theirs['high']:.2f}"
        if "aligned" in theirs:
            kind += f", {theirs['aligned']:.2%} of the mask as the picture"
        ours = our_row_for(system_named(name), entries)
        mine = entries[ours].get("check") if ours else None
        cells = compared(mine, theirs, job["levels"]) if mine else [""] * 5
        rows.append([system_named(name).title, kind, *cells])
    return table(CHECK_HEAD, rows) if rows else None


def job_section(job: Result, entries: Result, datasets: Result) -> str:
    parts = [f"## {job['letter']}) {job['title']}"]
    if job["measure"] in TABLES:
        parts.append(TABLES[job["measure"]](job, entries))
    elif job["measure"] == "cache":
        files = datasets[job["dataset"]]
        parts.append(cache_table(job, entries, files["count"] * files["mean_bytes"]))
    else:
        parts.append(rate_table(job, entries))
        checked = check_table(job, entries)
        if checked is not None:
            parts += ["What came out, in gray levels (0–255), against ours on the same terms:", checked]
    return "\n\n".join(parts)


def decoding_libraries(results: Result) -> dict[str, str]:
    """By system, the libjpeg that it had loaded: ours and the roof's ought to be one and the same."""
    found: dict[str, str] = {}
    for job in results["jobs"].values():
        for name, entry in job["systems"].items():
            for one in entry["rounds"]:
                if one.get("libjpeg"):
                    found[name] = ", ".join(one["libjpeg"])
    return found


def conditions(results: Result) -> str:
    machine, settings = results["machine"], results["settings"]
    versions = ", ".join(f"{name} {number}" for name, number in sorted(results["versions"].items()))
    sets = "; ".join(
        f"{name}: " + ", ".join(f"{key} {value}" for key, value in facts.items())
        for name, facts in results["datasets"].items()
        if not name.endswith("-check")
    )
    decoders = "; ".join(f"{name} {library}" for name, library in decoding_libraries(results).items())
    return " ".join(
        (
            f"{machine['processor']} ({machine['architecture']}: {', '.join(machine['vectors'])}),",
            f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']},",
            f"Python {machine['python']}. {settings['threads']} threads for everybody;",
            f"{settings['rounds']} interleaved rounds of {settings['seconds']:g} s after",
            f"{settings['warm_up']:g} s of warm-up, each in a new process; medians, spread from least",
            f"to most; ratios taken within a round. Versions: {versions}.",
            f"JPEG libraries loaded: {decoders}. Files: {sets}.",
        )
    )


def page(results: Result) -> str:
    """The whole run as Markdown."""
    head = "# Measured beside the peers, in one run"
    sections = [job_section(entry["job"], entry["systems"], results["datasets"]) for entry in results["jobs"].values()]
    return "\n\n".join([head, conditions(results), *sections]) + "\n"


def summary_cell(peer: System, entries: Result) -> str:
    values = ratios(peer, entries) if peer.name in entries else []
    return f"{median(values):.1f}×" if values else ""


def summary(results: Result) -> str:
    """The short table: jobs across; our rate, our share of the roof, how many times each peer's rate."""
    measured = [entry for entry in results["jobs"].values() if entry["job"]["measure"] == "rate"]
    measured = [entry for entry in measured if entry["systems"].get(OURS, {}).get("rounds")]
    our_rates = [f"{median(rates(entry['systems'][OURS])):,.0f}" for entry in measured]
    shares = [share_of_roof(OURS, entry["systems"]) for entry in measured]
    rows = [
        ["imagefeed, images/s", *our_rates],
        ["share of the roof", *(f"{share:.0%}" if share is not None else "" for share in shares)],
    ]
    for peer in SYSTEMS:
        if peer.name.startswith(OURS) or peer.name == "roof":
            continue
        cells = [summary_cell(peer, entry["systems"]) for entry in measured]
        if any(cells):
            rows.append([f"as fast as {peer.title}", *cells])
    return table(("", *(entry["job"]["short"] for entry in measured)), rows)


def replace_marked(text: str, new: str, name: str) -> str:
    """`text` with `new` between the markers. Raises `ValueError` where they are not there once."""
    replaced, count = MARKED.subn(lambda found: f"{found[1]}{new}\n{found[2]}", text)
    if count != 1:
        raise ValueError(f"{name}: found {count} speed tables; expected one pair of speed-table markers")
    return replaced


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark results to Markdown.")
    parser.add_argument("results", type=Path, help="the JSON file that run.py wrote")
    parser.add_argument("--into", type=Path, help="put the short table between the markers in this file")
    given = parser.parse_args()
    results = json.loads(given.results.read_text())
    if given.into is None:
        print(page(results), end="")
    else:
        text = replace_marked(given.into.read_text(), summary(results), given.into.name)
        given.into.write_text(text)


if __name__ == "__main__":
    main()
