"""How a transform is made of others, which each record gets or not, as its draws say.

A composition has places, one after another. At each place stand one or more transforms, of which a record gets at most
one. That is all that `Sometimes`, `OneOf`, `SomeOf` and `RandomOrder` say; what follows from it is said here once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias, cast

from imagefeed.checks import fail
from imagefeed.ops import Extent, Mix, Op, Warp, extent_after, one_of
from imagefeed.transforms.base import Drawn, Role, Transform
from imagefeed.types import Array, Namespace
from imagefeed.variables import Variable

Place: TypeAlias = Sequence[tuple[str, Transform]]
"""Transforms of which a record gets at most one, each with the name that its variables are declared under."""


class Composition(Transform):
    """A transform made of others.

    Those that work on pixels become ops of one stage. Where others are among them, which take other records or call
    Python, it is done in `parts`, each of which can end a stage.
    """

    __slots__ = ()

    @abstractmethod
    def places(self) -> Sequence[Place]:
        """What there is at each place."""

    @abstractmethod
    def masks(self, drawn: Drawn, xp: Namespace) -> Sequence[Sequence[Array]]:
        """Which records get what: for each place, for each transform there, bool (n,)."""

    @property
    def role(self) -> Role:
        others: list[Role] = [part.role for part in self._parts() if part.role != "pixels"]
        return others[0] if others else "pixels"

    @property
    def partners(self) -> int:
        return max(part.partners for part in self._parts())

    @property
    def sees_boxes(self) -> bool:
        return any(part.sees_boxes for part in self._parts())

    @property
    def pastes(self) -> bool:
        return any(part.pastes for part in self._parts())

    def parts(self) -> tuple[Transform, ...]:
        parts = self._parts()
        is_one = len(parts) == 1 or all(part.role == "pixels" and not part.sees_boxes for part in parts)
        return (self,) if is_one else parts

    def _parts(self) -> tuple[_Part, ...]:
        places = enumerate(self.places())
        return tuple(_Part(self, number, chosen) for number, place in places for chosen in _done_together(place))

    def inner_variables(self) -> dict[str, Variable]:
        """The variables of the transforms, each named once."""
        every = {name: one for place in self.places() for name, one in place}
        return {f"{name}.{inner}": v for name, one in every.items() for inner, v in one.variables().items()}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        result: tuple[Op, ...] = ()
        for part in self._parts():
            ops = part.lower(drawn, extent, xp)
            for op in ops:
                extent = extent_after(op, extent, xp)
            result += ops
        return result

    def mix(self, drawn: Drawn, extent: Extent, xp: Namespace) -> Mix:
        (part,) = self._parts()  # else its parts are asked
        return part.mix(drawn, extent, xp)

    def chosen_partners(self, drawn: Drawn, xp: Namespace) -> Array:
        (part,) = self._parts()
        return part.chosen_partners(drawn, xp)


def _done_together(place: Place) -> Iterator[tuple[tuple[int, str, Transform], ...]]:
    """The transforms of a place, in groups that are each done at once: all that work on pixels, and all that mix.

    What cannot be done with others, such as a Python function, is a group of its own. Since no record has two of the
    transforms, the order of the groups is free.
    """
    together: dict[Role, list[tuple[int, str, Transform]]] = {}
    alone: list[tuple[int, str, Transform]] = []
    for number, (name, transform) in enumerate(place):
        parts = transform.parts()
        joins = len(parts) == 1 and (transform.role == "pixels" or (transform.role == "mix" and not transform.pastes))
        group = together.setdefault(transform.role, []) if joins else alone
        group += [(number, name, part) for part in parts]
    yield from map(tuple, together.values())
    yield from ((one,) for one in alone)


@dataclass(frozen=True, slots=True, eq=False)
class _Part(Transform):
    """Some of the transforms at one place of a composition. It draws what all of the composition draws.

    Attributes:
        whole: The composition.
        place: The number of the place.
        chosen: The transforms, of which a record gets at most one: the number at the place, the name, and the transform
            or a part of it.
    """

    whole: Composition
    place: int
    chosen: tuple[tuple[int, str, Transform], ...]

    @property
    def title(self) -> str:
        return self.whole.title

    @property
    def role(self) -> Role:
        return self.chosen[0][2].role

    @property
    def partners(self) -> int:
        return max(one.partners for _, _, one in self.chosen)

    @property
    def sees_boxes(self) -> bool:
        return any(one.sees_boxes for _, _, one in self.chosen)

    @property
    def pastes(self) -> bool:
        return any(one.pastes for _, _, one in self.chosen)

    def variables(self) -> Mapping[str, Variable]:
        return self.whole.variables()

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        leading: list[tuple[Op, Array]] = []
        following: list[tuple[Op, Array]] = []
        for name, transform, mask in self._masked(drawn, xp):
            ops = transform.lower(drawn.within(name), extent, xp)
            warps = next((i for i, op in enumerate(ops) if not isinstance(op, Warp)), len(ops))
            leading += [(op, mask) for op in ops[:warps]]
            following += [(op, mask) for op in ops[warps:]]
        # No record has two of the transforms, so their order is free: with the warps first they become one.
        result: list[Op] = []
        for op, mask in leading + following:
            result.append(op.masked(mask, extent, xp))
            extent = extent_after(result[-1], extent, xp)
        return tuple(result)

    def mix(self, drawn: Drawn, extent: Extent, xp: Namespace) -> Mix:
        mixes: list[Mix] = []
        masks: list[Array] = []
        for name, transform, mask in self._masked(drawn, xp):
            layers = transform.partners + 1
            part = extent[0][:, :layers], extent[1][:, :layers]
            mixes.append(transform.mix(drawn.within(name), part, xp))
            masks.append(mask)
        result = mixes[0] if len(mixes) == 1 else one_of(mixes, masks, extent, xp)
        return result.masked(reduce(xp.logical_or, masks), extent, xp)

    def chosen_partners(self, drawn: Drawn, xp: Namespace) -> Array:
        result = None
        for name, transform, mask in self._masked(drawn, xp):
            own = transform.chosen_partners(drawn.within(name), xp)
            # Where a mix takes fewer, those that nobody sees are its first one again.
            own = xp.concat([own, *[own[:, :1]] * (self.partners - transform.partners)], axis=1)
            result = own if result is None else xp.where(mask[:, None], own, result)
        return result

    def _masked(self, drawn: Drawn, xp: Namespace) -> Iterator[tuple[str, Transform, Array]]:
        masks = self.whole.masks(drawn, xp)[self.place]
        for number, name, transform in self.chosen:
            yield name, transform, masks[number]

    def __repr__(self) -> str:
        """The whole, and which of its places this is."""
        return f"{self.whole!r} at {self.place + 1} of {len(self.whole.places())}"


def check_transform(where: str, value: Any) -> None:
    """Raise SpecError unless `value` is a transform; say what to write instead."""
    if is_transform_class(value):
        raise fail(where, value, f"this is the class; write {value.__name__}(...)")
    if isinstance(value, Transform):
        return
    advice = "wrap a function as Apply(function)" if callable(value) else "expected a transform"
    raise fail(where, value, advice)


def is_transform_class(value: object) -> bool:
    """Whether this is the class of a transform, where one would be expected."""
    return isinstance(value, type) and issubclass(value, Transform)


def check_inner(where: str, value: Any) -> None:
    """Raise SpecError unless `value` is a transform that a record can have or not."""
    check_transform(where, value)
    if value.role == "units":
        raise fail(where, value, "put it at the end: a batch has one unit")
    if value.role == "batch":
        raise fail(where, value, "put it at the end: it works on whole batches")


def checked_inner(where: str, transforms: Any) -> tuple[Transform, ...]:
    """Several transforms as a tuple, which can be hashed. Raise SpecError unless they are at least one."""
    if not isinstance(transforms, list | tuple) or not transforms:
        raise fail(where, cast(Any, transforms), "expected a list of at least one transform")
    for k, transform in enumerate(cast("Sequence[Any]", transforms)):
        check_inner(f"{where}[{k}]", transform)
    return tuple(cast("Sequence[Transform]", transforms))
