"""`imagefeed check`: what is in a folder of pictures, and which of them cannot be read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from imagefeed.cli import console
from imagefeed.cli.arguments import AsJson, Folder
from imagefeed.cli.guard import check_skew
from imagefeed.cli.scan import Scan, scan
from imagefeed.errors import SpecError
from imagefeed.memory import format_bytes

_LISTED = 20  # of what may be thousands; --json has them all


def check(
    folder: Folder,
    as_json: AsJson = False,
    model: Annotated[
        Path | None, typer.Option(help="A Keras model (.keras or .h5): does --pipeline give what it was trained on?")
    ] = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|MODULE:NAME",
            help="What is done before the model: a saved pipeline, or one of yours, as train:pipeline.",
        ),
    ] = None,
    expects: Annotated[
        str | None, typer.Option(help="What the model was trained on, such as keras/resnet50, where it does not say.")
    ] = None,
) -> None:
    """Count, measure and decode the pictures of a folder, and name those that cannot be read.

    With --model or --expects: find what makes a model see other values than those it was trained on.

    Ends with status 1 if there is anything amiss.
    """
    if model is not None or expects is not None:
        check_skew(folder, model, pipeline, expects, as_json=as_json)
        return
    if pipeline is not None:
        raise SpecError("--pipeline: is checked against a model; give --model or --expects too")
    with console.counting("decoding") as advance:
        found = scan(folder, advance=advance)
    if as_json:
        print(json.dumps(summary(found), indent=2, ensure_ascii=False))
    else:
        _show(found)
    if found.unreadable:
        raise typer.Exit(1)


def summary(found: Scan) -> dict[str, Any]:
    """A scan as plain values, which JSON has words for."""
    heights = [picture.size[0] for picture in found.pictures]
    widths = [picture.size[1] for picture in found.pictures]
    orientations = [picture.orientation for picture in found.pictures if picture.orientation is not None]
    return {
        "folder": str(found.folder),
        "files": len(found.pictures) + len(found.unreadable),
        "readable": len(found.pictures),
        "bytes": sum(picture.bytes for picture in found.pictures),
        "classes": found.classes,
        "height": _spread(heights),
        "width": _spread(widths),
        "formats": _counts(picture.format for picture in found.pictures),
        "modes": _counts(picture.mode for picture in found.pictures),
        "exif": {"files": len(orientations), "turned": _counts(str(one) for one in orientations if one > 1)},
        "unreadable": [{"path": one.path, "reason": one.reason} for one in found.unreadable],
        "passed_over": list(found.passed_over),
    }


def _show(found: Scan) -> None:
    facts = summary(found)
    out = console.out
    classes: dict[str, int] = facts["classes"]
    named = f" in {len(classes)} classes" if classes else ""
    out.print(f"[bold]{escape(str(found.folder))}[/]: {facts['files']} files{named}, {format_bytes(facts['bytes'])}")
    if classes:
        table = Table("class", box=None, pad_edge=False)
        table.add_column("files", justify="right")
        table.add_column("share", justify="right")
        for name, count in classes.items():
            table.add_row(escape(name), str(count), f"{count / facts['files']:.1%}")
        out.print(table)
    if found.pictures:
        table = Table("pixels", box=None, pad_edge=False)
        for name in ("min", "median", "max"):
            table.add_column(name, justify="right")
        for side in ("height", "width"):
            table.add_row(side, *(f"{facts[side][name]:g}" for name in ("min", "median", "max")))
        out.print(table)
        out.print(f"formats     {_listed(facts['formats'])}")
        out.print(f"modes       {_listed(facts['modes'])}")
        turned: dict[str, int] = facts["exif"]["turned"]
        named = f", {sum(turned.values())} of them to be turned upright" if turned else ""
        out.print(f"EXIF        {facts['exif']['files']}{named}")
    _show_files("passed over", [escape(name) for name in found.passed_over])
    if not found.unreadable:
        out.print("[green]unreadable  0: every file can be decoded[/]")
    _show_files(
        "[red]unreadable[/]",
        [f"{escape(one.path)}  [red]{escape(one.reason)}[/]" for one in found.unreadable],
    )


def _show_files(title: str, lines: list[str]) -> None:
    if lines:
        console.out.print(f"{title}  {len(lines)}")
    for line in lines[:_LISTED]:
        console.out.print(f"  {line}", soft_wrap=True)
    if len(lines) > _LISTED:
        console.out.print(f"  … and {len(lines) - _LISTED} more; --json lists all")


def _spread(values: list[int]) -> dict[str, float] | None:
    return {"min": min(values), "median": median(values), "max": max(values)} if values else None


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
