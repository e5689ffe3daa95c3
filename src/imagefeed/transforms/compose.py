"""Transforms made of other things: of transforms, at random, or of a Python function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, cast

from imagefeed.checks import check_bool, check_number, fail, is_tuple
from imagefeed.errors import SpecError
from imagefeed.ops import Extent, Host, Mix, Op, Warp, extent_after, one_of
from imagefeed.transforms.base import NO_VARIABLES, Drawn, Role, Transform
from imagefeed.types import Array, Namespace
from imagefeed.variables import Bernoulli, Choice, Integers, Uniform, Variable, check_weights


@dataclass(frozen=True, slots=True)
class Sometimes(Transform):
    """Apply a transform to some records and not to others.

        >>> from imagefeed import Rotate
        >>> Sometimes(Rotate(degrees=(-30, 30)), probability=0.3)
        Sometimes(Rotate(degrees=(-30, 30)), probability=0.3)

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

    @property
    def partners(self) -> int:
        return self.transform.partners

    @property
    def sees_boxes(self) -> bool:
        return self.transform.sees_boxes

    def variables(self) -> Mapping[str, Variable]:
        inner = {f"transform.{name}": v for name, v in self.transform.variables().items()}
        return {"applied": Bernoulli(self.probability)} | inner

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        ops = self.transform.lower(drawn.within("transform"), extent, xp)
        return _masked([(op, drawn.applied) for op in ops], extent, xp)

    def mix(self, drawn: Drawn, extent: Extent, xp: Namespace) -> Mix:
        return self.transform.mix(drawn.within("transform"), extent, xp).masked(drawn.applied, extent, xp)

    def chosen_partners(self, drawn: Drawn, xp: Namespace) -> Array:
        return self.transform.chosen_partners(drawn.within("transform"), xp)


@dataclass(frozen=True, slots=True)
class OneOf(Transform):
    """Apply one of several transforms, another for every record.

        >>> from imagefeed import Brightness, Rotate
        >>> OneOf((Rotate(degrees=(-30, 30)), Brightness(factor=(0.5, 1.5))), weights=(1, 3))
        OneOf((Rotate(degrees=(-30, 30)), Brightness(factor=(0.5, 1.5))), weights=(1, 3))

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
            if transform.role not in ("pixels", "mix"):
                expected = "expected geometry, color or mixing; put this one into the pipeline by itself"
                raise fail(f"OneOf.transforms[{k}]", transform, expected)
            if transform.role != self.transforms[0].role:
                raise fail(f"OneOf.transforms[{k}]", transform, "all mix pictures, or none does; use Sometimes for it")
        if self.weights is not None:
            check_weights("OneOf.weights", self.weights, len(self.transforms))

    @property
    def sees_boxes(self) -> bool:
        return any(transform.sees_boxes for transform in self.transforms)

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

    @property
    def role(self) -> Role:
        return self.transforms[0].role

    @property
    def partners(self) -> int:
        return max(transform.partners for transform in self.transforms)

    def mix(self, drawn: Drawn, extent: Extent, xp: Namespace) -> Mix:
        mixes: list[Mix] = []
        for k, transform in enumerate(self.transforms):
            layers = transform.partners + 1
            part = extent[0][:, :layers], extent[1][:, :layers]
            mixes.append(transform.mix(drawn.within(str(k)), part, xp))
        return one_of(mixes, [drawn.choice == float(k) for k in range(len(mixes))], extent, xp)

    def chosen_partners(self, drawn: Drawn, xp: Namespace) -> Array:
        result = None
        for k, transform in enumerate(self.transforms):
            own = transform.chosen_partners(drawn.within(str(k)), xp)
            # Where a mix takes fewer, those that nobody sees are its first one again.
            own = xp.concat([own, *[own[:, :1]] * (self.partners - transform.partners)], axis=1)
            result = own if result is None else xp.where((drawn.choice == float(k))[:, None], own, result)
        return result

    def deterministic(self) -> tuple[Transform, ...]:
        forms = {transform.deterministic() for transform in self.transforms}
        if len(forms) > 1:
            shown = " or ".join(sorted(map(repr, forms)))
            raise SpecError(f"{self!r}: stands for {shown} at validation; write that pipeline out")
        return forms.pop()


def _check_all(where: str, transforms: Any) -> None:
    """Raise SpecError unless these are several transforms that work on pixels."""
    if not isinstance(transforms, list | tuple) or not transforms:
        raise fail(where, cast(Any, transforms), "expected a list of at least one transform")
    for k, transform in enumerate(cast("Sequence[Any]", transforms)):
        check_transform(f"{where}[{k}]", transform)
        if transform.role != "pixels":
            raise fail(
                f"{where}[{k}]",
                transform,
                "expected geometry or color; put it into the pipeline by itself, or in Sometimes",
            )
        if transform.sees_boxes:
            raise fail(f"{where}[{k}]", transform, "it must know where boxes are; use Sometimes or OneOf for it")


def _inner_variables(transforms: Sequence[Transform]) -> dict[str, Variable]:
    return {f"{k}.{name}": v for k, one in enumerate(transforms) for name, v in one.variables().items()}


def _ranks(drawn: Array, xp: Namespace) -> list[Array]:
    """How many of the numbers (n, k) of a record are smaller than each: k integer arrays (n,), all different."""
    # Equal numbers, which float32 may draw, are ranked by their place.
    count = drawn.shape[1]
    ranks: list[Array] = []
    for k in range(count):
        before = drawn[:, :k] <= drawn[:, k : k + 1]
        after = drawn[:, k + 1 :] < drawn[:, k : k + 1]
        ranks.append(sum(xp.astype(part[:, j], xp.int64) for part in (before, after) for j in range(part.shape[1])))
    return ranks


def _nothing_at_validation(owner: Transform, transforms: Sequence[Transform]) -> tuple[Transform, ...]:
    lasting = [form for transform in transforms for form in transform.deterministic()]
    if lasting:
        shown = ", ".join(map(repr, lasting))
        raise SpecError(f"{owner!r}: {shown} would be part of validation, but only at random; write that pipeline out")
    return ()


@dataclass(frozen=True, slots=True)
class SomeOf(Transform):
    """Apply several of some transforms, others for every record, in the order in which they stand.

        >>> from imagefeed import Brightness, Invert, Rotate
        >>> SomeOf((Rotate(degrees=(-30, 30)), Brightness(factor=(0.5, 1.5)), Invert()), count=(1, 2))
        SomeOf((Rotate(degrees=(-30, 30)), Brightness(factor=(0.5, 1.5)), Invert()), count=(1, 2))

    Attributes:
        transforms: What there is to choose from.
        count: How many are applied: a number, or a range (low, high), both included.
    """

    transforms: Sequence[Transform]
    _: KW_ONLY
    count: int | tuple[int, int]

    def __post_init__(self) -> None:
        _check_all("SomeOf.transforms", self.transforms)
        object.__setattr__(self, "transforms", tuple(self.transforms))  # so that it can be hashed
        low, high = self._range()
        if not all(type(n) is int for n in (low, high)) or not 0 <= low <= high <= len(self.transforms):
            raise fail("SomeOf.count", self.count, f"expected integers from 0 to {len(self.transforms)}, in order")

    def _range(self) -> tuple[Any, Any]:
        count: Any = self.count
        if is_tuple(count) and len(count) == 2:
            return count[0], count[1]
        return count, count

    def variables(self) -> Mapping[str, Variable]:
        own: dict[str, Variable] = {
            "count": Integers(*self._range()),
            "order": Uniform(0, 1, shape=(len(self.transforms),)),
        }
        return own | _inner_variables(self.transforms)

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        result: tuple[Op, ...] = ()
        for k, rank in enumerate(_ranks(drawn.order, xp)):
            ops = self.transforms[k].lower(drawn.within(str(k)), extent, xp)
            done = _masked([(op, rank < drawn.count) for op in ops], extent, xp)
            for op in done:
                extent = extent_after(op, extent, xp)
            result += done
        return result

    def deterministic(self) -> tuple[Transform, ...]:
        return _nothing_at_validation(self, self.transforms)


@dataclass(frozen=True, slots=True)
class RandomOrder(Transform):
    """Apply all of some transforms, in another order for every record.

    What n transforms lower to is there n times, since each may come at each place: keep them few.

        >>> from imagefeed import Brightness, Invert, Rotate
        >>> RandomOrder((Rotate(degrees=(-30, 30)), Brightness(factor=(0.5, 1.5)), Invert()))
        RandomOrder((Rotate(degrees=(-30, 30)), Brightness(factor=(0.5, 1.5)), Invert()))

    Attributes:
        transforms: What is applied, at most eight.
    """

    transforms: Sequence[Transform]

    def __post_init__(self) -> None:
        _check_all("RandomOrder.transforms", self.transforms)
        object.__setattr__(self, "transforms", tuple(self.transforms))  # so that it can be hashed
        if len(self.transforms) > 8:
            raise fail("RandomOrder.transforms", len(self.transforms), "expected at most eight; use SomeOf for more")

    def variables(self) -> Mapping[str, Variable]:
        own: dict[str, Variable] = {"order": Uniform(0, 1, shape=(len(self.transforms),))}
        return own | _inner_variables(self.transforms)

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        result: tuple[Op, ...] = ()
        ranks = _ranks(drawn.order, xp)
        for place in range(len(ranks)):
            masked: list[tuple[Op, Array]] = []
            for k, transform in enumerate(self.transforms):
                ops = transform.lower(drawn.within(str(k)), extent, xp)
                masked += [(op, ranks[k] == place) for op in ops]
            for op in _masked(masked, extent, xp):
                extent = extent_after(op, extent, xp)
                result += (op,)
        return result

    def deterministic(self) -> tuple[Transform, ...]:
        return _nothing_at_validation(self, self.transforms)


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
