"""`imagefeed materialize`: an augmented set as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from imagefeed.cli import console
from imagefeed.cli.preview import load_pipeline
from imagefeed.cli.recipe import recipe
from imagefeed.cli.scan import open_folder
from imagefeed.materializing import materialize as write
from imagefeed.pipeline import Pipeline


def materialize(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Pictures, in a sub-folder for every class, or without classes."),
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A folder that is empty, or not yet there.")],
    copies: Annotated[int, typer.Option(min=1, help="How many draws of each picture.")] = 10,
    size: Annotated[int, typer.Option(min=1, help="Height and width of what the default pipeline makes.")] = 224,
    pipeline: Annotated[
        str | None,
        typer.Option(
            help="A pipeline of yours as MODULE:NAME, or a saved .safetensors file; else one for photographs."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Other draws for another seed.")] = 0,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of the JPEG or WebP files.")] = 95,
    file_format: Annotated[str, typer.Option("--format", help="'jpg', 'png' or 'webp'.")] = "jpg",
) -> None:
    """Write several draws of every picture to files.

    Steps at the end of a pipeline that leave the levels, such as Normalize, are left for the training.
    """
    steps = recipe(size) if pipeline is None else load_pipeline(pipeline)
    levels = Pipeline([step for step in steps if step.role != "units"], training=steps.training)
    source = open_folder(folder)
    chosen: Any = file_format  # `write` says what else it can be
    with console.counting("writing") as advance:
        count = write(source, levels, output, copies=copies, seed=seed, format=chosen, quality=quality, advance=advance)
    console.out.print(f"wrote {count} files to {escape(str(output))}", soft_wrap=True)
