"""What a transform is: declared variables, and a pure function from their values to ops."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import Any, Literal, cast

from imagefeed.errors import SpecError
from imagefeed.ops import Extent, Mix, Op
from imagefeed.types import Array, Namespace
from imagefeed.variables import Variable

Role = Literal["pixels", "host", "mix", "units", "batch"]

NO_VARIABLES: Mapping[str, Variable] = MappingProxyType({})


class Drawn:
    """The drawn values of one step, by name: `drawn.degrees` has shape (n, *shape of the variable)."""

    # Not a SimpleNamespace: compilers of frameworks follow a class that is written out.
    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"nothing was drawn for {name!r}; expected one of {', '.join(vars(self))}")

    def __repr__(self) -> str:
        return f"Drawn({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def within(self, name: str) -> Drawn:
        """The values of an inner transform, whose variables were declared as `name.<variable>`."""
        start = name + "."
        inner = {k.removeprefix(start): v for k, v in vars(self).items() if k.startswith(start)}
        return Drawn(**({"boxes": vars(self)["boxes"]} if "boxes" in vars(self) else {}), **inner)


class Transform(ABC):
    """A step of a pipeline. A subclass is a frozen dataclass that says what it draws and what ops follow from
    it.

        @dataclass(frozen=True)
        class Blink(Transform):
            probability: float = 0.5

            def variables(self):
                return {"black": Bernoulli(self.probability)}

            def lower(self, drawn, extent, xp):
                factor = xp.where(drawn.black, 0.0, 1.0)
                return scale_levels(factor, factor * 0.0, xp)

    Attributes:
        role: "pixels" for work on levels from 0 to 255; "host" if it lowers to a Python function; "mix" if
            it takes other records; "units" if it leaves the levels, after which only other "units" may follow;
            "batch" if it lowers to a Python function of whole batches, after which only others of its kind may.
        partners: How many other records it takes.
        pastes: Whether it takes them by a mask, and cannot be done together with what mixes in another way.
        sees_boxes: Whether `lower` is given `drawn.boxes`: what all boxes of each picture lie in, as they are at this
            step: left, top, right, bottom, in pixels, (n, 4); its middle for a picture that has none.
    """

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        # @dataclass writes a __repr__ of its own into every class that has none.
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):
            cls.__repr__ = Transform.__repr__

    @property
    def title(self) -> str:
        """What messages call it."""
        return type(self).__name__

    @property
    def role(self) -> Role:
        return "pixels"

    @property
    def partners(self) -> int:
        return 0

    @property
    def pastes(self) -> bool:
        return False

    @property
    def sees_boxes(self) -> bool:
        return False

    def parts(self) -> tuple[Transform, ...]:
        """What is done one after another, where that is not done at once: each draws what all of it draws."""
        return (self,)

    def mix(self, drawn: Drawn, extent: Extent, xp: Namespace) -> Mix:
        """How pictures become one; see `transforms.mixing`.

        Raises:
            SpecError: This transform takes no other records.
        """
        raise SpecError(f"{type(self).__name__}: takes no other records")

    def chosen_partners(self, drawn: Drawn, xp: Namespace) -> Array:
        """The uniform numbers, float (n, partners), that say which other records are taken."""
        return drawn.partner

    def variables(self) -> Mapping[str, Variable]:
        """What is drawn for every record, in the order in which random numbers are taken."""
        return NO_VARIABLES

    @abstractmethod
    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        """The ops that do this transform.

        Pure, and vectorized over n records: no pixels, no randomness, no writing into arrays, no branch on an
        array's values, and no function beyond the array API standard, so that it can be traced.

        Args:
            drawn: The values of the variables, each of shape (n, *variable.shape).
            extent: (height, width) of the pictures that come in: two float arrays of shape (n,) or (1,).
            xp: The array API namespace that the arrays belong to.
        """

    def deterministic(self) -> tuple[Transform, ...]:
        """What stands in for this transform at validation and serving: nothing, if it is random."""
        return () if self.variables() else (self,)

    def __repr__(self) -> str:
        """The call that makes this transform, without the arguments that are at their default."""
        shown: list[str] = []
        for field in sorted(fields(cast(Any, self)), key=lambda field: bool(field.kw_only)):
            value = getattr(self, field.name)
            default = field.default_factory() if field.default_factory is not MISSING else field.default
            if not _is_same(value, default):
                shown.append(f"{field.name}={value!r}" if field.kw_only else repr(value))
        return f"{type(self).__name__}({', '.join(shown)})"


def _is_same(value: object, default: object) -> bool:
    """Whether a field is at its default; 0 is 0.0, as which a page or a JSON file may give it, but not False."""
    kinds = {type(value), type(default)}
    return (len(kinds) == 1 or kinds == {int, float}) and value == default
