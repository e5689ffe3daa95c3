"""Commands whose help ends in examples, every one of which a test runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from rich.markup import escape


def with_examples(app: typer.Typer, function: Callable[..., Any], *examples: str) -> None:
    """Add a command to an app, with examples below its help."""
    lines = "\n\n".join(f"[cyan]{escape(example)}[/]" for example in examples)
    app.command(epilog=f"Examples:\n\n{lines}")(function)
