"""Transforms from levels to the units of a model. They end a pipeline."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

from imagefeed import ops
from imagefeed.checks import check_number, fail, is_number, is_tuple
from imagefeed.ops import Extent, Op
from imagefeed.transforms.base import Drawn, Role, Transform
from imagefeed.types import Namespace


@dataclass(frozen=True, slots=True)
class Rescale(Transform):
    """`value * scale + offset`: Rescale(1 / 255) gives 0 to 1, Rescale(1 / 127.5, offset=-1) gives -1 to 1.

    Attributes:
        scale: The factor.
        offset: What is added after it.
    """

    scale: float
    _: KW_ONLY
    offset: float = 0.0

    def __post_init__(self) -> None:
        check_number("Rescale.scale", self.scale)
        check_number("Rescale.offset", self.offset)

    @property
    def role(self) -> Role:
        return "units"

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        dtype = extent[0].dtype
        scale, bias = xp.asarray([self.scale], dtype=dtype), xp.asarray([self.offset], dtype=dtype)
        return (ops.Normalize(scale=scale, bias=bias),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalize(Transform):
    """`(value - mean) / std`, in the units that reach it: levels, or what a Rescale before it made of them.

    Attributes:
        mean: One number for all channels, or a tuple of one for each.
        std: Likewise; each above 0.
    """

    mean: float | tuple[float, ...]
    std: float | tuple[float, ...]

    def __post_init__(self) -> None:
        mean = _channels("Normalize.mean", self.mean)
        std = _channels("Normalize.std", self.std)
        if min(std) <= 0:
            raise fail("Normalize.std", self.std, "expected numbers above 0")
        if len(mean) != len(std) and 1 not in (len(mean), len(std)):
            raise fail("Normalize.std", self.std, f"expected {len(mean)} numbers, as in Normalize.mean")

    @property
    def role(self) -> Role:
        return "units"

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        dtype = extent[0].dtype
        mean = xp.asarray(_channels("Normalize.mean", self.mean), dtype=dtype)
        std = xp.asarray(_channels("Normalize.std", self.std), dtype=dtype)
        return (ops.Normalize(scale=1.0 / std, bias=-mean / std),)


def _channels(where: str, value: Any) -> tuple[float, ...]:
    """One number as a tuple; a tuple as it is."""
    values: Any = (value,) if is_number(value) else value
    if not is_tuple(values) or not values or not all(map(is_number, values)):
        raise fail(where, value, "expected a number, or a tuple with a number for each channel")
    return values
