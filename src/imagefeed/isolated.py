"""A loader in a process of its own, so that it and a busy training loop do not wait for each other's GIL.

The process is asked for one batch after another. Pictures are rendered into memory that both processes see.
"""

from __future__ import annotations

import itertools
import os
import select
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Protocol

from imagefeed.engine import Engine
from imagefeed.errors import WorkerError
from imagefeed.group import Batch
from imagefeed.order import Portion, Span
from imagefeed.processes import Worker, sendable
from imagefeed.report import Report
from imagefeed.slots import SlotReader, SlotWriter
from imagefeed.waiting import PATIENCE


class Served(Protocol):
    """What is run in the process: a loader."""

    def _ready_engine(self) -> Engine: ...
    def _run(self, part: Span | Portion) -> Iterator[Batch]: ...
    def report(self) -> Report:
        """Where its time went."""
        ...


class Isolated:
    """A loader's process, started when it is first asked for something."""

    def __init__(self, loader: Served) -> None:
        here = get_context("spawn")
        released, self._released = here.Pipe(duplex=False)
        self._worker = Worker("the loader's process", _serve, released, os.getpid(), loader)
        released.close()
        self._reader = SlotReader(self._worker.connection, self._released)
        self._coming = select.poll()  # the connection's own poll() makes one anew for every call
        self._coming.register(self._worker.connection.fileno(), select.POLLIN)
        self._numbers = itertools.count()
        self._asked = itertools.count()
        self._answered = itertools.count()
        self._answers: dict[int, tuple[bool, Any]] = {}  # that have come and that nobody has taken yet
        self._lock = threading.Lock()
        self.alive = True

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._worker.pid

    def run(self, part: Span | Portion) -> Generator[Batch, None, None]:
        """Some batches; or one batch, of a portion."""
        number = next(self._numbers)
        self._ask("open", number, part)
        # One batch is asked for ahead: it comes while whoever iterates is busy with the one before.
        coming: int | None = self._send("next", number)
        try:
            while coming is not None:
                fine, batch = self._answer(coming)
                coming = None
                if not fine:
                    raise batch
                if batch is not None:
                    coming = self._send("next", number)
                    yield batch
        finally:
            if self.alive and not self._worker.connection.closed:  # as at the interpreter's end
                if coming is not None:
                    self._answer(coming)
                self._ask("close", number)

    def report(self) -> Report:
        """The report of the loader in the process."""
        return self._ask("report", 0)

    def close(self) -> None:
        """End the process."""
        self.alive = False
        self._worker.close()
        self._released.close()

    def _ask(self, *message: Any) -> Any:
        fine, answer = self._answer(self._send(*message))
        if not fine:
            raise answer
        return answer

    def _send(self, *message: Any) -> int:
        """Ask for something; the number by which the answer is known."""
        with self._lock, self._told():
            self._worker.send(message)
            return next(self._asked)

    def _answer(self, number: int) -> tuple[bool, Any]:
        """Whether what was asked for could be done, and what came of it: a result, or an exception."""
        with self._lock, self._told():
            while number not in self._answers:
                while not self._coming.poll(PATIENCE):  # in steps, so that Ctrl-C is heard
                    continue
                self._answers[next(self._answered)] = self._reader.receive()
            return self._answers.pop(number)

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        """Say what happened to a process that does not answer."""
        try:
            yield
        except (EOFError, ConnectionError) as error:
            self.alive = False
            raise self._worker.ended() from error
        except BaseException:
            self.close()  # what it would answer next belongs to nobody
            raise


def _serve(connection: Connection, released: Connection, reader: int, loader: Served) -> None:
    """Answer until nobody is there."""
    writer = SlotWriter(connection, released, reader)
    engine = loader._ready_engine()  # pyright: ignore[reportPrivateUsage]
    engine.memory = writer
    runs: dict[int, Iterator[Batch]] = {}

    def answer(kind: str, number: int, *rest: Any) -> Any:
        if kind == "open":
            runs[number] = loader._run(*rest)  # pyright: ignore[reportPrivateUsage]
        elif kind == "next":
            return next(runs[number], None)
        elif kind == "close":
            run: Any = runs.pop(number)
            run.close()
        elif kind == "report":
            return loader.report()
        else:
            raise WorkerError(f"asked for {kind!r}")
        return None

    while True:
        message = connection.recv()
        result: tuple[bool, Any]
        try:
            result = True, answer(*message)
        except Exception as error:  # whatever it is, it belongs to whoever asked
            result = False, sendable(error)
        writer.send(result)
        del result  # its memory is the other side's now
