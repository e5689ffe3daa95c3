"""Tables in Markdown, and what their cells say."""

from __future__ import annotations

from collections.abc import Sequence


def row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left and the others to the right."""
    rule = [":--"] + ["--:"] * (len(head) - 1)
    return "\n".join(map(row, [head, rule, *rows]))


def span(values: Sequence[float], digits: int) -> str:
    return f"{min(values):,.{digits}f}–{max(values):,.{digits}f}"


def verdict(reached: float, wanted: float | None, unit: str = "×") -> str:
    if wanted is None:
        return ""
    shown = f"{wanted:.0%}" if unit == "%" else f"{wanted:g}{unit}" if unit else f"{wanted:,.0f}"
    return f"{shown}: {'held' if reached >= wanted else '**missed**'}"


def held(reached: bool) -> str:
    return "held" if reached else "**missed**"


def mebibytes(count: float) -> str:
    return f"{count / 2**20:,.0f} MiB"
