"""Transforms made of other things: of transforms, at random, or of a Python function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from imagefeed.checks import check_bool, check_number, fail
from imagefeed.errors import SpecError
from imagefeed.ops import Extent, Host, Op, Warp, extent_after
from imagefeed.transforms.base import NO_VARIABLES, Drawn, Role, Transform
from imagefeed.types import Array, Namespace
from imagefeed.variables import Bernoulli, Choice, Integers, Variable, check_weights


@dataclass(frozen=True, slots=True)
class Sometimes(Transform):
    """Apply a transform to some records and not to others.

    Attributes:
        transform: What is applied.
        probability: How likely a record gets it.
    """

    transform: Transform
    _: KW_ONLY
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_transform("Sometimes.transform", self.transform)
        if self.transform.role == "units":
            raise fail("Sometimes.transform", self.transform, "put it at the end: a batch has one unit")
        check_number("Sometimes.probability", self.probability, 0, 1)

    @property
    def role(self) -> Role:
        return self.transform.role

    def variables(self) -> Mapping[str, Variable]:
        inner = {f"transform.{name}": v for name, v in self.transform.variables().items()}
        return {"applied": Bernoulli(self.probability)} | inner

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        ops = self.transform.lower(drawn.within("transform"), extent, xp)
        return _masked([(op, drawn.applied) for op in ops], extent, xp)


@dataclass(frozen=True, slots=True)
class OneOf(Transform):
    """Apply one of several transforms, another for every record.

    Attributes:
        transforms: What there is to choose from.
        weights: How likely each is, in proportion; None for all alike.
    """

    transforms: Sequence[Transform]
    _: KW_ONLY
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.transforms, list | tuple) or not self.transforms:
            raise fail("OneOf.transforms", self.transforms, "expected a list of at least one transform")
        object.__setattr__(self, "transforms", tuple(self.transforms))  # so that it can be hashed
        for k, transform in enumerate(self.transforms):
            check_transform(f"OneOf.transforms[{k}]", transform)
            if transform.role != "pixels":
                expected = "expected geometry or color; put this one into the pipeline by itself"
                raise fail(f"OneOf.transforms[{k}]", transform, expected)
        if self.weights is not None:
            check_weights("OneOf.weights", self.weights, len(self.transforms))

    def variables(self) -> Mapping[str, Variable]:
        choice = Choice(tuple(range(len(self.transforms))), self.weights)
        result: dict[str, Variable] = {"choice": choice}
        for k, transform in enumerate(self.transforms):
            result |= {f"{k}.{name}": variable for name, variable in transform.variables().items()}
        return result

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        leading: list[tuple[Op, Array]] = []
        following: list[tuple[Op, Array]] = []
        for k, transform in enumerate(self.transforms):
            mask = drawn.choice == float(k)
            ops = transform.lower(drawn.within(str(k)), extent, xp)
            warps = next((i for i, op in enumerate(ops) if not isinstance(op, Warp)), len(ops))
            leading += [(op, mask) for op in ops[:warps]]
            following += [(op, mask) for op in ops[warps:]]
        # No record has two of the branches, so their order is free: with the warps first they become one.
        return _masked(leading + following, extent, xp)

    def deterministic(self) -> tuple[Transform, ...]:
        forms = {transform.deterministic() for transform in self.transforms}
        if len(forms) > 1:
            shown = " or ".join(sorted(map(repr, forms)))
            raise SpecError(f"{self!r}: stands for {shown} at validation; write that pipeline out")
        return forms.pop()


def check_transform(where: str, value: Any) -> None:
    """Raise SpecError unless `value` is a transform; say what to write instead."""
    if _is_class(value):
        raise fail(where, value, f"this is the class; write {value.__name__}(...)")
    if isinstance(value, Transform):
        return
    advice = "wrap a function as Apply(function)" if callable(value) else "expected a transform"
    raise fail(where, value, advice)


def _is_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Transform)


def _masked(ops: Sequence[tuple[Op, Array]], extent: Extent, xp: Namespace) -> tuple[Op, ...]:
    """Each op, for the records of its mask only."""
    result: list[Op] = []
    for op, mask in ops:
        result.append(op.masked(mask, extent, xp))
        extent = extent_after(result[-1], extent, xp)
    return tuple(result)


@dataclass(frozen=True, slots=True)
class Apply(Transform):
    """A Python function on each picture, as it is at this step.

    The function runs in Python, one picture at a time, and splits the native work in two: put it where the
    picture is small. What it does not return unchanged is its own business: it may return another size.

    Attributes:
        function: `function(image)`, or `function(image, generator)` if random; takes and returns a uint8
            array (height, width, channels), and must not write into the one that it is given.
        random: Whether the function is given a numpy.random.Generator, seeded for this record and step. A
            function without one must be deterministic, and is then part of the deterministic pipeline.
    """

    function: Callable[..., Array]
    _: KW_ONLY
    random: bool = False

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise fail("Apply.function", self.function, "expected a function of one picture")
        if isinstance(self.function, Transform) or _is_class(self.function):
            raise fail("Apply.function", self.function, "a transform is a step by itself")
        check_bool("Apply.random", self.random)

    @property
    def role(self) -> Role:
        return "host"

    def variables(self) -> Mapping[str, Variable]:
        # As many values as a uniform number has bits of precision.
        return {"seed": Integers(0, 2**53 - 1)} if self.random else NO_VARIABLES

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (Host(function=self.function, seeds=drawn.seed if self.random else None),)

    def __repr__(self) -> str:
        """The call that makes this transform, where the function is known by its name."""
        name = getattr(self.function, "__qualname__", repr(self.function))
        return f"Apply({name}, random=True)" if self.random else f"Apply({name})"
