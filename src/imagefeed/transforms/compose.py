"""Transforms made of others, at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from imagefeed.checks import check_number, fail, is_tuple
from imagefeed.errors import SpecError
from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.choosing import Composition, Place, check_inner, checked_inner
from imagefeed.types import Array, Namespace
from imagefeed.variables import Bernoulli, Choice, Integers, Uniform, Variable, check_weights


@dataclass(frozen=True, slots=True)
class Sometimes(Composition):
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
        check_inner("Sometimes.transform", self.transform)
        check_number("Sometimes.probability", self.probability, 0, 1)

    def variables(self) -> Mapping[str, Variable]:
        return {"applied": Bernoulli(self.probability)} | self.inner_variables()

    def places(self) -> Sequence[Place]:
        return ((("transform", self.transform),),)

    def masks(self, drawn: Drawn, xp: Namespace) -> Sequence[Sequence[Array]]:
        return ((drawn.applied,),)


@dataclass(frozen=True, slots=True)
class OneOf(Composition):
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
        object.__setattr__(self, "transforms", checked_inner("OneOf.transforms", self.transforms))
        if self.weights is not None:
            check_weights("OneOf.weights", self.weights, len(self.transforms))

    def variables(self) -> Mapping[str, Variable]:
        choice: dict[str, Variable] = {"choice": Choice(tuple(range(len(self.transforms))), self.weights)}
        return choice | self.inner_variables()

    def places(self) -> Sequence[Place]:
        return (_numbered(self.transforms),)

    def masks(self, drawn: Drawn, xp: Namespace) -> Sequence[Sequence[Array]]:
        return ([drawn.choice == float(k) for k in range(len(self.transforms))],)

    def deterministic(self) -> tuple[Transform, ...]:
        forms = {transform.deterministic() for transform in self.transforms}
        if len(forms) > 1:
            shown = " or ".join(sorted(map(repr, forms)))
            raise SpecError(f"{self!r}: stands for {shown} at validation; write that pipeline out")
        return forms.pop()


def _numbered(transforms: Sequence[Transform]) -> Place:
    return [(str(k), transform) for k, transform in enumerate(transforms)]


@dataclass(frozen=True, slots=True)
class SomeOf(Composition):
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
        object.__setattr__(self, "transforms", checked_inner("SomeOf.transforms", self.transforms))
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
        return own | self.inner_variables()

    def places(self) -> Sequence[Place]:
        return [[one] for one in _numbered(self.transforms)]

    def masks(self, drawn: Drawn, xp: Namespace) -> Sequence[Sequence[Array]]:
        return [[rank < drawn.count] for rank in _ranks(drawn.order, xp)]

    def deterministic(self) -> tuple[Transform, ...]:
        return _nothing_at_validation(self, self.transforms)


@dataclass(frozen=True, slots=True)
class RandomOrder(Composition):
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
        object.__setattr__(self, "transforms", checked_inner("RandomOrder.transforms", self.transforms))
        if len(self.transforms) > 8:
            raise fail("RandomOrder.transforms", len(self.transforms), "expected at most eight; use SomeOf for more")

    def variables(self) -> Mapping[str, Variable]:
        own: dict[str, Variable] = {"order": Uniform(0, 1, shape=(len(self.transforms),))}
        return own | self.inner_variables()

    def places(self) -> Sequence[Place]:
        return [_numbered(self.transforms)] * len(self.transforms)

    def masks(self, drawn: Drawn, xp: Namespace) -> Sequence[Sequence[Array]]:
        ranks = _ranks(drawn.order, xp)
        return [[rank == place for rank in ranks] for place in range(len(ranks))]

    def deterministic(self) -> tuple[Transform, ...]:
        return _nothing_at_validation(self, self.transforms)


def _ranks(drawn: Array, xp: Namespace) -> list[Array]:
    """How many of the numbers (n, k) of a record are smaller than each: k integer arrays (n,), all different."""
    # Equal numbers, which float32 may draw, are ranked by their place.
    count = drawn.shape[1]
    ranks: list[Array] = []
    for k in range(count):
        before = drawn[:, :k] <= drawn[:, k : k + 1]
        after = drawn[:, k + 1 :] < drawn[:, k : k + 1]
        smaller = [part[:, j] for part in (before, after) for j in range(part.shape[1])]
        ranks.append(sum((xp.astype(one, xp.int64) for one in smaller), xp.astype(drawn[:, 0] < 0, xp.int64)))
    return ranks


def _nothing_at_validation(owner: Transform, transforms: Sequence[Transform]) -> tuple[Transform, ...]:
    lasting = [form for transform in transforms for form in transform.deterministic()]
    if lasting:
        shown = ", ".join(map(repr, lasting))
        raise SpecError(f"{owner!r}: {shown} would be part of validation, but only at random; write that pipeline out")
    return ()
