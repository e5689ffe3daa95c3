"""`imagefeed check --model`: whether a pipeline gives a model what it was trained on."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import typer
from rich.markup import escape

from imagefeed.cli import console
from imagefeed.cli.preview import load_pipeline
from imagefeed.cli.scan import open_folder
from imagefeed.errors import SpecError
from imagefeed.skew import check_model


def check_skew(folder: Path, model: Path | None, pipeline: str | None, expects: str | None) -> None:
    """Print what is amiss between a model and a pipeline on a folder's pictures.

    Args:
        folder: The pictures.
        model: A file of Keras; None if only `expects` is known.
        pipeline: As for `load_pipeline`.
        expects: A preset's name; None to ask the model.

    Raises:
        SpecError: There is no pipeline, or the model cannot be read.
        Exit: With status 1, if something is amiss.
    """
    if pipeline is None:
        raise SpecError(
            "--pipeline: missing; name what is done before the model, as MODULE:NAME or a .safetensors file"
        )
    findings = check_model(
        None if model is None else _load(model), load_pipeline(pipeline), open_folder(folder), expects=expects
    )
    for finding in findings:
        console.out.print(f"[red]{finding.kind}[/]  {escape(finding.problem)}", soft_wrap=True)
        console.out.print(f"  [green]{escape(finding.advice)}[/]", soft_wrap=True)
    if findings:
        raise typer.Exit(1)
    console.out.print("[green]nothing amiss: the pipeline gives what the model expects, as far as that is known[/]")


def _load(path: Path) -> object:
    try:
        keras = import_module("keras")
    except ImportError as error:
        raise SpecError(f"--model: {path} needs Keras: pip install keras and a backend for it") from error
    try:
        return keras.saving.load_model(path, compile=False)  # which refuses code in a file
    except (ValueError, OSError, TypeError) as error:
        raise SpecError(f"--model: {path}: {error}") from error
