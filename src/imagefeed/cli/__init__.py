"""The command line: one command a module, in one style."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer
from rich.markup import escape

from imagefeed._version import __version__
from imagefeed.cli import cache, console
from imagefeed.cli.bench import bench
from imagefeed.cli.check import check
from imagefeed.cli.copies import materialize
from imagefeed.cli.demo import demo
from imagefeed.cli.examples import add_commands
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


# ------------------------------------------------------------------------------------------------ commands, by task

add_commands(
    app,
    {
        check: [
            "imagefeed check photos",
            "imagefeed check photos --json > photos.json",
            "imagefeed check photos --model model.keras --pipeline preprocess.safetensors",
            "imagefeed check photos --expects keras/resnet50 --pipeline train:pipeline",
        ],
        quarantine: ["imagefeed quarantine photos --to unreadable --dry-run"],
        preview: [
            "imagefeed preview photos -o sheet.png",
            "imagefeed preview photos -o sheet.png --size 160 --rows 4 --draws 8",
            "imagefeed preview photos -o sheet.png --pipeline train:pipeline",
        ],
        studio: [
            "imagefeed studio photos",
            "imagefeed studio photos --pipeline pipeline.safetensors",
            "imagefeed studio camvid/val --mask '../valannot/{name}.png'",
        ],
        stats: ["imagefeed stats photos", "imagefeed stats photos --size 64 --whiten zca -o photos.safetensors"],
        show: ["imagefeed show preprocess.safetensors"],
        bench: ["imagefeed bench photos", "imagefeed bench photos --pipeline pipeline.safetensors --json"],
        materialize: [
            "imagefeed materialize photos more-photos --copies 10",
            "imagefeed materialize photos tuned-photos --pipeline train:pipeline --format png",
        ],
        migrate: ["imagefeed migrate train.py", "imagefeed migrate train.py > pipeline.py"],
        demo: ["imagefeed demo", "imagefeed demo photos --epochs 60 -o photos-demo"],
    },
)
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
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever reads what is printed has read enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where the interpreter's last flush goes
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        _tell(f"{where}{error.strerror or error}")
    except ImagefeedError as error:
        _tell(str(error))


def _tell(problem: str) -> NoReturn:
    console.err.print(f"[red]error:[/] {escape(problem)}", soft_wrap=True)
    sys.exit(1)
