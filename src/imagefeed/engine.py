"""Records to batches: fetch, plan, render.

Whoever conducts (see run.py) asks the native threads to read files, plans what was read, and asks them to render it
into the slots of a batch. Python never touches a pixel, and holds the GIL for little more than the planning.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.budget import Budget
from imagefeed.cache import HEADER, Bytes, Cache
from imagefeed.errors import DecodeError, PlanError
from imagefeed.follow import batch_form, companion_program
from imagefeed.group import Batch, Final, FinalPart, Group, Rendering
from imagefeed.memory import available_cores
from imagefeed.meter import Meter
from imagefeed.ops import Op
from imagefeed.order import Portion, draw_keys, portions_keys
from imagefeed.pipeline import Pipeline, Stage
from imagefeed.plan import Plan, batch_functions, partners, plan
from imagefeed.program import PLAIN, program, store
from imagefeed.reading import Reading
from imagefeed.sources import Source
from imagefeed.stage_end import PLAN_FAULT, StageEnd
from imagefeed.tuning import Tuner
from imagefeed.types import Dtype, Layout, numpy_dtype
from imagefeed.waiting import wait

if TYPE_CHECKING:
    from imagefeed.keeper import Found, Keeper
    from imagefeed.report import Report

Ints = NDArray[np.int64]

# Values of small batches that are rendered by one call: beginning one, and waking threads for it, takes as long as
# some ten pictures of 32x32 do.
RENDERED_TOGETHER = 1 << 20
# Records whose pictures are in memory already that are planned together; an eighth of it for others.
PLANNED_TOGETHER = 1024
# What is rendered by one call may be many small batches. Several calls are ahead then, so that the native threads have
# work while the next records are planned.
CALLS_AHEAD = 6


class Memory(Protocol):
    """What gives the memory of batches, which comes back to it."""

    def take(self, count: int, /) -> NDArray[np.uint8]:
        """Memory of some bytes."""
        ...


class Engine:
    """What turns records into batches; made once by a loader, used by every epoch."""

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        *,
        threads: int | Literal["auto"],
        seed: int,
        dtype: Dtype,
        layout: Layout,
        most_pixels: int,
        cache: Cache | None = None,
        processes: int = 0,
        memory: int | str | None = None,
    ) -> None:
        self.source = source
        self.seed = seed
        self.dtype: Dtype = dtype
        self.layout: Layout = layout
        self.most_pixels = most_pixels
        count = available_cores() if threads == "auto" else threads
        self.tuner = Tuner(count) if threads == "auto" else None
        self.pool = _native.Pool(count)
        self.budget = Budget.of(memory, cache)
        self.pool.limit_memory(self.budget.decoding)
        self.batches_ahead = 0
        self.memory: Memory = _native.Recycler(8)
        self.meter = Meter()
        self._reading = Reading(source, self.pool, self.meter, most_pixels)
        self._end = StageEnd(source, self.pool, self.meter, processes)
        self._held = 0 if source.in_memory else self.budget.group  # by a record of the last group
        self._made_each = 0  # by a picture that was made for the cache
        self.stages = pipeline.stages()
        self.of_batches = Stage.of(pipeline.batch_steps(), scalable=False)
        """The steps that work on whole batches."""
        self.keeper: Keeper | None = None
        if cache is not None:
            from imagefeed.keeper import opened  # not before a cache is asked for

            self.keep(opened(source, pipeline, cache, self.sizes, self.budget.cache))

    def keep(self, keeper: Keeper) -> None:
        """Keep pictures, and go on from what is kept."""
        self.keeper, self.stages = keeper, keeper.point.after

    @property
    def planned_together(self) -> int:
        """How many records are best planned together, by what the last ones took of memory.

        Planning costs about the same for one as for a few hundred. But the encoded pictures of a group are in memory
        together, and so is what a stage makes at its end.
        """
        if self.source.in_memory:
            return PLANNED_TOGETHER
        if len(self.stages) > 1:
            return 1
        return min(PLANNED_TOGETHER // 8, self.budget.group // self._held) if self._held else PLANNED_TOGETHER

    # -------------------------------------------------------------------------------------------- one group

    def fetch(self, portions: Sequence[Portion], stopped: threading.Event) -> Group:
        """Begin to read the records of some batches of one epoch, and those that are mixed into them.

        Once `stopped` is set, waiting for anything of theirs raises StoppedError.
        """
        epoch = portions[0].epoch
        indices = np.concatenate([one.records for one in portions])
        mixed = [(indices, portions_keys(portions))]  # what comes out of each stage that mixes, the last one first
        for stage in reversed(self.stages):
            if stage.partners:
                count = len(self.source)
                mixed.append(partners(stage, *mixed[-1], count, seed=self.seed, epoch=epoch))
        group = self._fetch(*mixed.pop(), stopped)
        group.mixed, group.epoch = mixed, epoch
        return group

    def _fetch(self, indices: Ints, keys: Ints, stopped: threading.Event) -> Group:
        with self.meter.span("fetch", len(indices)):
            following = self._reading.following(self.source.targets(indices))
            if self.keeper is None:
                return self._reading.begin(indices, keys, following, stopped)
            records = _native.Records(len(indices))
            found = self.keeper.find(records, indices)
            job = self.pool.fetch(records, (), self.most_pixels)
            group = Group(indices, keys, records, job, following, stopped, found=found)
            self._read_missing(group, found.missing)
            return group

    def finish_fetch(self, group: Group) -> None:
        """Wait for the reading, and decode what the native core does not."""
        damaged = self._reading.faults(group)
        if group.found is not None:
            self._finish_missing(group, group.found, damaged)
        self._reading.finish(group)
        made = self._made_each * sum(len(rows) for rows, _ in group.missing)
        self._held = 0 if self.source.in_memory else (group.held_bytes() + made) // len(group.indices)

    def sizes(self, indices: Ints) -> Ints:
        """The sizes of some stored pictures, int64 (n, 2); 0 for those that cannot be read."""
        group = self._reading.begin(indices, draw_keys(indices, 0), self._reading.following(None), threading.Event())
        self.finish_fetch(group)
        sizes = group.records.sizes()
        sizes[list(group.errors)] = 0
        return sizes

    def fill(self, indices: Ints) -> tuple[DecodeError, ...]:
        """Put some records into the cache; what could not be read."""
        if self.keeper is None:
            return ()
        group = self._fetch(indices, draw_keys(indices, 0), threading.Event())
        self.finish_fetch(group)
        self._finish_kept(group, self.keeper, self._plan(group, self.keeper.point.before))
        self.keeper.store.flush()
        return tuple(group.errors.values())

    def plans(self, group: Group, *, brief: bool = False) -> Iterator[Plan]:
        """The plan of every stage. What a stage makes at its end, by a Python function or by mixing, is planned by the
        next one. `brief` leaves out how kept pictures were made, where all of them are there and nothing follows.
        """
        if brief and group.found is not None and not group.missing and not group.following.moves:
            group.kept = True
        elif self.keeper is not None and group.found is not None:
            current = self._plan(group, self.keeper.point.before)
            group.following.move(current)
            yield current
            self._finish_kept(group, self.keeper, current)
        for stage in self.stages:
            current = self._plan(group, stage)
            group.following.move(current)
            yield current
            if current.host is not None:
                self._end.call_host(group, current, current.host)
            if current.mix is not None:
                self._end.mix(group, current, current.mix)

    def finish_plan(self, group: Group) -> Final:
        """Do everything but the last render, and say what that is."""
        current = list(self.plans(group, brief=True))[-1]
        made = current.host is not None or current.mix is not None
        color = self.source.color == "rgb"
        channels = self._end.channels(group)
        sizes = group.records.sizes() if made else current.sizes
        group.following.finish(sizes)
        if not made:
            native = program(current, color=color, dtype=self.dtype, layout=self.layout)
        else:
            native = store([PLAIN], len(group.indices), color=color, dtype=self.dtype, layout=self.layout)
        left = None if made else current
        parts = [FinalPart("", group.records, native, self.dtype, self.layout, channels)]
        for one in group.following.companions:
            dtype, layout = batch_form(one.target, self.dtype, self.layout)
            count = len(group.indices)
            native = companion_program(left, one.target, count, dtype=dtype, layout=layout, last=True)
            parts.append(FinalPart(one.name, one.records, native, dtype, layout, one.channels))
        return Final(group, sizes, parts)

    def together(self, final: Final, first: int, portions: Sequence[Portion]) -> int:
        """How many of some portions of a group, whose records stand there from `first` on, are best rendered by one
        call: pictures of one size, and not too many values."""
        ends = [*accumulate((len(portion.records) for portion in portions), initial=first)][1:]
        height, width = self._common_size(final, range(first, ends[0]))
        values = sum(height * width * part.channels for part in final.parts)
        last = first + RENDERED_TOGETHER // max(1, values)
        if final.one_size is None:
            others = (final.sizes != (height, width)).any(axis=1).nonzero()[0]
            if (later := others[others >= ends[0]]).size:
                last = min(last, int(later[0]))
        return max(1, sum(end <= last for end in ends))

    def ahead(self, final: Final, first: int, portion: Portion, together: int, prefetch: int) -> int:
        """How many batches like a portion of a group may be ahead: `prefetch`, or some calls of `together` where that
        is more, as far as the memory allows.

        Raises:
            SpecError: It does not allow one.
        """
        count = len(portion.records)
        size = self._common_size(final, range(first, first + count))
        batch = count * sum(part.record_bytes(size) for part in final.parts)
        apart = self.source.in_memory and len(self.stages) == 1  # in the caller's arrays
        files = 0 if apart else final.group.held_bytes() * count // len(final.group.indices)
        self.batches_ahead = self.budget.ahead(max(prefetch, CALLS_AHEAD * together), batch, files)
        return self.batches_ahead

    def count(self, images: int, bad: int, nanoseconds: int, waited: int) -> None:
        """Take note of a batch that has been handed out, and of the time since the one before."""
        self.meter.images += images
        self.meter.batches += 1
        self.meter.bad += bad
        if self.tuner is None:
            return
        before = self.tuner.threads
        if self.keeper is not None and self.keeper.grows():  # what comes from a cache is other work
            self.tuner.begin_anew()
        self.tuner.note(images, nanoseconds, waited)
        if self.tuner.threads != before:
            self.pool.set_threads(self.tuner.threads)

    def report(self) -> Report:
        """Where the time went."""
        from imagefeed.report import report_of  # only who asks needs it

        keeper, budget = self.keeper, self.budget
        memory = {"total": budget.total, "decoding": budget.decoding, "moving": budget.moving, "cache": budget.cache}
        return report_of(
            self.meter,
            self.pool.times(),
            self.pool.threads,
            hits=0 if keeper is None else keeper.hits,
            misses=0 if keeper is None else keeper.misses,
            tried={} if self.tuner is None else dict(self.tuner.tried),
            memory=memory | {"cached": keeper.store.size if keeper is not None and budget.cache else 0},
            ahead=self.batches_ahead,
        )

    def render(self, final: Final, first: int, portions: Sequence[Portion]) -> list[Rendering]:
        """Begin to render portions of a group, whose records stand there from `first` on, into a batch each.

        Raises:
            PlanError: Their pictures are not of one size.
        """
        ends = [*accumulate((len(portion.records) for portion in portions), initial=0)]
        count = ends[-1]
        size = self._common_size(final, range(first, first + count))
        names: list[str] = []
        arrays: list[NDArray[Any]] = []
        parts: list[tuple[_native.Records, _native.Program, NDArray[Any]]] = []
        for part in final.parts:
            dtype = numpy_dtype(part.dtype)
            memory = self.memory.take(count * part.record_bytes(size))
            plain = np.uint16 if part.dtype == "bfloat16" else dtype  # what the native core has a name for
            array = memory.view(plain).reshape(count, *part.shape(size))
            names.append(part.name)
            arrays.append(array.view(dtype))
            parts.append((part.records, part.program, array))
        (records, native, array), *beside = parts
        job = self.pool.render(records, native, first, array, beside)
        return [
            Rendering(
                final.group,
                first + begin,
                portion,
                [(name, array[begin:end]) for name, array in zip(names, arrays, strict=True)],
                job,
                first,
            )
            for portion, (begin, end) in zip(portions, pairwise(ends), strict=True)
        ]

    def finish_render(self, rendering: Rendering) -> Batch:
        """Wait for a batch, and call the Python functions of whole batches. Bad records are left out and listed."""
        group = rendering.group
        rows = range(rendering.first, rendering.first + len(rendering.portion.records))
        errors = {row: group.errors[row] for row in rows if row in group.errors} if group.errors else {}
        wait(rendering.job)
        for part in range(len(rendering.made)):
            for k, kind, message in rendering.job.faults(part):
                row = rendering.job_first + k
                if row not in rows:
                    continue
                if kind == PLAN_FAULT and row not in errors:
                    raise PlanError(f"{self._reading.name(group, row)}: {message}")
                name = group.following.name(part, row, self._reading.name(group, row))
                errors.setdefault(row, DecodeError(name, message))
        portion, made, padding = rendering.portion, rendering.made, rendering.portion.padding
        indices, keys, lost = portion.records, portion.keys, np.empty(0, np.int64)
        good = np.arange(rows.start, rows.stop)
        if errors:
            lost = np.array(sorted(errors), np.int64) - rows.start
            kept = np.delete(np.arange(len(rows)), lost)
            made = [(name, array[kept]) for name, array in made]
            indices, keys, good = indices[kept], keys[kept], good[kept]
            padding = int((kept >= len(rows) - padding).sum())
        (_, images), *followed = made
        targets = group.following.batch(good, dict(followed))
        if len(images) and self.of_batches.steps:
            images, targets = self._call_on_batch(group.epoch, portion.number, images, targets)
        bad = tuple(errors[row] for row in sorted(errors))
        return Batch(images, targets, indices, keys, padding, bad, lost, portion)

    @property
    def batches_at_once(self) -> int:
        """How many batches Python functions of whole batches work on at the same time; 0 where there are none."""
        return self._end.at_once if self.of_batches.steps else 0

    def _call_on_batch(self, epoch: int, number: int, images: NDArray[Any], targets: Any) -> tuple[NDArray[Any], Any]:
        for host in batch_functions(self.of_batches, number, seed=self.seed, epoch=epoch):
            with self.meter.span("function", len(images)):
                images, targets = self._end.call(host, (images, targets), 0)
        return images, targets

    # -------------------------------------------------------------------------------------------- its parts

    def _read_missing(self, group: Group, rows: Ints) -> None:
        """Begin to read what the cache does not have of a group."""
        if len(rows):
            alone = self._reading.following(None)
            part = self._reading.begin(group.indices[rows], group.keys[rows], alone, group.stopped)
            group.missing.append((rows, part))

    def _finish_missing(self, group: Group, found: Found, damaged: Sequence[int]) -> None:
        """Wait for what the cache does not have; what it has but damaged is read now."""
        if self.keeper is not None:
            for row in damaged:
                self.keeper.note_damaged(found.keys[row])
        self._read_missing(group, np.array(damaged, np.int64))
        for rows, part in group.missing:
            self.finish_fetch(part)
            found.sizes[rows] = part.records.sizes()
            group.errors |= {int(rows[k]): error for k, error in part.errors.items()}

    def _finish_kept(self, group: Group, keeper: Keeper, current: Plan) -> None:
        """Bring a group to where the cache has it: make what is missing, and let the masks follow."""
        if group.missing:
            with self.meter.span("cache", sum(len(rows) for rows, _ in group.missing)):
                for rows, part in group.missing:
                    self._make_missing(group, keeper, rows, part)
                # What has been made is JPEG perhaps, whose headers have yet to be read.
                wait(self.pool.fetch(group.records, (), self.most_pixels), group.stopped)
        if keeper.point.before.steps:
            self._end.move_companions(group, current)
        group.missing.clear()
        group.kept = True

    def _make_missing(self, group: Group, keeper: Keeper, rows: Ints, part: Group) -> None:
        """Make what the cache does not have, keep it, and put it into the group."""
        found, channels = group.found, self._end.channels(group)
        if found is None:
            return
        todo = self._plan(part, keeper.point.before)
        values = [np.empty(HEADER + int(h * w) * channels, np.uint8) for h, w in todo.sizes.tolist()]
        pictures = [value[HEADER:].reshape(*size, channels) for value, size in zip(values, todo.sizes, strict=True)]
        self._made_each = sum(value.nbytes for value in values) // len(values)
        group.made += self._made_each * len(values)
        self._end.render(part, [self._end.pictures(part, todo, "uint8")], [pictures])

        def seal(k: int) -> Bytes:
            height, width = todo.sizes[k].tolist()
            source = int(todo.sources[k, 0]), int(todo.sources[k, 1])
            return keeper.seal(values[k], (height, width, channels), source)

        good = [k for k in range(len(rows)) if k not in part.errors]
        made: list[Bytes | None] = [None] * len(group.indices)
        for k, value in self._reading.spread(seal, good, group).items():
            row = int(rows[k])
            keeper.keep(found.keys[row], value)
            made[row] = value
        group.records.set_sealed(made, False)
        group.errors |= {int(rows[k]): error for k, error in part.errors.items()}

    def _plan(self, group: Group, stage: Stage) -> Plan:
        with self.meter.span("plan", len(group.indices)):
            return self._planned(group, stage)

    def _planned(self, group: Group, stage: Stage) -> Plan:
        sizes = group.sizes()
        if group.errors:  # a bad record takes the place of a good one in the plan, so that it changes nothing
            good = next((row for row in range(len(sizes)) if row not in group.errors), None)
            sizes[list(group.errors)] = (1, 1) if good is None else sizes[good]
        following = group.following
        following.begin(sizes, lambda: self._reading.names(group), list(group.errors))

        def boxes(ops: Sequence[Op]) -> NDArray[np.float64]:
            return following.hulls(ops, sizes)

        return plan(stage, sizes, group.indices, seed=self.seed, epoch=group.epoch, keys=group.keys, boxes=boxes)

    def _common_size(self, final: Final, rows: range) -> tuple[int, int]:
        """The size that the pictures of some rows share, since they are a batch; bad ones have none."""
        if final.one_size is not None:
            return final.one_size
        good = [row for row in rows if row not in final.group.errors] if final.group.errors else rows
        sizes = final.sizes[good] if len(good) else final.sizes[rows[:1]]
        other = np.flatnonzero((sizes != sizes[0]).any(axis=1))
        if len(other):
            becomes = " and ".join(
                f"{self._reading.name(final.group, good[k])} becomes {sizes[k, 0]}x{sizes[k, 1]}"
                for k in (0, int(other[0]))
            )
            raise PlanError(
                f"a batch needs pictures of one size, but {becomes}; add Resize((height, width)) to the pipeline"
            )
        return int(sizes[0, 0]), int(sizes[0, 1])
