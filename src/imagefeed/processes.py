"""Processes that work for this one: started by spawn, never forked; they end when it does, however that comes about."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.util import Finalize
from typing import Any

from imagefeed import _native
from imagefeed.errors import SpecError, WorkerError
from imagefeed.ops import Host

# Seconds that a process is given to end by itself.
_GRACE = 2.0
# A process has one core's work to do: libraries that start threads for each core would only be in each other's way.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Worker:
    """A process that answers calls, one at a time.

    Args:
        what: For messages: "the loader's process".
        serve: Run in the process with its end of the connection and `arguments`; must be found by its name.
        arguments: Pickled.

    Raises:
        SpecError: They cannot be.
    """

    def __init__(self, what: str, serve: Callable[..., None], *arguments: Any) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._what = what
        self._parent = os.getpid()
        self._process = context.Process(target=_begin, args=(serve, os.getpid(), theirs, arguments), name="imagefeed")
        with _sending(what):
            self._process.start()
        theirs.close()
        # Whoever drops the last reference ends the process; and the interpreter's end, before multiprocessing waits for
        # it. (A daemon would be ended too, but could not have processes of its own.)
        self._end = Finalize(self, _finish, args=(self._process, self.connection), exitpriority=10)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid or 0

    def call(self, message: Any) -> Any:
        """Send a message and wait for the answer.

        Raises:
            WorkerError: The process has ended.
        """
        try:
            self.send(message)
            return self.connection.recv()
        except (EOFError, ConnectionError) as error:
            raise self.ended() from error

    def send(self, message: Any) -> None:
        """Send a message.

        Raises:
            SpecError: It cannot be pickled.
        """
        if self._parent != os.getpid():
            raise RuntimeError(
                f"{self._what} stayed behind in the process that forked: make the Loader in the child process"
            )
        with _sending(self._what):
            self.connection.send(message)

    def ended(self) -> WorkerError:
        """What happened to the process."""
        self._process.join(_GRACE)
        code = self._process.exitcode
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
            hint = "; is memory short?" if code == -signal.SIGKILL else ""
        else:
            how, hint = f"ended with status {code}", ""
        return WorkerError(f"{self._what} ({self.pid}) {how}{hint}; iterate again to start another one")

    def close(self) -> None:
        """End the process."""
        self._end()


@contextmanager
def _sending(what: str) -> Generator[None, None, None]:
    """Say what to do about something that cannot be pickled; pickle itself has three kinds of errors for it."""
    import pickle

    try:
        yield
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise SpecError(
            f"{what}: cannot be sent what it works with ({error}); define functions and classes at the top of a module"
        ) from error


def _begin(serve: Callable[..., None], parent: int, connection: Connection, arguments: tuple[Any, ...]) -> None:
    """What a process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that somebody works with
    _native.end_with_parent(parent)
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        serve(connection, *arguments)
    except (EOFError, ConnectionError):
        return  # nobody is there any more


def _finish(process: Any, connection: Connection) -> None:
    """End a process: its connection is closed, which it takes for the end."""
    connection.close()
    process.join(_GRACE)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()


# ------------------------------------------------------------------------------------------------ functions


class Functions:
    """Processes that call Python functions of `Apply`."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free: queue.SimpleQueue[Worker | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        for _ in range(count):
            self._free.put(None)  # started when it is needed

    def call(self, host: Host, picture: Any, row: int) -> Any:
        """What `host(picture, row)` gives, in a process. Raises what it raises."""
        worker = self._free.get()
        try:
            if worker is None:
                with self._lock:  # multiprocessing starts one at a time
                    worker = Worker("a process for Python functions", serve_functions)
            fine, result = worker.call((host.row(row), picture))
        except BaseException:
            if worker is not None:
                worker.close()
            worker = None  # what it would answer next belongs to nobody
            raise
        finally:
            self._free.put(worker)
        if not fine:
            raise result
        return result


def serve_functions(connection: Connection) -> None:
    """Answer calls of functions until nobody is there."""
    while True:
        host, picture = connection.recv()
        if "cv2" in sys.modules:
            sys.modules["cv2"].setNumThreads(1)
        answer: tuple[bool, Any]
        try:
            answer = True, host(picture, 0)
        except Exception as error:  # whatever it is, it belongs to whoever called
            answer = False, sendable(error)
        connection.send(answer)


def sendable(error: BaseException) -> BaseException:
    """An exception that can be sent to another process."""
    import pickle

    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an exception of somebody's own, with arguments of its own
        return WorkerError(f"{type(error).__name__}: {error}")
    return error
