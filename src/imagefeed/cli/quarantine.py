"""`imagefeed quarantine`: take the pictures that cannot be read out of a folder."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from imagefeed.cli import console
from imagefeed.cli.scan import scan
from imagefeed.errors import SourceError


def quarantine(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Pictures, in a sub-folder for every class, or without classes."),
    ],
    to: Annotated[Path, typer.Option("--to", help="Where they are moved to; outside of FOLDER.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be moved.")] = False,
) -> None:
    """Move the pictures that cannot be read to another folder, and write down why: quarantine.csv there.

    They keep their paths below it, so that moving them back undoes it.
    """
    if to.resolve().is_relative_to(folder.resolve()):
        raise SourceError(f"{to}: lies in {folder}, where it would be taken for pictures; give a folder outside")
    with console.counting("decoding") as advance:
        found = scan(folder, advance=advance)
    for one in found.unreadable:
        console.out.print(f"  {escape(one.path)}  [red]{escape(one.reason)}[/]", soft_wrap=True)
        target = to / one.path
        if dry_run:
            continue
        if target.exists():
            raise SourceError(f"{target}: is there already; give another folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / one.path, target)
    if found.unreadable and not dry_run:
        log = to / "quarantine.csv"
        new = not log.exists()
        with log.open("a", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file)
            writer.writerows([("path", "reason")] if new else [])
            writer.writerows((one.path, one.reason) for one in found.unreadable)
    word = "would be moved" if dry_run else "moved"
    console.out.print(f"{word}  {len(found.unreadable)} of {len(found.pictures) + len(found.unreadable)} files")
