"""`imagefeed bench`: how fast a loader is on one's own pictures, and what limits it."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from imagefeed.cli import console
from imagefeed.cli.arguments import AsJson, Folder, PipelineName, Size, pipeline_or_recipe
from imagefeed.cli.scan import open_folder
from imagefeed.loader import Loader


def bench(
    folder: Folder,
    pipeline: PipelineName = None,
    size: Size = 224,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures in a batch.")] = 32,
    threads: Annotated[int, typer.Option(min=0, help="Native threads; 0 for as many as there are cores.")] = 0,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure.")] = 5.0,
    as_json: AsJson = False,
) -> None:
    """Load batches as fast as they come, and print where the time went and what to try next."""
    source = open_folder(folder)
    steps = pipeline_or_recipe(pipeline, size)
    batch_size = min(batch_size, len(source))
    loader = Loader(source, steps, batch_size=batch_size, repeat=True, threads=threads or "auto")
    end = time.perf_counter() + seconds
    for _ in loader:
        if time.perf_counter() >= end:
            break
    report = loader.report()
    if as_json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        console.out.print(report)
