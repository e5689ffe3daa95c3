"""A trace of a loader at work, which chrome://tracing and ui.perfetto.dev show."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagefeed.meter import Event


def write_trace(path: str | os.PathLike[str], events: Sequence[Event]) -> None:
    """Write spans of time in the Trace Event Format (Duvanenko and others, Google): one row for each thread.

    Args:
        path: The file, such as "trace.json".
        events: In any order.
    """
    threads = {name: number for number, name in enumerate(dict.fromkeys(event.thread for event in events))}
    origin = min((event.start for event in events), default=0)
    named: list[dict[str, Any]] = [
        {"name": "thread_name", "ph": "M", "pid": 1, "tid": number, "args": {"name": name}}
        for name, number in threads.items()
    ]
    spans = [
        {
            "name": event.name,
            "ph": "X",
            "ts": (event.start - origin) / 1000,
            "dur": event.length / 1000,
            "pid": 1,
            "tid": threads[event.thread],
            "args": {"images": event.images},
        }
        for event in events
    ]
    Path(path).write_text(json.dumps({"traceEvents": named + spans, "displayTimeUnit": "ms"}), encoding="utf-8")
