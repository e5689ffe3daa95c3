"""Where a loader's time goes: sums for a report, and single spans for a trace."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Span: TypeAlias = Literal["wait", "fetch", "plan", "pillow", "function", "cache"]
"""Waiting for a batch, by whoever takes it; asking for files; planning; formats that Pillow decodes; Python functions
of `Apply`; filling the cache."""


@dataclass(frozen=True, slots=True)
class Event:
    """One span of time, for a trace.

    Attributes:
        name: What was done.
        start: Nanoseconds of `time.perf_counter_ns`.
        length: Nanoseconds.
        thread: The thread that did it.
        images: How many pictures it was done for.
    """

    name: str
    start: int
    length: int
    thread: str
    images: int


@dataclass(slots=True)
class Meter:
    """Nanoseconds spent, by what they were spent on.

    Attributes:
        spans: In each kind of span, over all threads.
        images: How many pictures were handed out.
        batches: How many batches.
        bad: How many pictures could not be read.
        elapsed: While somebody iterated.
        python: Processor time of the conducting thread, which holds the GIL for nearly all of it.
        events: Single spans, where they are recorded.
    """

    spans: dict[Span, int] = field(default_factory=dict[Span, int])
    images: int = 0
    batches: int = 0
    bad: int = 0
    elapsed: int = 0
    python: int = 0
    events: list[Event] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def span(self, name: Span, images: int = 0) -> Generator[None, None, None]:
        """Time a block."""
        start = time.perf_counter_ns()
        try:
            yield
        finally:
            self.add(name, start, time.perf_counter_ns() - start, images)

    def add(self, name: Span, start: int, length: int, images: int = 0) -> None:
        """Count a span that has been timed."""
        with self._lock:
            self.spans[name] = self.spans.get(name, 0) + length
            if self.events is not None:
                self.events.append(Event(name, start, length, threading.current_thread().name, images))
