"""Batches in flight: fetch, plan, render.

One thread conducts: it asks the native threads to read files, plans what was read, and asks them to render it into
the slots of a batch. It never touches a pixel, and holds the GIL for little more than the planning. Everything that is
in flight belongs to a `Run`, which ends it when it is closed, however that comes about.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.errors import DecodeError, PlanError
from imagefeed.ops import Host
from imagefeed.order import Portion
from imagefeed.pipeline import Pipeline, Stage
from imagefeed.plan import Plan, plan
from imagefeed.program import PLAIN, program, store
from imagefeed.sources import Source
from imagefeed.types import Dtype, Layout

Ints = NDArray[np.int64]
T = TypeVar("T")

# How long a wait may keep Ctrl-C waiting, in milliseconds.
PATIENCE = 50
_PLAN_FAULT = 4
_NUMPY_DTYPES: dict[Dtype, type[np.generic]] = {
    "uint8": np.uint8,
    "float16": np.float16,
    "float32": np.float32,
}


@dataclass(frozen=True, slots=True)
class Batch:
    """A rendered batch.

    Attributes:
        images: (b, height, width, channels), or channels first.
        targets: What the source gives for the records, with a leading axis of b; None if nothing.
        indices: int64 (b,), the records.
        keys: int64 (b,), what their numbers were drawn by; see `Order`.
        padding: How many at the end belong to the beginning of the batch, and are there only so that all shards
            have equally many.
        bad: The records that could not be decoded, which are not among them.
    """

    images: NDArray[Any]
    targets: NDArray[Any] | None
    indices: Ints
    keys: Ints
    padding: int = 0
    bad: tuple[DecodeError, ...] = ()


class Engine:
    """What turns records into batches; made once by a loader, used by every epoch."""

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        *,
        threads: int,
        seed: int,
        dtype: Dtype,
        layout: Layout,
        most_pixels: int,
    ) -> None:
        self.source = source
        self.stages = pipeline.stages()
        self.seed = seed
        self.dtype: Dtype = dtype
        self.layout: Layout = layout
        self.most_pixels = most_pixels
        self.pool = _native.Pool(threads)
        self.memory = _native.Recycler(8)

    # -------------------------------------------------------------------------------------------- one group

    def fetch(self, indices: Ints, keys: Ints, stopped: threading.Event) -> Group:
        """Begin to read some records, whose numbers are drawn by their keys.

        Once `stopped` is set, waiting for anything of theirs raises StoppedError.
        """
        records = _native.Records(len(indices))
        files = self.source.stage(records, indices)
        return Group(indices, keys, records, self.pool.fetch(records, files, self.most_pixels), stopped)

    def finish_fetch(self, group: Group) -> None:
        """Wait for the reading, and decode what the native core does not."""
        wait(group.job, group.stopped)
        for row, _, message in group.records.faults():
            group.errors[row] = DecodeError(self._name(group, row), message)
        decoded = self._spread(lambda row: self._decode(group, row), group.records.foreign(), group)
        for row, pixels in decoded.items():
            if isinstance(pixels, DecodeError):
                group.errors[row] = pixels
            else:
                group.records.set_array(row, pixels)

    def plans(self, group: Group, epoch: int) -> Iterator[Plan]:
        """The plan of every stage. What a stage's Python function returned is planned by the next stage."""
        for k, stage in enumerate(self.stages):
            current = self._plan(group, stage, epoch)
            yield current
            if current.host is not None:
                self._call_host(group, current, current.host, last=k == len(self.stages) - 1)

    def final_program(self, group: Group, epoch: int) -> tuple[_native.Program, tuple[int, int], int]:
        """Do everything but the last render: its program, and the height, width and channels of its pictures."""
        current = list(self.plans(group, epoch))[-1]
        color = self.source.color == "rgb"
        channels = self._channels(group)
        if current.host is None:
            size = self._common_size(group, current.sizes)
            return program(current, color=color, dtype=self.dtype, layout=self.layout), size, channels
        size = self._common_size(group, group.records.sizes())
        return (
            store([PLAIN], len(group.indices), color=color, dtype=self.dtype, layout=self.layout),
            size,
            channels,
        )

    def render(
        self,
        group: Group,
        native: _native.Program,
        size: tuple[int, int],
        channels: int,
        first: int,
        portion: Portion,
    ) -> Rendering:
        """Begin to render a portion of a group, whose records stand there from `first` on, into a batch."""
        count = len(portion.records)
        shape = (count, *size, channels) if self.layout == "nhwc" else (count, channels, *size)
        dtype = np.dtype(_NUMPY_DTYPES[self.dtype])
        images = self.memory.take(int(np.prod(shape)) * dtype.itemsize).view(dtype).reshape(shape)
        return Rendering(group, first, portion, images, self.pool.render(group.records, native, first, images))

    def finish_render(self, rendering: Rendering) -> Batch:
        """Wait for a batch. Its bad records are left out and listed."""
        wait(rendering.job)
        group, count = rendering.group, len(rendering.images)
        rows = range(rendering.first, rendering.first + count)
        errors = {row: group.errors[row] for row in rows if row in group.errors}
        for k, kind, message in rendering.job.faults():
            row = rendering.first + k
            if kind == _PLAN_FAULT:
                raise PlanError(f"{self._name(group, row)}: {message}")
            errors.setdefault(row, DecodeError(self._name(group, row), message))
        portion, images = rendering.portion, rendering.images
        indices, keys, padding = portion.records, portion.keys, portion.padding
        if errors:
            good = np.array([row not in errors for row in rows], bool)
            indices, keys, images = indices[good], keys[good], images[good]
            padding = int(good[count - padding :].sum())
        bad = tuple(errors[row] for row in sorted(errors))
        return Batch(images, self.source.targets(indices), indices, keys, padding, bad)

    # -------------------------------------------------------------------------------------------- its parts

    def _plan(self, group: Group, stage: Stage, epoch: int) -> Plan:
        sizes = group.records.sizes()
        if group.errors:  # a bad record takes the place of a good one in the plan, so that it changes nothing
            good = next((row for row in range(len(sizes)) if row not in group.errors), None)
            sizes[list(group.errors)] = (1, 1) if good is None else sizes[good]
        return plan(stage, sizes, group.indices, seed=self.seed, epoch=epoch, keys=group.keys)

    def _call_host(self, group: Group, current: Plan, host: Host, *, last: bool) -> None:
        """Render a stage to 8-bit pictures, and put what the function makes of them in the records' place."""
        channels = self._channels(group)
        color = self.source.color == "rgb"
        pictures = [np.empty((int(h), int(w), channels), np.uint8) for h, w in current.sizes]
        native = program(current, color=color, dtype="uint8", layout="nhwc")
        job = self.pool.render_each(group.records, native, pictures)
        wait(job, group.stopped)
        for row, kind, message in job.faults():
            if kind == _PLAN_FAULT and row not in group.errors:
                raise PlanError(f"{self._name(group, row)}: {message}")
            group.errors.setdefault(row, DecodeError(self._name(group, row), message))
        good = [row for row in range(len(pictures)) if row not in group.errors]
        records = _native.Records(len(pictures))
        made = self._spread(lambda row: np.ascontiguousarray(host(pictures[row], row)), good, group)
        for row, picture in made.items():
            records.set_array(row, picture)
            group.channels = picture.shape[-1]
        # A bad record gets a picture like a good one, so that it changes nothing about their sizes.
        blank = np.zeros_like(next(iter(made.values()), np.zeros((1, 1, channels), np.uint8)))
        for row in group.errors:
            records.set_array(row, blank)
        group.records = records

    def _channels(self, group: Group) -> int:
        if group.channels is None:
            group.channels = self.source.channels
        return group.channels

    def _decode(self, group: Group, row: int) -> NDArray[np.uint8] | DecodeError:
        try:
            from imagefeed.foreign import decode_foreign  # Pillow: not before it is needed

            return decode_foreign(
                group.records.bytes(row),
                self._name(group, row),
                color=self.source.color,
                most_pixels=self.most_pixels,
            )
        except DecodeError as error:
            return error

    def _name(self, group: Group, row: int) -> str:
        return self.source.names(group.indices[row : row + 1])[0]

    def _spread(self, work: Callable[[int], T], rows: Sequence[int], group: Group) -> dict[int, T]:
        return spread(work, rows, self.pool.threads, group.stopped)

    def _common_size(self, group: Group, sizes: Ints) -> tuple[int, int]:
        """The size that the pictures of a group share; a batch has one."""
        other = np.flatnonzero((sizes != sizes[0]).any(axis=1))
        if len(other):
            becomes = " and ".join(
                f"{self._name(group, row)} becomes {sizes[row, 0]}x{sizes[row, 1]}" for row in (0, int(other[0]))
            )
            raise PlanError(
                f"a batch needs pictures of one size, but {becomes}; add Resize((height, width)) to the pipeline"
            )
        return int(sizes[0, 0]), int(sizes[0, 1])


@dataclass(slots=True)
class Group:
    """Records that are fetched and planned together: one batch, or several small ones."""

    indices: Ints
    keys: Ints
    records: _native.Records
    job: _native.Job
    stopped: threading.Event
    errors: dict[int, DecodeError] = field(default_factory=dict[int, DecodeError])
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Rendering:
    """A batch that is being rendered: records `first` and on of a group."""

    group: Group
    first: int
    portion: Portion
    images: NDArray[Any]
    job: _native.Job


class StoppedError(Exception):
    """What was waited for is no longer wanted."""


def wait(job: _native.Job, stopped: threading.Event | None = None) -> None:
    """Wait for native work, in steps short enough for Ctrl-C and for `stopped`."""
    while not job.wait(PATIENCE):
        if stopped is not None and stopped.is_set():
            raise StoppedError


def spread(work: Callable[[int], T], rows: Sequence[int], threads: int, stopped: threading.Event) -> dict[int, T]:
    """`work(row)` for every row, on several threads: Pillow's formats, and a user's functions.

    The threads end with this call. They are daemons, so that the interpreter can end in the middle of one.

    Raises:
        StoppedError: `stopped` was set before all was done.
        Exception: What `work` raised for the first row for which it did.
    """
    left = iter(rows)
    lock = threading.Lock()
    made: dict[int, T] = {}
    errors: dict[int, BaseException] = {}

    def run() -> None:
        while not errors and not stopped.is_set():
            with lock:
                row = next(left, None)
            if row is None:
                return
            try:
                made[row] = work(row)
            except BaseException as error:  # whatever it is, it belongs to whoever called
                errors[row] = error

    workers = [threading.Thread(target=run, name="imagefeed", daemon=True) for _ in range(min(threads, len(rows)))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise errors[min(errors)]
    if len(made) < len(rows):
        raise StoppedError
    return {row: made[row] for row in rows}


# ------------------------------------------------------------------------------------------------ an epoch


class Run:
    """One pass over some batches, computed ahead of whoever takes them."""

    def __init__(self, engine: Engine, groups: Iterator[list[Portion]], *, epoch: int, ahead: int) -> None:
        self._engine = engine
        self._groups = groups
        self._epoch = epoch
        self._ahead = ahead
        self._state = threading.Condition()
        self._ready: deque[Rendering | BaseException] = deque()
        self._closed = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._conduct, name="imagefeed-conductor", daemon=True)
        _open_runs.add(self)
        self._thread.start()

    def __iter__(self) -> Iterator[Batch]:
        try:
            while (item := self._take()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield self._engine.finish_render(item)
        finally:
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
        _open_runs.discard(self)

    def _take(self) -> Rendering | BaseException | None:
        """The next batch in order, or None after the last."""
        with self._state:
            while not self._ready and not self._closed:
                self._state.wait()
            if not self._ready:
                return None
            item = self._ready.popleft()
            self._state.notify_all()
            return item

    def _put(self, item: Rendering | BaseException) -> None:
        with self._state:
            self._ready.append(item)
            self._state.notify_all()

    def _wait_for_room(self) -> bool:
        """Whether another batch is wanted."""
        with self._state:
            while len(self._ready) >= self._ahead and not self._closed:
                self._state.wait()
            return not self._closed

    def _conduct(self) -> None:
        try:
            self._render_all()
        except BaseException as error:  # whatever it is, it belongs to whoever iterates
            self._put(error)
        with self._state:
            while self._ready and not self._closed:
                self._state.wait()
            self._closed = True
            self._state.notify_all()

    def _render_all(self) -> None:
        """Fetch one group ahead of the one that is planned and rendered."""
        fetched: deque[tuple[Group, list[Portion]]] = deque()
        for portions in self._groups:
            if not self._wait_for_room():
                return
            indices = np.concatenate([one.records for one in portions])
            keys = np.concatenate([one.keys for one in portions])
            fetched.append((self._engine.fetch(indices, keys, self._stopped), portions))
            if len(fetched) > 1 and not self._render_group(*fetched.popleft()):
                return
        while fetched:
            if not self._render_group(*fetched.popleft()):
                return

    def _render_group(self, group: Group, portions: Sequence[Portion]) -> bool:
        self._engine.finish_fetch(group)
        native, size, channels = self._engine.final_program(group, self._epoch)
        first = 0
        for portion in portions:
            if not self._wait_for_room():
                return False
            self._put(self._engine.render(group, native, size, channels, first, portion))
            first += len(portion.records)
        return True


_open_runs: weakref.WeakSet[Run] = weakref.WeakSet()


@atexit.register
def _close_runs() -> None:
    """No thread may be inside the native core when the interpreter is taken down."""
    for run in list(_open_runs):
        run.close()
