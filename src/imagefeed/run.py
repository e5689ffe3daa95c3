"""An epoch under way: several batches in flight, made by one conducting thread.

Everything that is in flight belongs to a `Run`, which ends it when it is closed, however that comes about.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING

from imagefeed.engine import Engine
from imagefeed.group import Batch, Group, Rendering
from imagefeed.order import Portion

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor


class Run:
    """Some batches, computed ahead of whoever takes them. A group of them is of one epoch."""

    def __init__(self, engine: Engine, groups: Iterator[list[Portion]], *, ahead: int) -> None:
        self._engine = engine
        self._groups = groups
        self._prefetch = ahead
        self._ahead = ahead
        self._room = 0  # batches that may be left when more are begun
        self._together = 1  # batches of the largest call so far: a group may end with a smaller one
        self._state = threading.Condition()
        self._ready: deque[Rendering | Future[Batch] | BaseException] = deque()
        at_once = engine.batches_at_once
        self._threads = _threads(at_once) if at_once else None
        self._closed = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._conduct, name="imagefeed-conductor", daemon=True)
        _open_runs.add(self)
        self._thread.start()

    def __iter__(self) -> Generator[Batch, None, None]:
        meter = self._engine.meter
        last = time.perf_counter_ns()
        try:
            while True:
                begin = time.perf_counter_ns()
                item = self._take()
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise item
                batch = self._engine.finish_render(item) if isinstance(item, Rendering) else item.result()
                now = time.perf_counter_ns()
                meter.add("wait", begin, now - begin, len(batch.images))
                meter.elapsed += now - last
                self._engine.count(len(batch.images), len(batch.bad), now - last, now - begin)
                last = now
                del item  # its pictures are the caller's alone
                yield batch
        finally:
            meter.elapsed += time.perf_counter_ns() - last
            self.close()

    def close(self) -> None:
        """Drop what is in flight, and wait until nothing of it runs. May be called more than once."""
        self._stopped.set()
        with self._state:
            self._closed = True
            self._ready.clear()
            self._state.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join()
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        _open_runs.discard(self)

    def _take(self) -> Rendering | Future[Batch] | BaseException | None:
        """The next batch in order, or None after the last."""
        with self._state:
            while not self._ready and not self._closed:
                self._state.wait()
            if not self._ready:
                return None
            item = self._ready.popleft()
            # Waking the conductor for every batch would cost more than small batches do.
            if len(self._ready) <= self._room:
                self._state.notify_all()
            return item

    def _begun(self, rendering: Rendering) -> Rendering | Future[Batch]:
        """A batch to be finished by whoever takes it; on a thread, where Python functions are called on it."""
        return rendering if self._threads is None else self._threads.submit(self._engine.finish_render, rendering)

    def _put(self, *items: Rendering | Future[Batch] | BaseException) -> None:
        with self._state:
            self._ready.extend(items)
            self._state.notify_all()

    def _wait_for_room(self, count: int = 1) -> bool:
        """Whether some more batches are wanted, which are begun at once."""
        with self._state:
            self._room = max(0, self._ahead - count)
            while len(self._ready) > self._room and not self._closed:
                self._state.wait()
            return not self._closed

    def _conduct(self) -> None:
        try:
            try:
                self._render_all()
            finally:
                self._flush()
        except BaseException as error:  # whatever it is, it belongs to whoever iterates
            self._put(error)
        self._engine.meter.python += time.thread_time_ns()
        with self._state:
            while self._ready and not self._closed:
                self._state.wait()
            self._closed = True
            self._state.notify_all()

    def _flush(self) -> None:
        if self._engine.keeper is not None:
            self._engine.keeper.store.flush()

    def _render_all(self) -> None:
        """Fetch one group ahead of the one that is planned and rendered."""
        fetched: deque[tuple[Group, list[Portion]]] = deque()
        for portions in self._groups:
            if not self._wait_for_room():
                return
            if fetched and portions[0].epoch != fetched[-1][0].epoch:
                self._flush()
            fetched.append((self._engine.fetch(portions, self._stopped), portions))
            if len(fetched) > 1 and not self._render_group(*fetched.popleft()):
                return
        while fetched:
            if not self._render_group(*fetched.popleft()):
                return

    def _render_group(self, group: Group, portions: Sequence[Portion]) -> bool:
        self._engine.finish_fetch(group)
        final = self._engine.finish_plan(group)
        first, left = 0, list(portions)
        while left:
            count = self._engine.together(final, first, left)
            self._together = max(self._together, count)
            self._ahead = self._engine.ahead(final, first, left[0], self._together, self._prefetch)
            count = min(count, self._ahead)
            if not self._wait_for_room(count):
                return False
            self._put(*map(self._begun, self._engine.render(final, first, left[:count])))
            first += sum(len(portion.records) for portion in left[:count])
            del left[:count]
        return True


def _threads(count: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # only where Python functions are called on batches

    return ThreadPoolExecutor(count, "imagefeed-batches")


_open_runs: weakref.WeakSet[Run] = weakref.WeakSet()


@atexit.register
def _close_runs() -> None:
    """No thread may be inside the native core when the interpreter is taken down."""
    for run in list(_open_runs):
        run.close()
