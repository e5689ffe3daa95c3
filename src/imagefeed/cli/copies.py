"""`imagefeed materialize`: an augmented set as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from imagefeed.cli import console
from imagefeed.cli.arguments import AsJson, Folder, PipelineName, Quality, Seed, Size, pipeline_or_recipe
from imagefeed.cli.scan import open_folder
from imagefeed.materializing import FileFormat, materialize as write


def materialize(
    folder: Folder,
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A folder that is empty, or not yet there.")],
    copies: Annotated[int, typer.Option(min=1, help="How many draws of each picture.")] = 10,
    size: Size = 224,
    pipeline: PipelineName = None,
    seed: Seed = 0,
    quality: Quality = 95,
    file_format: Annotated[FileFormat, typer.Option("--format", help="Of the files.")] = "jpg",
    as_json: AsJson = False,
) -> None:
    """Write several draws of every picture to files.

    Steps at the end of a pipeline that leave the levels, such as Normalize, are left for the training.
    """
    levels = pipeline_or_recipe(pipeline, size).levels()
    source = open_folder(folder)
    with console.counting("writing") as advance:
        count = write(
            source, levels, output, copies=copies, seed=seed, format=file_format, quality=quality, advance=advance
        )
    if as_json:
        print(json.dumps({"to": str(output), "files": count}))
        return
    console.out.print(f"wrote {count} files to {escape(str(output))}", soft_wrap=True)
