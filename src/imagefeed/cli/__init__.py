"""The command line: one command a module, in one style."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape

from imagefeed._version import __version__
from imagefeed.cli import cache, console
from imagefeed.cli.bench import bench
from imagefeed.cli.check import check
from imagefeed.cli.copies import materialize
from imagefeed.cli.demo import demo
from imagefeed.cli.migrate import migrate
from imagefeed.cli.preview import preview
from imagefeed.cli.quarantine import quarantine
from imagefeed.cli.saved import show, stats
from imagefeed.cli.studio import studio
from imagefeed.errors import ImagefeedError

app = typer.Typer(
    name="imagefeed",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _examples(*commands: str) -> str:
    return "Examples:\n\n" + "\n\n".join(f"[cyan]{escape(command)}[/]" for command in commands)


app.command(
    epilog=_examples(
        "imagefeed check photos",
        "imagefeed check photos --json > photos.json",
        "imagefeed check photos --model model.keras --pipeline preprocess.safetensors",
        "imagefeed check photos --expects keras/resnet50 --pipeline train:pipeline",
    )
)(check)
app.command(
    epilog=_examples(
        "imagefeed preview photos -o sheet.png",
        "imagefeed preview photos -o sheet.png --size 160 --rows 4 --draws 8",
        "imagefeed preview photos -o sheet.png --pipeline train:pipeline",
    )
)(preview)
app.command(
    epilog=_examples("imagefeed stats photos", "imagefeed stats photos --size 64 --whiten zca -o photos.safetensors")
)(stats)
app.command(epilog=_examples("imagefeed show preprocess.safetensors"))(show)
app.command(
    epilog=_examples(
        "imagefeed materialize photos more-photos --copies 10",
        "imagefeed materialize photos more-photos --pipeline train:pipeline --format png",
    )
)(materialize)
app.command(
    epilog=_examples("imagefeed bench photos", "imagefeed bench photos --pipeline pipeline.safetensors --json")
)(bench)
app.command(epilog=_examples("imagefeed migrate train.py", "imagefeed migrate train.py > pipeline.py"))(migrate)
app.command(epilog=_examples("imagefeed demo", "imagefeed demo photos --epochs 60 -o photos-demo"))(demo)

app.command(
    epilog=_examples(
        "imagefeed studio photos",
        "imagefeed studio photos --pipeline pipeline.safetensors",
        "imagefeed studio camvid/val --mask '../valannot/{name}.png'",
    )
)(studio)

app.command(epilog=_examples("imagefeed quarantine photos --to unreadable --dry-run"))(quarantine)
app.add_typer(cache.app, name="cache")


def _version(asked: bool) -> None:
    if asked:
        print(f"imagefeed {__version__}")
        raise typer.Exit


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Stored images to training batches, fast."""


def main() -> None:
    """What the console script calls. Errors of the user's data are told in one line, without a traceback."""
    try:
        app()
    except ImagefeedError as error:
        console.err.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
