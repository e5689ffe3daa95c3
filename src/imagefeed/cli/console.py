"""What the commands print with."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
"""For progress and errors, so that what a command prints can be piped."""


def progress() -> Progress:
    """A progress bar: what, how much of it, how long still. It goes when it is done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,  # a log file has no use for a bar
    )


@contextmanager
def counting(what: str) -> Generator[Callable[[int], None], None, None]:
    """A progress bar that a function advances: called once for each thing done, with the number of all."""
    with progress() as bar:
        task = bar.add_task(what, total=None, note="")
        yield lambda total: bar.update(task, advance=1, total=total)
