"""`imagefeed show` and `imagefeed stats`: what a saved file holds; what is measured on a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from imagefeed import spec
from imagefeed.cli import console
from imagefeed.cli.arguments import AsJson, Folder, load_pipeline
from imagefeed.cli.scan import open_folder
from imagefeed.memory import format_bytes
from imagefeed.pipeline import Pipeline
from imagefeed.statistics import Covariance, Method, Per, Statistics
from imagefeed.transforms import Normalize, Resize, Whiten


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What Pipeline.save or Statistics.save wrote.")],
    as_json: AsJson = False,
) -> None:
    """Print the steps of a saved pipeline, and the statistics in it. Runs nothing of the file's."""
    if as_json:
        print(spec.read(file).text)
        return
    value = spec.load(file, object)
    size = file.stat().st_size
    console.out.print(f"[bold]{escape(str(file))}[/]: {type(value).__name__}, {format_bytes(size)}")
    if isinstance(value, Statistics):
        _show_statistics(value)
        return
    if not isinstance(value, Pipeline):
        console.out.print(escape(repr(value)))
        return
    for number, step in enumerate(value.steps):
        console.out.print(f"  {number}  {escape(repr(step))}", soft_wrap=True)
    kept = value.deterministic().steps
    console.out.print(f"[dim]for prediction: {len(kept)} of {len(value.steps)} steps, without what is random[/]")
    for step in value.steps:
        if isinstance(step, Normalize | Whiten) and step.statistics is not None:
            _show_statistics(step.statistics)


def stats(
    folder: Folder,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A .safetensors file to write them to.")] = None,
    size: Annotated[int, typer.Option(min=1, help="Height and width that the pictures are resized to first.")] = 224,
    pipeline: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|MODULE:NAME",
            help="What is done first, instead of a resize: a saved pipeline, or one of yours, as train:pipeline.",
        ),
    ] = None,
    per: Annotated[Per | None, typer.Option(help="One number for each channel, the default, or pixel.")] = None,
    whiten: Annotated[Method | None, typer.Option(help="Measure the covariance too, for whitening.")] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="How many directions of it to hold at most.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the mean and deviation of a folder's pictures, and print the step that normalizes by them."""
    steps = Pipeline([Resize((size, size))]) if pipeline is None else load_pipeline(pipeline)
    found = Statistics.fit(
        open_folder(folder),
        steps,
        per=per,
        whiten=whiten,
        rank=rank,
    )
    if output is not None:
        found.save(output)
    if as_json:
        print(json.dumps(_plain(found), indent=2))
        return
    _show_statistics(found)
    if found.mean is not None and found.std is not None and found.mean.shape[:2] == (1, 1):
        mean, std = (tuple(round(float(v), 3) for v in array.ravel()) for array in (found.mean, found.std))
        console.out.print(f"[green]Normalize(mean={mean}, std={std})[/]", soft_wrap=True)
    if output is not None:
        console.out.print(f"wrote {escape(str(output))} ({format_bytes(output.stat().st_size)})", soft_wrap=True)


def _plain(value: Statistics) -> dict[str, Any]:
    """Statistics as JSON has them: arrays of more than a number for each channel by what they span."""
    arrays: dict[str, Any] = {}
    for name, array in value.arrays.items():
        arrays[name] = {
            "shape": list(array.shape),
            "least": float(array.min()),
            "mean": float(array.mean()),
            "most": float(array.max()),
        }
        if array.shape[:2] == (1, 1):
            arrays[name]["values"] = np.ravel(array).astype(float).tolist()
    return {"count": value.count, "arrays": arrays}


def _show_statistics(value: Statistics) -> None:
    console.out.print(f"statistics of {value.count} pictures")
    table = Table(box=None, pad_edge=False)
    for name in ("", "shape", "least", "mean", "most"):
        table.add_column(name, justify="right" if name not in ("", "shape") else "left")
    for name, array in value.arrays.items():
        shape = "x".join(map(str, array.shape))
        table.add_row(name, shape, *(f"{number:.4g}" for number in (array.min(), array.mean(), array.max())))
    console.out.print(table)
    for name, array in value.arrays.items():
        if array.shape[:2] == (1, 1):
            console.out.print(f"{name:5}  {', '.join(f'{number:.4f}' for number in np.ravel(array))}")
    if value.covariance is not None:
        _show_covariance(value.covariance)


def _show_covariance(value: Covariance) -> None:
    d, k = value.basis.shape
    console.out.print(
        f"{value.method} whitening by {k} of {d} directions, which hold {value.explained:.2%} of the variance"
    )
