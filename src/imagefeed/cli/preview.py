"""`imagefeed preview`: see what an augmentation does before training with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from rich.markup import escape

from imagefeed.cli import console
from imagefeed.cli.arguments import AsJson, Folder, PipelineName, Seed, Size, pipeline_or_recipe
from imagefeed.cli.scan import open_folder
from imagefeed.cli.sheet import contact_sheet


def preview(
    folder: Folder,
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write: .png, .jpg or .webp.")],
    size: Size = 224,
    pipeline: PipelineName = None,
    photographs: Annotated[int, typer.Option("--rows", min=1, help="How many photographs.")] = 6,
    draws: Annotated[int, typer.Option(min=1, help="How many draws of each.")] = 5,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Draw a contact sheet: photographs as stored, and beside each several draws of a pipeline."""
    if output.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise typer.BadParameter(f"{output}: expected a name that ends in .png, .jpg or .webp")
    steps = pipeline_or_recipe(pipeline, size)
    source = open_folder(folder)
    with console.counting("drawing") as advance:
        sheet = contact_sheet(
            source,
            steps,
            title=folder.resolve().name,
            photographs=photographs,
            draws=draws,
            seed=seed,
            advance=advance,
        )
    save(sheet, output)
    if as_json:
        print(json.dumps({"to": str(output), "width": sheet.width, "height": sheet.height}))
        return
    console.out.print(f"wrote {escape(str(output))} ({sheet.width}x{sheet.height})", soft_wrap=True)


def save(sheet: Image.Image, path: Path) -> None:
    """Write a sheet; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=90)
