"""`imagefeed check --model`: whether a pipeline gives a model what it was trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import typer
from rich.markup import escape

from imagefeed.cli import console
from imagefeed.cli.arguments import load_pipeline
from imagefeed.cli.scan import open_folder
from imagefeed.errors import SpecError
from imagefeed.skew import Finding, check_model


def check_skew(folder: Path, model: Path | None, pipeline: str | None, expects: str | None, *, as_json: bool) -> None:
    """Print what is amiss between a model and a pipeline on a folder's pictures.

    Args:
        folder: The pictures.
        model: A file of Keras; None if only `expects` is known.
        pipeline: As for `load_pipeline`.
        expects: A preset's name; None to ask the model.
        as_json: Print what is found as JSON.

    Raises:
        SpecError: There is no pipeline, or the model cannot be read.
        Exit: With status 1, if something is amiss.
    """
    if pipeline is None:
        raise SpecError("--pipeline: missing; name what is done before the model, as MODULE:NAME or a saved file")
    findings = check_model(
        None if model is None else _load(model), load_pipeline(pipeline), open_folder(folder), expects=expects
    )
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _show(findings)
    if findings:
        raise typer.Exit(1)


def _show(findings: Sequence[Finding]) -> None:
    for finding in findings:
        console.out.print(f"[red]{finding.kind}[/]  {escape(finding.problem)}", soft_wrap=True)
        console.out.print(f"  [green]{escape(finding.advice)}[/]", soft_wrap=True)
    if not findings:
        console.out.print("[green]nothing amiss: the pipeline gives what the model expects, as far as that is known[/]")


def _load(path: Path) -> object:
    try:
        keras = import_module("keras")
    except ImportError as error:
        raise SpecError(f"--model: {path} needs Keras: pip install keras and a backend for it") from error
    import_module("imagefeed.adapters.keras")  # a model may hold a pipeline
    try:
        return keras.saving.load_model(path, compile=False)  # which refuses code in a file
    except (ValueError, OSError, TypeError) as error:
        raise SpecError(f"--model: {path}: {error}") from error
