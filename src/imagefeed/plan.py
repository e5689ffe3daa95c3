"""What a pipeline becomes for a group of records: draws, passes, and the part of each picture that is needed.

Everything is vectorized over the group, so a step costs a few NumPy calls a group and not a few a record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed import rng
from imagefeed.errors import ImagefeedError, PlanError, SpecError
from imagefeed.explain import mix_words, op_words, step_words
from imagefeed.footprint import aligned, footprint
from imagefeed.fusing import fuse
from imagefeed.ops import Blend, ColorMatrix, Effect, Extent, Host, Lut, Mix, Normalize, Op, Warp, Whiten, extent_after
from imagefeed.order import draw_keys
from imagefeed.pipeline import Stage, Step
from imagefeed.transforms.base import Drawn
from imagefeed.types import Array, Namespace

Ints: TypeAlias = NDArray[np.int64]
Pointwise: TypeAlias = ColorMatrix | Lut | Normalize | Whiten | Effect

BoxesAfter: TypeAlias = Callable[[Sequence[Op]], NDArray[np.float64]]
"""Where all boxes of each picture lie after some ops: left, top, right, bottom, (n, 4)."""

# Interpolations that are defined along the axes of the source only.
ONLY_ALIGNED = ("box", "hamming", "bicubic", "lanczos")


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """At most one warp, then other ops, in order. A Normalize and then a Whiten can only be the last ops of
    the last pass.
    """

    warp: Warp | None
    ops: tuple[Pointwise, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What is done to n records in one stage.

    Attributes:
        stage: What was planned.
        records: int64 (n,), the indices of the records.
        sources: int64 (n, 2), the sizes of the pictures that come in, upright and whole.
        sizes: int64 (n, 2), the sizes that leave the last pass.
        passes: At least one; every array's leading axis is n or 1. Matrices are float64, sizes int64, tables
            uint8, all others float32, each C-contiguous. Coordinates are those of the upright, whole picture.
        host: The Python function to be called after the passes, if there is one.
        mix: How the records are mixed after the passes, if they are. Then the plan is for the layers: all first ones,
            all second ones, and so on; and what leaves the passes is the part of each that is seen.
        region: int64 (n, 4), the part (y0, x0, y1, x1) of the source that is needed.
        denominator: int64 (n,), 1, 2, 4 or 8: the picture may be decoded at this fraction of its size.
        drawn: What each step drew.
    """

    stage: Stage
    records: Ints
    sources: Ints
    sizes: Ints
    passes: tuple[Pass, ...]
    host: Host | None
    mix: Mix | None
    region: Ints
    denominator: Ints
    drawn: tuple[Drawn, ...]

    def explain(self, row: int) -> str:
        """What is done to one record, in words: its draws, then the passes that follow from them."""
        height, width = self.sources[row]
        lines = [f"record {self.records[row]}: {height}x{width}"]
        for step, drawn in zip(self.stage.steps, self.drawn, strict=True):
            lines.append("  " + step_words(step.number, step.transform, drawn, row))
        y0, x0, y1, x1 = self.region[row]
        fraction = f" at 1/{self.denominator[row]}" if self.denominator[row] > 1 else ""
        lines.append(f"  read rows {y0} to {y1}, columns {x0} to {x1}{fraction}")
        for number, one in enumerate(self.passes, start=1):
            ops = (one.warp, *one.ops) if one.warp is not None else one.ops
            for op in ops:
                lines.append(f"  pass {number}: {op_words(op, row)}")
        if self.host is not None:
            lines.append(f"  then {op_words(self.host, row)}")
        if self.mix is not None:
            lines.append(f"  then {mix_words(self.mix, row % len(self.mix.weight))}")
        return "\n".join(lines)


def plan(
    stage: Stage,
    sizes: Ints,
    records: Ints,
    *,
    seed: int,
    epoch: int,
    keys: Ints | None = None,
    boxes: BoxesAfter | None = None,
) -> Plan:
    """Plan a stage for a group of records.

    Args:
        stage: One of `pipeline.stages()`.
        sizes: int64 (n, 2), height and width of each picture, upright and whole.
        records: int64 (n,), the indices of the records.
        seed: From 0 to 2**64 - 1.
        epoch: From 0 to 2**64 - 1.
        keys: int64 (n, 2), what numbers are drawn by, see `order.draw_keys`; where it is None the records themselves,
            in batch 0.
        boxes: Where the boxes of each picture lie after some ops; None where nobody knows.

    Raises:
        SpecError: A step lowers to something that cannot be done.
        PlanError: A picture is too large or small for a step.
    """
    drawn = _draw(stage, draw_keys(records, 0) if keys is None else keys, seed, epoch)
    extent = sizes[:, 0].astype(np.float64), sizes[:, 1].astype(np.float64)
    inner = stage.steps[:-1] if stage.partners else stage.steps
    ops = lower(inner, drawn[: len(inner)], extent, np, boxes)
    host = ops.pop()[1] if ops and isinstance(ops[-1][1], Host) else None
    mix = _mixed(stage, ops, drawn[-1], extent) if stage.partners else None
    passes, final = _finished(ops, sizes)
    _check_units(passes[-1].ops, final, records)
    region, denominator = footprint(passes[0].warp, sizes, scalable=stage.scalable)
    return Plan(
        stage=stage,
        records=records,
        sources=sizes,
        sizes=final if len(final) == len(sizes) else np.repeat(final, len(sizes), axis=0),
        passes=passes,
        host=host if isinstance(host, Host) else None,
        mix=mix,
        region=region,
        denominator=denominator,
        drawn=drawn,
    )


def _finished(ops: Sequence[tuple[Step, Op]], sizes: Ints) -> tuple[tuple[Pass, ...], Ints]:
    """The passes of ops, as they are planned for pictures of these sizes, and the sizes that come out, (n or 1, 2)."""
    passes: list[Pass] = []
    final = sizes
    for one in passes_of(ops):
        finished = finish(one, final, len(sizes))
        passes.append(finished)
        final = finished.warp.size if finished.warp is not None else final
    return tuple(passes), final


def partners(stage: Stage, records: Ints, keys: Ints, count: int, *, seed: int, epoch: int) -> tuple[Ints, Ints]:
    """The records that a stage which mixes reads, layer after layer: those that come out, then their partners.

    Args:
        stage: One whose `partners` is not 0.
        records: int64 (n,), the records that come out.
        keys: int64 (n, 2), what their numbers are drawn by. Partners belong to the batch that they come into.
        count: How many records the source has.
        seed: From 0 to 2**64 - 1.
        epoch: From 0 to 2**64 - 1.

    Returns:
        Records and keys, n + n * partners of each.
    """
    drawn = _draw(stage, keys, seed, epoch)[-1]
    numbers: NDArray[np.float64] = stage.steps[-1].transform.chosen_partners(drawn, np)
    chosen: Ints = np.floor(numbers * count).astype(np.int64).T.reshape(-1)
    theirs = np.stack([chosen, np.tile(keys[:, 1], stage.partners)], axis=1)
    return np.concatenate([records, chosen]), np.concatenate([keys, theirs])


def batch_functions(stage: Stage, number: int, *, seed: int, epoch: int) -> list[Host]:
    """The Python functions that are called on a batch.

    Args:
        stage: Of `pipeline.batch_steps()`.
        number: Of the batch in its epoch.
        seed: From 0 to 2**64 - 1.
        epoch: From 0 to 2**64 - 1.
    """
    drawn = _draw(stage, draw_keys(np.array([number], np.int64), number), seed, epoch)
    extent = np.ones(1), np.ones(1)
    pairs = zip(stage.steps, drawn, strict=True)
    return [op for step, values in pairs for op in step.transform.lower(values, extent, np) if isinstance(op, Host)]


def _mixed(stage: Stage, ops: list[tuple[Step, Op]], drawn: Drawn, extent: Extent) -> Mix:
    """The mix at the end of a stage. Every layer's way to its place is added to `ops`, so that it is sampled once."""
    step, layers = stage.steps[-1], stage.partners + 1
    for _, op in ops:
        extent = extent_after(op, extent, np)
    height, width = (np.broadcast_to(side, drawn_count(drawn)).reshape(layers, -1) for side in extent)
    count = height.shape[1]
    first = Drawn(**{name: value[:count] for name, value in vars(drawn).items()})
    mix = step.transform.mix(first, (height.T, width.T), np)
    own = np.stack([height[0], width[0]], axis=-1).astype(np.int64)
    place = np.rint(mix.place).astype(np.int64)
    seen = (place[..., 2:] > place[..., :2]).all(axis=-1)
    mix = replace(
        mix,
        size=own if mix.size is None else np.broadcast_to(mix.size, (count, 2)),
        place=place,
        weight=np.where(seen, mix.weight, 0.0),
    )
    shift = np.broadcast_to(np.eye(3), (*mix.weight.shape, 3, 3)).copy()
    shift[..., 0, 2], shift[..., 1, 2] = place[..., 1], place[..., 0]
    warp = Warp(
        matrix=np.swapaxes(mix.matrix @ shift, 0, 1).reshape(-1, 3, 3),
        size=np.swapaxes(np.maximum(place[..., 2:] - place[..., :2], 1), 0, 1).reshape(-1, 2),
        interpolation="bilinear",
        border=None,
        antialias=mix.antialias,
    )
    fused = fuse(ops[-1][1], warp, np) if ops else None
    if fused is not None:
        ops.pop()
    ops.append((step, warp if fused is None else fused))
    return mix


def drawn_count(drawn: Drawn) -> int:
    """How many records a step drew for."""
    return len(next(iter(vars(drawn).values())))


def _draw(stage: Stage, keys: Ints, seed: int, epoch: int) -> tuple[Drawn, ...]:
    """The values of every step's variables, each with a leading axis of n."""
    own, batch = np.ascontiguousarray(keys.T)
    numbers = rng.uniform(seed, epoch, stage.numbers, stage.counts, own)
    if stage.shared.any():
        of_batch = rng.uniform(seed, epoch, stage.numbers, stage.counts, batch)
        numbers = np.where(stage.shared, of_batch, numbers)
    return drawn_from(stage.steps, numbers, np)


def drawn_from(steps: Sequence[Step], numbers: Array, xp: Namespace) -> tuple[Drawn, ...]:
    """What the steps draw, each from its share of the uniform numbers (n, count of them all)."""
    start = 0
    result: list[Drawn] = []
    for step in steps:
        values: dict[str, Array] = {}
        for name, variable in step.variables.items():
            end = start + variable.count
            values[name] = variable.sample(numbers[:, start:end], xp)
            start = end
        result.append(Drawn(**values))
    return tuple(result)


def lower(
    steps: Sequence[Step], drawn: Sequence[Drawn], extent: Extent, xp: Namespace, boxes: BoxesAfter | None = None
) -> list[tuple[Step, Op]]:
    """The ops of all steps, fused with their neighbors; each with the step that it ends with.

    Args:
        steps: What is to be done.
        drawn: What each step drew.
        extent: Height and width of the pictures that come in, float (n,) or (1,).
        xp: The array API namespace of the drawn values and the extent; they may be traced.
        boxes: As for `plan`.
    """
    result: list[tuple[Step, Op]] = []
    for step, values in zip(steps, drawn, strict=True):
        try:
            if step.transform.sees_boxes:
                values = _with_boxes(values, [op for _, op in result], boxes)
            for op in step.transform.lower(values, extent, xp):
                extent = extent_after(op, extent, xp)
                fused = fuse(result[-1][1], op, xp) if result else None
                if fused is not None:
                    result.pop()
                result.append((step, op if fused is None else fused))
        except ImagefeedError as error:
            raise type(error)(f"{step.where}: {error}") from error
    return result


def _with_boxes(values: Drawn, ops: Sequence[Op], boxes: BoxesAfter | None) -> Drawn:
    if boxes is None:
        raise SpecError("keeps boxes, which only a Loader knows of; leave it out here, as .deterministic() does")
    return Drawn(**vars(values), boxes=boxes(ops))


def passes_of(ops: Sequence[tuple[Step, Op]]) -> list[Pass]:
    """Cut fused ops before every warp but the first. There is always one pass."""
    for step, op in ops:
        if isinstance(op, Host):
            raise SpecError(f"{step.where}: has a Python function before other ops; give it a step of its own")
    return _cut([op for _, op in ops if not isinstance(op, Host)])


def _cut(ops: Sequence[Warp | Pointwise]) -> list[Pass]:
    passes = [Pass(None, ())]
    for op in ops:
        if not isinstance(op, Warp):
            passes[-1] = Pass(passes[-1].warp, (*passes[-1].ops, op))
        elif passes[-1].warp is None and not passes[-1].ops:
            passes[-1] = Pass(op, ())
        else:
            passes.append(Pass(op, ()))
    return passes


def finish(one: Pass, sizes: Ints, count: int) -> Pass:
    """The pass, whose input has the given sizes, with its arrays in the form that a plan promises."""
    warp = one.warp
    if warp is not None:
        matrix = _array(warp.matrix / warp.matrix[:, 2:, 2:], np.float64, count)
        if warp.interpolation in ONLY_ALIGNED and not aligned(matrix).all():
            raise PlanError(
                f"a warp with interpolation {warp.interpolation!r} turns or slants the picture; "
                "use 'bilinear' or 'nearest' for that"
            )
        size = _array(sizes if warp.size is None else warp.size, np.int64, count)
        warp = replace(warp, matrix=matrix, size=size)
    after = sizes if warp is None else warp.size
    return Pass(warp, tuple(_finished_op(op, after, count) for op in one.ops))


def _finished_op(op: Pointwise, sizes: Ints, count: int) -> Pointwise:
    match op:
        case Blend():
            branches = tuple(tuple(finish(one, sizes, count) for one in _cut(ops)) for ops in op.branches)
            return replace(op.in_plan(partial(_array, count=count)), branches=branches)
        case Effect():
            return op.in_plan(partial(_array, count=count))
        case ColorMatrix():
            matrix, low, high = (_array(a, np.float32, count) for a in (op.matrix, op.low, op.high))
            return ColorMatrix(matrix=matrix, low=low, high=high, diagonal=op.diagonal)
        case Lut():
            return Lut(table=_array(op.table, np.uint8, count))
        case Normalize():
            scale, bias = (_array(a, np.float32) for a in np.broadcast_arrays(op.scale, op.bias))
            return replace(op, scale=scale, bias=bias)
        case Whiten():
            synthesis = None if op.synthesis is None else _array(op.synthesis, np.float32)
            return replace(op, analysis=_array(op.analysis, np.float32), synthesis=synthesis)


def _check_units(ops: Sequence[Pointwise], sizes: Ints, records: Ints) -> None:
    """Raise PlanError unless the pictures have the size of the statistics that were measured at every place."""
    for op in ops:
        shape: Any = op.shape if isinstance(op, Whiten) else op.scale.shape if isinstance(op, Normalize) else ()
        if len(shape) < 3:
            continue
        other = np.flatnonzero((sizes != shape[:2]).any(axis=1))
        if len(other):
            row = int(other[0])
            raise PlanError(
                f"{type(op).__name__}: its statistics are of pictures of {shape[0]}x{shape[1]}, but record "
                f"{records[row]} becomes {sizes[row, 0]}x{sizes[row, 1]}; measure what the same steps make of the "
                "pictures, as by Statistics.fit(source, pipeline)"
            )


def _array(array: Any, dtype: type[np.generic], count: int | None = None) -> NDArray[Any]:
    """C-contiguous and of a dtype; with a leading axis of `count` or 1, if it is given."""
    if count is not None and array.shape[0] not in (1, count):
        raise PlanError(f"an op has arrays for {array.shape[0]} records; expected {count}, or 1 for all")
    return np.ascontiguousarray(array, dtype)
