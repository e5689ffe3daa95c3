"""`imagefeed migrate`: what the augmentation of a script is, written with imagefeed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from imagefeed import spec
from imagefeed.cli import console
from imagefeed.cli.arguments import AsJson
from imagefeed.errors import SpecError
from imagefeed.migrating import as_python, migrate as migrated


def migrate(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A Python file; it is read, and never run.")],
    as_json: AsJson = False,
) -> None:
    """Print the pipelines that a script's ImageDataGenerator or torchvision transforms correspond to.

    What could not be carried over stands above each, with its line. Ends with status 1 if there is nothing.
    """
    try:
        found = migrated(script.read_text("utf-8"))
    except OSError as error:
        raise SpecError(f"{script}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{script}: is no text in UTF-8; expected a Python file") from error
    except SpecError as error:
        raise SpecError(f"{script}: {error}") from error
    if as_json:
        content = [
            {
                "name": one.name,
                "line": one.line,
                "pipeline": json.loads(spec.encode(one.pipeline).text),
                "notes": one.notes,
            }
            for one in found
        ]
        print(json.dumps(content, indent=2))
    elif found:
        print(as_python(found), end="")
    if not found:
        console.err.print(f"{script}: has no ImageDataGenerator(...) and no Compose([...])", soft_wrap=True)
        raise typer.Exit(1)
