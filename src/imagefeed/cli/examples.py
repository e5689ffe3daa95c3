"""Commands whose help ends in examples, every one of which a test runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import typer
from rich.markup import escape


def add_commands(app: typer.Typer, examples: Mapping[Callable[..., Any], Sequence[str]]) -> None:
    """Add commands to an app, in this order, each with its examples below its help."""
    for function, shown in examples.items():
        lines = "\n\n".join(f"[cyan]{escape(example)}[/]" for example in shown)
        app.command(epilog=f"Examples:\n\n{lines}")(function)
