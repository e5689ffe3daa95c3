"""Arguments that several commands take: one spelling, one help, one meaning."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from imagefeed.cli.recipe import recipe
from imagefeed.errors import SpecError
from imagefeed.pipeline import Pipeline

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Pictures, in a sub-folder for every class, or without classes.")
]
PipelineName = Annotated[
    str | None,
    typer.Option(
        "--pipeline",
        metavar="FILE|MODULE:NAME",
        help="A saved pipeline (.safetensors, .json), or one of yours in a module of this folder, as train:pipeline. "
        "Without it, one for photographs.",
    ),
]
Size = Annotated[int, typer.Option(min=1, help="Height and width of what the pipeline for photographs makes.")]
Seed = Annotated[int, typer.Option(min=0, help="Another seed gives other draws.")]
Quality = Annotated[int, typer.Option(min=1, max=100, help="Of JPEG and WebP.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

SUFFIXES = (".safetensors", ".json")


def pipeline_or_recipe(name: str | None, size: int) -> Pipeline:
    """The pipeline that a person named, or one for photographs."""
    return recipe(size) if name is None else load_pipeline(name)


def load_pipeline(name: str) -> Pipeline:
    """The pipeline in a file, or that a module of the user's has under some name.

    Args:
        name: A path that ends in .safetensors or .json; or as for `load_named`.

    Raises:
        SpecError: There is no such file, module or name, or it is not a pipeline.
    """
    if name.endswith(SUFFIXES):
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
        expected += f", or a file that ends in {' or '.join(SUFFIXES)}"
    if not (module and colon and attribute):
        raise SpecError(f"{option}: got {name!r}; {expected}")
    sys.path.insert(0, "")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SpecError(f"{option}: got {name!r}, but {error}; {expected}") from error
    finally:
        sys.path.remove("")
