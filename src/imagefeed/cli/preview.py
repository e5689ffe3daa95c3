"""`imagefeed preview`: see what an augmentation does before training with it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from imagefeed.cli import console
from imagefeed.cli.recipe import recipe
from imagefeed.cli.scan import open_folder
from imagefeed.cli.sheet import contact_sheet
from imagefeed.errors import SpecError
from imagefeed.pipeline import Pipeline


def preview(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Pictures, in a sub-folder for every class, or without classes."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write: .png, .jpg or .webp.")],
    size: Annotated[int, typer.Option(min=1, help="Height and width of what the default pipeline makes.")] = 224,
    pipeline: Annotated[
        str | None,
        typer.Option(
            help="A pipeline of yours as MODULE:NAME, or a saved .safetensors file; else one for photographs."
        ),
    ] = None,
    photographs: Annotated[int, typer.Option("--rows", min=1, help="How many photographs.")] = 6,
    draws: Annotated[int, typer.Option(min=1, help="How many draws of each.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Other draws for another seed.")] = 0,
) -> None:
    """Draw a contact sheet: photographs as stored, and beside each several draws of a pipeline."""
    if output.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise typer.BadParameter(f"{output}: expected a name that ends in .png, .jpg or .webp")
    steps = recipe(size) if pipeline is None else load_pipeline(pipeline)
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
    console.out.print(f"wrote {output} ({sheet.width}x{sheet.height})", soft_wrap=True)


def save(sheet: Image.Image, path: Path) -> None:
    """Write a sheet; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=90)


def load_pipeline(name: str) -> Pipeline:
    """The pipeline in a file, or that a module of the user's has under some name.

    Args:
        name: A path that ends in .safetensors; or as for `load_named`.

    Raises:
        SpecError: There is no such file, module or name, or it is not a pipeline.
    """
    if name.endswith(".safetensors"):
        return Pipeline.load(name)
    found = load_named("--pipeline", name)
    if not isinstance(found, Pipeline):
        raise SpecError(f"--pipeline: {name!r} is {found!r}; expected an imagefeed.Pipeline")
    return found


def load_named(option: str, name: str) -> Any:
    """What a module of the user's has under some name.

    Args:
        option: What messages call it.
        name: "module:name", such as "train:pipeline". The module is looked for in the working folder first.

    Raises:
        SpecError: There is no such module or name.
    """
    module, colon, attribute = name.partition(":")
    expected = f"expected MODULE:NAME, such as train:{option.lstrip('-')}"
    if option == "--pipeline":
        expected += ", or a .safetensors file"
    if not (module and colon and attribute):
        raise SpecError(f"{option}: got {name!r}; {expected}")
    sys.path.insert(0, "")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SpecError(f"{option}: got {name!r}, but {error}; {expected}") from error
    finally:
        sys.path.remove("")
