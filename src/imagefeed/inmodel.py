"""A pipeline as a function of a batch, for any array library: what every in-model form is made of.

The transforms are lowered a second time, over arrays that a framework traces. What decides the shape of the
computation cannot wait for traced numbers, so it is found beforehand, from the ops that the same transforms give in
NumPy for many draws: which ops are the same for all records, and the route of every warp.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed.array_ops import Route, apply, dims, route, row_of
from imagefeed.effects import Jpeg
from imagefeed.errors import PlanError, SpecError
from imagefeed.footprint import aligned
from imagefeed.ops import Blend, Normalize, Op, Whiten
from imagefeed.pipeline import Pipeline, Step, shared_numbers
from imagefeed.plan import Pass, Pointwise, drawn_from, finish, lower, passes_of
from imagefeed.types import Array, Namespace, Size
from imagefeed.variables import Bernoulli, Choice, Variable

Floats: TypeAlias = NDArray[np.float64]

# How many draws are looked at, for each size of picture; the sizes stand for all, where it is not known.
DRAWS = 512
SIZES: tuple[Size, ...] = ((240, 320), (320, 240), (96, 96), (64, 512), (512, 64), (17, 23))
UNITS = (Normalize, Whiten)
"""The ops that leave the levels, which all records share."""

LOADER_ONLY: dict[type, str] = {
    Blend: "chains of ops that are blended differ from picture to picture",
    Jpeg: "pictures are made into files and back",
}
"""The ops that no framework does, and why."""

_ALMOST_ONE = 1.0 - 2.0**-53


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is known of a pass before its numbers are.

    Attributes:
        known: The pass, for one record; its arrays hold where `constant` says so.
        constant: Whether an op is the same for all records: of the warp, then of each other op.
        way: The route of the warp.
    """

    known: Pass
    constant: tuple[bool, ...]
    way: Route | None


class InModel:
    """A pipeline as a pure function: pictures and uniform numbers in, pictures out.

    Attributes:
        count: How many uniform numbers a record takes; 0 where nothing is random.
        statistics: The arrays, float32, that a Normalize at the end holds: what a model keeps as weights.
    """

    # What a form for a framework cannot do; NumPy does all but Blend.
    refuses: ClassVar[Collection[type]] = (Blend,)

    def __init__(self, pipeline: Pipeline) -> None:
        """Check that a model can hold the pipeline.

        Raises:
            SpecError: A step is a Python function, or something else that only a Loader does.
        """
        for number, step in enumerate(pipeline.steps):
            if step.role not in ("pixels", "units"):
                raise SpecError(
                    f"steps[{number}].{step!r}: a model cannot hold a Python function; leave this step to a Loader, "
                    "and put what follows it into the model"
                )
        self.pipeline = pipeline
        self._steps: tuple[Step, ...] = tuple(Step.of(k, step) for k, step in enumerate(pipeline.steps))
        self.count = sum(v.count for step in self._steps for v in step.variables.values())
        self._shared: list[bool] = shared_numbers(self._steps).tolist()  # plain values, which every compiler takes
        self._prepared: dict[Size | None, tuple[Prepared, ...]] = {}
        self.statistics = _statistics([step for step in self._steps if step.transform.role == "units"])
        self._check_ops()

    def prepare(self, size: Size | None) -> tuple[Prepared, ...]:
        """What is known of each pass for pictures of one size, or of any.

        Raises:
            PlanError: The results would have several sizes.
        """
        if size not in self._prepared:
            self._prepared[size] = self._prepare(size)
        return self._prepared[size]

    def size_after(self, size: Size | None) -> Size | None:
        """The size of the result for pictures of a size; None where it is not known."""
        for one in self.prepare(size):
            if one.way is not None and one.way.size is not None:
                size = one.way.size
        return size

    def __call__(
        self,
        images: Array,
        numbers: Array | None,
        xp: Namespace,
        statistics: Mapping[str, Array] | None = None,
    ) -> Array:
        """The pictures after all steps.

        Args:
            images: (n, height, width, channels), uint8 or floats in 0..255.
            numbers: Uniform numbers in [0, 1), (n, count), in whose dtype everything is computed that decides where a
                pixel comes from; None where nothing is random.
            xp: The array API namespace of both.
            statistics: Arrays of that library to use in place of `self.statistics`.

        Returns:
            float32 (n, height, width, channels), not rounded.

        Raises:
            PlanError: The pictures cannot be done so: their channels are not those of the statistics, or the results
                would have several sizes.
        """
        _, height, width, channels = dims(images, xp)
        is_known = isinstance(height, int) and isinstance(width, int)
        prepared = self.prepare((height, width) if is_known else None)
        self._check_channels(channels)
        traced = [one.known for one in prepared]
        if not all(all(one.constant) for one in prepared):
            traced = self._traced(numbers, (height, width), xp)
        for one, now in zip(prepared, traced, strict=True):
            images = apply(_merged(one, now, statistics or {}), one.way, images, xp, dtype=xp.float32)
        return images

    def _traced(self, numbers: Array | None, size: tuple[Any, Any], xp: Namespace) -> list[Pass]:
        """The passes over arrays of a framework."""
        dtype = xp.float64 if numbers is None else numbers.dtype
        height, width = (xp.reshape(xp.asarray(side, dtype=dtype), (1,)) for side in size)
        # What leaves the levels is known beforehand, whatever is drawn; it may be large.
        steps = [step for step in self._steps if step.transform.role != "units"]
        if numbers is not None and any(self._shared):  # the first record's numbers are those of all
            numbers = xp.where(xp.asarray(self._shared)[None, :], numbers[:1], numbers)
        return passes_of(lower(steps, drawn_from(steps, numbers, xp), (height, width), xp))

    def _lowered(self, sizes: Sequence[Size]) -> tuple[list[tuple[Step, Op]], Floats]:
        """The ops for many draws at each of these sizes; and the sizes, one for each of those."""
        extent = np.repeat(np.array(sizes, np.float64), DRAWS, axis=0)
        steps = tuple(replace(step, variables=_even(step.variables)) for step in self._steps)
        drawn = drawn_from(steps, np.tile(_draws(self.count), (len(sizes), 1)), np)
        return lower(steps, drawn, (extent[:, 0], extent[:, 1]), np), extent

    def _check_ops(self) -> None:
        for step, op in self._lowered(SIZES[:1])[0]:
            if type(op) in self.refuses:
                raise SpecError(
                    f"steps[{step.number}].{step.transform!r}: no model can do this, since {LOADER_ONLY[type(op)]}; "
                    "leave it to a Loader, and put what follows it into the model"
                )

    def _prepare(self, size: Size | None) -> tuple[Prepared, ...]:
        sizes = SIZES if size is None else (size,)
        lowered, extent = self._lowered(sizes)
        result: list[Prepared] = []
        for one in passes_of(lowered):
            known, way = finish(one, extent.astype(np.int64), len(sizes) * DRAWS), None
            if known.warp is not None:
                after = _common_size(known.warp.size, extent, size)
                warp = replace(known.warp, size=None if after is None else np.array([after]))
                way = _with_room(route(warp, extent), extent, is_known=size is not None)
                way = replace(way, aligned=_usually_aligned(warp.matrix))
                known = Pass(warp, known.ops)
                extent = extent if after is None else np.array([after], np.float64)
            ops = (known.warp, *known.ops)
            constant = tuple(op is None or _is_constant(op) for op in ops)
            if size is None and way is not None:  # what is computed from the warp depends on the size
                constant = (False, *constant[1:])
            first = None if known.warp is None else row_of(known.warp, 0)
            known = Pass(first, tuple(row_of(op, 0) for op in known.ops))
            result.append(Prepared(known=known, constant=constant, way=way))
        return tuple(result)

    def _check_channels(self, channels: int | None) -> None:
        for name in ("scale", "bias"):
            held = self.statistics[name].shape[-1] if name in self.statistics else 1
            if channels is not None and held not in (1, channels):
                raise PlanError(
                    f"Normalize: its statistics are of {held} channels, but the pictures have {channels}; measure them "
                    "on such pictures, or give one number for all channels"
                )


class InFramework(InModel):
    """The function for a deep learning framework, whose arrays are not NumPy's."""

    refuses = LOADER_ONLY


def _usually_aligned(matrix: Floats) -> bool | None:
    """Whether a warp is aligned, by the draws that are no extremes: those can be aligned by chance."""
    upright = aligned(matrix)
    if len(upright) > 1:
        upright = np.reshape(upright, (-1, DRAWS))[:, DRAWS // 2 :]
    return True if upright.all() else None if upright.any() else False


def _with_room(way: Route, extent: Floats, *, is_known: bool) -> Route:
    """A route with room for a smaller picture that is a little larger than any that was seen."""
    if way.smaller is None or not is_known:
        return way if way.smaller is None else replace(way, smaller="input")
    assert way.smaller != "input"
    height, width = (min(int(full), int(1.05 * n) + 1) for full, n in zip(extent[0], way.smaller, strict=True))
    return replace(way, smaller=(height, width))


def _merged(one: Prepared, traced: Pass, statistics: Mapping[str, Array]) -> Pass:
    """A pass whose arrays are those known beforehand where they may be, and traced where they must."""
    warp = traced.warp
    if one.constant[0]:
        warp = one.known.warp
    elif warp is not None:
        warp = replace(warp, matrix=warp.matrix / warp.matrix[:, 2:, 2:])
    pairs = enumerate(zip(one.known.ops, one.constant[1:], strict=True))
    ops = [known if constant else traced.ops[k] for k, (known, constant) in pairs]
    return Pass(warp, tuple(_with(op, statistics) if statistics else op for op in ops))


def _with(op: Pointwise, arrays: Mapping[str, Array]) -> Pointwise:
    """The op with other arrays, where there are some of these names."""
    match op:
        case Normalize():
            return Normalize(scale=arrays["scale"], bias=arrays["bias"], reverse=op.reverse)
        case Whiten():
            return Whiten(shape=op.shape, analysis=arrays["analysis"], synthesis=arrays.get("synthesis"), rest=op.rest)
        case _:
            return op


def _statistics(steps: Sequence[Step]) -> dict[str, NDArray[np.float32]]:
    """The arrays of what the steps that leave the levels come to."""
    one = np.ones(1)
    lowered = lower(steps, drawn_from(steps, np.ones((1, 0)), np), (one, one), np)
    ops = [op for one in passes_of(lowered) for op in finish(one, np.ones((1, 2), np.int64), 1).ops]
    found = {f.name: getattr(op, f.name) for op in ops for f in fields(cast(Any, op))}
    return {name: array for name, array in found.items() if isinstance(array, np.ndarray)}


def _is_constant(op: Any) -> bool:
    """Whether an op is the same for all the records that it is for."""
    if isinstance(op, UNITS):
        return True
    arrays = [getattr(op, f.name) for f in fields(op)]
    return all((array == array[:1]).all() for array in arrays if isinstance(array, np.ndarray))


def _common_size(sizes: NDArray[np.int64], extent: Floats, size: Size | None) -> Size | None:
    """The size that all records get; None where it is that of the pictures, whatever that is.

    Raises:
        PlanError: There is no such size.
    """
    if (sizes == sizes[0]).all():
        return int(sizes[0, 0]), int(sizes[0, 1])
    if (sizes == extent).all():
        return None
    a, b = sizes[0], sizes[int(np.argmax((sizes != sizes[0]).any(axis=1)))]
    raise PlanError(
        f"in a model a batch has one size, but these steps give {a[0]}x{a[1]} and {b[0]}x{b[1]}; end the geometry with "
        "Resize((height, width)) or a crop" + ("" if size else ", or give the model pictures of one known size")
    )


def _draws(count: int) -> Floats:
    """Uniform numbers (DRAWS, count) among which are all extremes."""
    rng = np.random.default_rng(0)
    numbers = rng.random((DRAWS, count))
    ends = rng.integers(0, 2, (DRAWS // 2, count)) * _ALMOST_ONE
    ends[0], ends[1] = 0.0, _ALMOST_ONE
    numbers[: DRAWS // 2] = ends
    return numbers


def _even(variables: Mapping[str, Variable]) -> dict[str, Variable]:
    """The variables with what is rare as likely as the rest, so that it is among the draws that are looked at."""
    return {name: _even_variable(variable) for name, variable in variables.items()}


def _even_variable(variable: Variable) -> Variable:
    if isinstance(variable, Bernoulli) and 0 < variable.probability < 1:
        return replace(variable, probability=0.5)
    if isinstance(variable, Choice) and variable.weights is not None:
        possible = tuple(v for v, weight in zip(variable.values, variable.weights, strict=True) if weight > 0)
        return replace(variable, values=possible, weights=None)
    return variable
