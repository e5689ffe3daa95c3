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
from imagefeed.decode import Color
from imagefeed.errors import DecodeError, PlanError
from imagefeed.follow import Companion, Following, batch_form, companion_program
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
        targets: What goes with the records: None if nothing does, one thing, or a dict of several by name. Each is an
            array with a leading axis of b, or a dict of such arrays (see `imagefeed.targets`).
        indices: int64 (b,), the records.
        keys: int64 (b,), what their numbers were drawn by; see `Order`.
        padding: How many at the end belong to the beginning of the batch, and are there only so that all shards
            have equally many.
        bad: The records that could not be decoded, which are not among them.
    """

    images: NDArray[Any]
    targets: Any
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
        job = self.pool.fetch(records, files, self.most_pixels)
        following = Following(self.pool, self.source.targets(indices), self.most_pixels)
        return Group(indices, keys, records, job, following, stopped)

    def finish_fetch(self, group: Group) -> None:
        """Wait for the reading, and decode what the native core does not."""
        wait(group.job, group.stopped)
        for row, _, message in group.records.faults():
            group.errors[row] = DecodeError(self._name(group, row), message)
        self._decode_foreign(group, group.records, self.source.color, lambda row: self._name(group, row))
        for companion in group.following.companions:
            self._finish_companion(group, companion)
        if group.following.companions:
            for row, error in group.following.mismatched(group.records.sizes(), self._names(group)).items():
                group.errors.setdefault(row, error)

    def plans(self, group: Group, epoch: int) -> Iterator[Plan]:
        """The plan of every stage. What a stage's Python function returned is planned by the next stage."""
        for stage in self.stages:
            current = self._plan(group, stage, epoch)
            if group.following.moves:
                group.following.move(current, self._names(group), list(group.errors))
            yield current
            if current.host is not None:
                self._call_host(group, current, current.host)

    def finish_plan(self, group: Group, epoch: int) -> Final:
        """Do everything but the last render, and say what that is."""
        current = list(self.plans(group, epoch))[-1]
        color = self.source.color == "rgb"
        channels = self._channels(group)
        sizes = group.records.sizes() if current.host is not None else current.sizes
        size = self._common_size(group, sizes)
        group.following.finish(np.array([size] * len(group.indices), np.int64))
        if current.host is None:
            native = program(current, color=color, dtype=self.dtype, layout=self.layout)
        else:
            native = store([PLAIN], len(group.indices), color=color, dtype=self.dtype, layout=self.layout)
        left = None if current.host is not None else current
        parts = [FinalPart("", group.records, native, self.dtype, self.layout, channels)]
        for one in group.following.companions:
            dtype, layout = batch_form(one.target, self.dtype, self.layout)
            count = len(group.indices)
            native = companion_program(left, one.target, count, dtype=dtype, layout=layout, last=True)
            parts.append(FinalPart(one.name, one.records, native, dtype, layout, one.channels))
        return Final(group, size, parts)

    def render(self, final: Final, first: int, portion: Portion) -> Rendering:
        """Begin to render a portion of a group, whose records stand there from `first` on, into a batch."""
        made: list[tuple[str, NDArray[Any], _native.Job]] = []
        count = len(portion.records)
        for part in final.parts:
            shape = (*final.size, part.channels) if part.layout == "nhwc" else (part.channels, *final.size)
            dtype = np.dtype(_NUMPY_DTYPES[part.dtype])
            size = count * int(np.prod(shape)) * dtype.itemsize
            array = self.memory.take(size).view(dtype).reshape(count, *shape)
            made.append((part.name, array, self.pool.render(part.records, part.program, first, array)))
        return Rendering(final.group, first, portion, made)

    def finish_render(self, rendering: Rendering) -> Batch:
        """Wait for a batch. Its bad records are left out and listed."""
        group = rendering.group
        rows = range(rendering.first, rendering.first + len(rendering.portion.records))
        errors = {row: group.errors[row] for row in rows if row in group.errors}
        for _, _, job in rendering.made:
            wait(job)
            for k, kind, message in job.faults():
                row = rendering.first + k
                if kind == _PLAN_FAULT and row not in errors:
                    raise PlanError(f"{self._name(group, row)}: {message}")
                errors.setdefault(row, DecodeError(self._name(group, row), message))
        portion, count = rendering.portion, len(rows)
        arrays = [array for _, array, _ in rendering.made]
        good = np.arange(count)
        padding = portion.padding
        if errors:
            good = np.array([row - rows.start for row in rows if row not in errors], np.int64)
            arrays = [array[good] for array in arrays]
            padding = int((good >= count - padding).sum())
        followed = {name: array for (name, _, _), array in zip(rendering.made[1:], arrays[1:], strict=True)}
        targets = group.following.batch(good + rows.start, followed)
        bad = tuple(errors[row] for row in sorted(errors))
        return Batch(arrays[0], targets, portion.records[good], portion.keys[good], padding, bad)

    # -------------------------------------------------------------------------------------------- its parts

    def _plan(self, group: Group, stage: Stage, epoch: int) -> Plan:
        sizes = group.records.sizes()
        if group.errors:  # a bad record takes the place of a good one in the plan, so that it changes nothing
            good = next((row for row in range(len(sizes)) if row not in group.errors), None)
            sizes[list(group.errors)] = (1, 1) if good is None else sizes[good]
        return plan(stage, sizes, group.indices, seed=self.seed, epoch=epoch, keys=group.keys)

    def _call_host(self, group: Group, current: Plan, host: Host) -> None:
        """Render a stage to 8-bit pictures, and put what the function makes of them in the records' place."""
        channels = self._channels(group)
        color = self.source.color == "rgb"
        native = program(current, color=color, dtype="uint8", layout="nhwc")
        pictures = self._render_each(group, group.records, native, current.sizes, channels)
        good = [row for row in range(len(pictures)) if row not in group.errors]
        made = self._spread(lambda row: np.ascontiguousarray(host(pictures[row], row)), good, group)
        if group.following.moves:
            self._check_unmoved(group, current, made)
        for one in group.following.companions:
            native = companion_program(current, one.target, len(pictures), dtype="uint8", layout="nhwc", last=False)
            moved = self._render_each(group, one.records, native, current.sizes, one.channels)
            one.records = _in_memory(dict(enumerate(moved)), [])
        # A bad record gets a picture like a good one, so that it changes nothing about their sizes.
        group.records = _in_memory(made, list(group.errors))
        group.channels = next(iter(made.values())).shape[-1] if made else channels

    def _render_each(
        self, group: Group, records: _native.Records, native: _native.Program, sizes: Ints, channels: int
    ) -> list[NDArray[np.uint8]]:
        """Pictures of several sizes, in 8 bits."""
        pictures = [np.empty((int(h), int(w), channels), np.uint8) for h, w in sizes]
        job = self.pool.render_each(records, native, pictures)
        wait(job, group.stopped)
        for row, kind, message in job.faults():
            if kind == _PLAN_FAULT and row not in group.errors:
                raise PlanError(f"{self._name(group, row)}: {message}")
            group.errors.setdefault(row, DecodeError(self._name(group, row), message))
        return pictures

    def _check_unmoved(self, group: Group, current: Plan, made: dict[int, NDArray[np.uint8]]) -> None:
        """Targets cannot follow a Python function, so it must leave the size of a picture alone."""
        for row, picture in made.items():
            before = tuple(current.sizes[row].tolist())
            if picture.shape[:2] != before:
                step = current.stage.steps[-1]
                raise PlanError(
                    f"steps[{step.number}] {step.transform!r}: made {self._name(group, row)} {picture.shape[0]}x"
                    f"{picture.shape[1]} of {before[0]}x{before[1]}, which its boxes, points and masks cannot follow; "
                    "use a transform for geometry"
                )

    def _channels(self, group: Group) -> int:
        if group.channels is None:
            group.channels = self.source.channels
        return group.channels

    def _finish_companion(self, group: Group, companion: Companion) -> None:
        """Wait for the masks or second pictures of a group; what is wrong with one is wrong with its record."""

        def name(row: int) -> str:
            return companion.target.name(row, self._name(group, row))

        wait(companion.job, group.stopped)
        for row, _, message in companion.records.faults():
            group.errors.setdefault(row, DecodeError(name(row), message))
        self._decode_foreign(group, companion.records, companion.color, name)

    def _decode_foreign(self, group: Group, records: _native.Records, color: Color, name: Callable[[int], str]) -> None:
        """Decode by Pillow what the native core does not."""

        def decode(row: int) -> NDArray[np.uint8] | DecodeError:
            from imagefeed.foreign import decode_foreign  # Pillow: not before it is needed

            try:
                return decode_foreign(records.bytes(row), name(row), color=color, most_pixels=self.most_pixels)
            except DecodeError as error:
                return error

        for row, pixels in self._spread(decode, records.foreign(), group).items():
            if isinstance(pixels, DecodeError):
                group.errors.setdefault(row, pixels)
            else:
                records.set_array(row, pixels)

    def _names(self, group: Group) -> list[str]:
        return self.source.names(group.indices)

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
    following: Following
    stopped: threading.Event
    errors: dict[int, DecodeError] = field(default_factory=dict[int, DecodeError])
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class FinalPart:
    """What a batch holds of a group under one name; "" for the pictures themselves."""

    name: str
    records: _native.Records
    program: _native.Program
    dtype: Dtype
    layout: Layout
    channels: int


@dataclass(frozen=True, slots=True)
class Final:
    """A group that is ready to be rendered into batches of pictures of one size."""

    group: Group
    size: tuple[int, int]
    parts: list[FinalPart]


@dataclass(frozen=True, slots=True)
class Rendering:
    """A batch that is being rendered: a portion of a group from `first` on, in an array for every part."""

    group: Group
    first: int
    portion: Portion
    made: list[tuple[str, NDArray[Any], _native.Job]]


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
        final = self._engine.finish_plan(group, self._epoch)
        first = 0
        for portion in portions:
            if not self._wait_for_room():
                return False
            self._put(self._engine.render(final, first, portion))
            first += len(portion.records)
        return True


def _in_memory(pictures: dict[int, NDArray[np.uint8]], blank: Sequence[int]) -> _native.Records:
    """Records of pictures; those of the rows `blank` are black and like the first."""
    records = _native.Records(len(pictures) + len(blank))
    for row, picture in pictures.items():
        records.set_array(row, picture)
    like = np.zeros_like(next(iter(pictures.values()), np.zeros((1, 1, 3), np.uint8)))
    for row in blank:
        records.set_array(row, like)
    return records


_open_runs: weakref.WeakSet[Run] = weakref.WeakSet()


@atexit.register
def _close_runs() -> None:
    """No thread may be inside the native core when the interpreter is taken down."""
    for run in list(_open_runs):
        run.close()
