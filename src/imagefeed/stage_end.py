"""What a stage makes at its end, where that is not the batch: for a Python function, for the cache, or to be mixed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.errors import DecodeError, PlanError, SpecError
from imagefeed.follow import companion_program
from imagefeed.group import Group, in_memory
from imagefeed.meter import Meter
from imagefeed.mixing import Canvas, lay_layer
from imagefeed.ops import Host, Mix
from imagefeed.plan import Plan
from imagefeed.program import program
from imagefeed.sources import Source
from imagefeed.stored import LevelsDtype
from imagefeed.targets import Mask
from imagefeed.types import numpy_dtype
from imagefeed.waiting import spread, wait

if TYPE_CHECKING:
    from imagefeed.processes import Functions

Ints = NDArray[np.int64]
PLAN_FAULT = 4


@dataclass(frozen=True, slots=True)
class Layer:
    """The pictures of a group, or what goes with them under one name, and what a stage does to them."""

    records: _native.Records
    program: _native.Program
    channels: int
    dtype: LevelsDtype
    part: int = 0
    """0 for the pictures; 1, 2, ... for what goes with them."""

    def empty(self, sizes: Ints) -> list[NDArray[Any]]:
        """Room for pictures of some sizes."""
        return [np.empty((int(h), int(w), self.channels), numpy_dtype(self.dtype)) for h, w in sizes]


class StageEnd:
    """Renders what a stage makes, and puts what becomes of it in the records' place."""

    def __init__(self, source: Source, pool: _native.Pool, meter: Meter, processes: int) -> None:
        self._source = source
        self._pool = pool
        self._meter = meter
        self._functions = _functions(processes) if processes else None

    @property
    def at_once(self) -> int:
        """How many Python functions run at the same time."""
        return self._pool.threads if self._functions is None else self._functions.count

    def call(self, host: Host, given: Any, row: int) -> Any:
        """Call a Python function, in this thread or in a process."""
        return host(given, row) if self._functions is None else self._functions.call(host, given, row)

    def call_host(self, group: Group, current: Plan, host: Host) -> None:
        """Render a stage to pictures and masks, and put what the function makes of them in the records' place."""
        layers = self._layers(group, current)
        made = [layer.empty(current.sizes) for layer in layers]
        self.render(group, layers, made)
        good = [row for row in range(len(current.sizes)) if row not in group.errors]
        with self._meter.span("function", len(good)):
            if host.on == "mask":
                self._call_on_masks(group, host, made[1:], good)
            else:
                self._call_on_pictures(group, current, host, made[0], good)
        # A bad record gets a picture like a good one, so that it changes nothing about their sizes.
        group.records = in_memory({row: made[0][row] for row in good}, list(group.errors))
        group.channels = made[0][good[0]].shape[-1] if good else layers[0].channels
        self._follow(group, made[1:])

    def move_companions(self, group: Group, current: Plan) -> None:
        """Render the masks and second pictures of a group by a plan that is not the last."""
        layers = self._layers(group, current)[1:]
        if layers:
            made = [layer.empty(current.sizes) for layer in layers]
            self.render(group, layers, made)
            self._follow(group, made)

    def mix(self, group: Group, current: Plan, mix: Mix) -> None:
        """Render the layers of a stage, and put the mixed pictures and their masks in the records' place."""
        following = group.following
        through = following.cut_out_by(mix)
        following.renumber(mix)
        layers = self._layers(group, current)
        canvases = [Canvas.of(mix, layer.channels, numpy_dtype(layer.dtype)) for layer in layers]
        laid: list[NDArray[np.bool_]] | None = None
        count = len(mix.weight)
        for number in range(mix.weight.shape[1]):
            parts = [canvas.places(number) for canvas in canvases]
            before: list[NDArray[Any] | None] = [None] * (number * count)
            after: list[NDArray[Any] | None] = [None] * (len(group.indices) - len(before) - count)
            self.render(group, layers, [[*before, *outs, *after] for outs, _ in parts])
            masks = parts[1 + through][0] if through is not None and number else [None] * count
            lay_layer(canvases, parts, masks, number, lambda work, chosen: self._spread(work, chosen, group))
            if through is not None and number:
                laid = [canvases[0].laid(row, number, mask) for row, mask in enumerate(masks)]
        following.mix(current, mix, laid)
        self._follow(group, [canvas.pictures for canvas in canvases[1:]])
        group.records = in_memory(dict(enumerate(canvases[0].pictures)), [])
        errors = {row % count: error for row, error in sorted(group.errors.items(), reverse=True)}
        group.errors.clear()
        group.errors.update(errors)
        group.indices, group.keys = group.mixed.pop()

    def render(self, group: Group, layers: Sequence[Layer], outs: Sequence[Sequence[NDArray[Any] | None]]) -> None:
        """Render pictures of several sizes, and what goes with each, by one native call.

        Args:
            group: Where it is noted what goes wrong with one.
            layers: What is rendered.
            outs: Where to, for each layer; None for nothing.
        """
        first, *beside = [(one.records, one.program, out) for one, out in zip(layers, outs, strict=True)]
        job = self._pool.render_each(*first, beside)
        wait(job, group.stopped)
        for number, layer in enumerate(layers):
            for row, kind, message in job.faults(number):
                if kind == PLAN_FAULT and row not in group.errors:
                    raise PlanError(f"{self._name(group, row)}: {message}")
                name = group.following.name(layer.part, row, self._name(group, row))
                group.errors.setdefault(row, DecodeError(name, message))

    def channels(self, group: Group) -> int:
        """How many channels the pictures of a group have."""
        if group.channels is None:
            group.channels = self._source.channels
        return group.channels

    def pictures(self, group: Group, current: Plan, dtype: LevelsDtype) -> Layer:
        """The pictures of a group, and what a stage does to them."""
        native = program(current, color=self._source.color == "rgb", dtype=dtype, layout="nhwc")
        return Layer(group.records, native, self.channels(group), dtype)

    # -------------------------------------------------------------------------------------------- its parts

    def _layers(self, group: Group, current: Plan) -> list[Layer]:
        """The pictures of a group, and everything that goes with them."""
        result = [self.pictures(group, current, self._source.levels_dtype)]
        for part, one in enumerate(group.following.companions, 1):
            dtype, count = one.levels_dtype, len(group.indices)
            native = companion_program(
                current, one.target, count, dtype=dtype, layout="nhwc", last=False, shift=one.shift
            )
            result.append(Layer(one.records, native, one.channels, dtype, part))
        return result

    def _follow(self, group: Group, made: Sequence[Sequence[NDArray[Any]]]) -> None:
        """Put what was made of what goes with the pictures in its place."""
        for one, pictures in zip(group.following.companions, made, strict=True):
            one.records = in_memory(dict(enumerate(pictures)), [])
            one.shift = None

    def _call_on_pictures(
        self, group: Group, current: Plan, host: Host, pictures: list[NDArray[Any]], rows: Sequence[int]
    ) -> None:
        for row, picture in self._called(host, pictures.__getitem__, rows, group).items():
            if group.following.moves and picture.shape[:2] != pictures[row].shape[:2]:
                raise self._moved(group, current, row, picture.shape)
            pictures[row] = picture

    def _call_on_masks(
        self, group: Group, host: Host, others: Sequence[list[NDArray[Any]]], rows: Sequence[int]
    ) -> None:
        companions = group.following.companions
        masks = [made for one, made in zip(companions, others, strict=True) if isinstance(one.target, Mask)]
        if not masks and group.following.has_targets:
            raise SpecError(f"{host.name}: works on masks, but there are none among the targets")

        def given(row: int) -> list[NDArray[Any]]:
            return [made[row][..., 0] for made in masks]

        if masks:  # a picture to predict from has none
            for row, results in self._called(host, given, rows, group).items():
                for made, result in zip(masks, results, strict=True):
                    made[row] = result[..., None]

    def _called(self, host: Host, given: Callable[[int], Any], rows: Sequence[int], group: Group) -> dict[int, Any]:
        """What a Python function makes of what it is given for some rows, in threads or in processes."""
        return spread(lambda row: self.call(host, given(row), row), rows, self.at_once, group.stopped)

    def _moved(self, group: Group, current: Plan, row: int, shape: tuple[int, ...]) -> PlanError:
        """Targets cannot follow a Python function, so it must leave the size of a picture alone."""
        step, before = current.stage.steps[-1], current.sizes[row].tolist()
        return PlanError(
            f"steps[{step.number}] {step.transform!r}: made {self._name(group, row)} {shape[0]}x{shape[1]} of "
            f"{before[0]}x{before[1]}, which its boxes, points and masks cannot follow; use a transform for geometry"
        )

    def _name(self, group: Group, row: int) -> str:
        return self._source.names(group.indices[row : row + 1])[0]

    def _spread(self, work: Callable[[int], object], rows: Sequence[int], group: Group) -> dict[int, object]:
        return spread(work, rows, self._pool.threads, group.stopped)


def _functions(count: int) -> Functions:
    from imagefeed.processes import Functions  # multiprocessing: not before it is needed

    return Functions(count)
