"""`imagefeed quarantine`: take the pictures that cannot be read out of a folder."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from imagefeed.cli import console
from imagefeed.cli.arguments import AsJson, Folder
from imagefeed.cli.scan import Scan, scan
from imagefeed.errors import SourceError


def quarantine(
    folder: Folder,
    to: Annotated[Path, typer.Option("--to", help="Where they are moved to; outside of FOLDER.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be moved.")] = False,
    as_json: AsJson = False,
) -> None:
    """Move the pictures that cannot be read to another folder.

    Why is written down there, in quarantine.csv. They keep their paths below it, so that moving them back undoes it.
    """
    if to.resolve().is_relative_to(folder.resolve()):
        raise SourceError(f"{to}: lies in {folder}, where it would be taken for pictures; give a folder outside")
    with console.counting("decoding") as advance:
        found = scan(folder, advance=advance)
    if not dry_run:
        _move(found, to)
    files = len(found.pictures) + len(found.unreadable)
    if as_json:
        moved = [{"path": one.path, "reason": one.reason} for one in found.unreadable]
        print(json.dumps({"to": str(to), "files": files, "dry_run": dry_run, "moved": moved}, indent=2))
        return
    for one in found.unreadable:
        console.out.print(f"  {escape(one.path)}  [red]{escape(one.reason)}[/]", soft_wrap=True)
    word = "would be moved" if dry_run else "moved"
    console.out.print(f"{word}  {len(found.unreadable)} of {files} files")


def _move(found: Scan, to: Path) -> None:
    """Move what cannot be read, and append why to the list there."""
    targets = [to / one.path for one in found.unreadable]
    for target in targets:
        if target.exists():
            raise SourceError(f"{target}: is there already; give another folder")
    for one, target in zip(found.unreadable, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(found.folder / one.path, target)
    if targets:
        log = to / "quarantine.csv"
        new = not log.exists()
        with log.open("a", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file)
            writer.writerows([("path", "reason")] if new else [])
            writer.writerows((one.path, one.reason) for one in found.unreadable)
