"""`imagefeed studio`: tune an augmentation by eye, on pictures of one's own."""

from __future__ import annotations

import webbrowser
from typing import Annotated, Any

import typer
from rich.markup import escape

from imagefeed.cli import console
from imagefeed.cli.arguments import Folder, load_named, load_pipeline
from imagefeed.cli.backend import MissingError
from imagefeed.cli.scan import open_folder
from imagefeed.errors import SpecError
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source
from imagefeed.transforms import HorizontalFlip, RandomResizedCrop

FIRST = Pipeline([RandomResizedCrop((224, 224), scale=(0.35, 1.0)), HorizontalFlip()])
"""What the page begins with: a size, and something that is nearly always right."""


def studio(
    folder: Folder,
    pipeline: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|MODULE:NAME",
            help="What to begin with: a saved pipeline (.safetensors, .json), or one of yours, as train:pipeline.",
        ),
    ] = None,
    mask: Annotated[
        str | None,
        typer.Option(help="Where the mask of each picture lies, from the picture's folder: '../annot/{name}.png'."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="A source of yours as MODULE:NAME, with boxes, points, ...; FOLDER is then its title."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any that is free.")] = 0,
    browser: Annotated[bool, typer.Option(help="Whether to open the page in a browser.")] = True,
) -> None:
    """Open a local page on which steps are added, tuned and seen at once on your own pictures.

    Only this machine can reach it, and only with the key in the address. Ctrl-C ends it and prints the pipeline.
    """
    try:
        from imagefeed.studio import Studio, export
    except ModuleNotFoundError as error:
        raise MissingError(f"{error.name} is not installed: pip install 'imagefeed[studio]'") from error
    first = FIRST if pipeline is None else load_pipeline(pipeline)
    shown = open_folder(folder, mask=mask) if source is None else named_source(source)
    server = Studio(shown, first, title=folder.resolve().name, port=port)
    console.err.print(f"[bold]{escape(server.address)}[/]", soft_wrap=True)
    console.err.print(f"{len(shown)} pictures; Ctrl-C to end", soft_wrap=True)
    if browser:
        webbrowser.open(server.address)
    server.run()
    print(export.as_python(server.page.pipeline), end="")


def named_source(name: str) -> Source:
    """The source that a module of the user's has under some name.

    Raises:
        SpecError: There is none.
    """
    found: Any = load_named("--source", name)
    if not isinstance(found, Source):
        raise SpecError(f"--source: {name!r} is {found!r}; expected a source, as from imagefeed.folder(...)")
    return found
