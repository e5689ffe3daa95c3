"""Transforms that move whole pixels, and those that change the size by a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from imagefeed.checks import check_number, check_range, check_size, fail
from imagefeed.ops import Extent, Op, Warp
from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.matrices import affine
from imagefeed.transforms.sampling import check_border, check_sampling, moved, resized
from imagefeed.types import Array, Border, Interpolation, Namespace, Range, Size
from imagefeed.variables import Bernoulli, Integers, Uniform, Variable


def whole(height: Array, width: Array, xp: Namespace) -> Array:
    """Sizes (n, 2), integers, from floats (n,)."""
    return xp.astype(xp.stack(xp.broadcast_arrays(height, width), axis=-1), xp.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomRotate90(Transform):
    """Turn by 0, 90, 180 or 270 degrees, each as likely. Pictures that are not square change their shape.

    >>> RandomRotate90()
    RandomRotate90()
    """

    def variables(self) -> Mapping[str, Variable]:
        return {"turns": Integers(0, 3)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        turns = drawn.turns
        height, width = (n + xp.astype(turns, extent[0].dtype) * 0.0 for n in extent)
        one, zero = height * 0.0 + 1.0, height * 0.0

        def choose(*values: Array) -> Array:
            upper = xp.where(turns == 2, values[2], values[3])
            return xp.where(turns == 0, values[0], xp.where(turns == 1, values[1], upper))

        matrix = affine(
            choose(one, zero, -one, zero),
            choose(zero, -one, zero, one),
            choose(zero, width, width, zero),
            choose(zero, one, zero, -one),
            choose(one, zero, -one, zero),
            choose(zero, zero, height, height),
            xp,
        )
        odd = (turns == 1) | (turns == 3)
        size = whole(xp.where(odd, width, height), xp.where(odd, height, width), xp)
        return (Warp(matrix=matrix, size=size, interpolation=None, border=None),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpose(Transform):
    """Swap rows and columns. Pictures that are not square change their shape.

        >>> Transpose()
        Transpose()

    Attributes:
        probability: How likely a record is transposed.
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        check_number("Transpose.probability", self.probability, 0, 1)

    def variables(self) -> Mapping[str, Variable]:
        return {"swap": Bernoulli(self.probability)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        height, width = xp.broadcast_arrays(*extent)
        straight = xp.where(drawn.swap, 0.0, 1.0 + height * 0.0)
        crossed = 1.0 - straight
        matrix = affine(straight, crossed, 0.0, crossed, straight, 0.0, xp)
        size = whole(xp.where(drawn.swap, width, height), xp.where(drawn.swap, height, width), xp)
        return (Warp(matrix=matrix, size=size, interpolation=None, border=None),)


@dataclass(frozen=True, slots=True)
class PadToSize(Transform):
    """Continue a picture that is smaller than a size, evenly on both sides. One that is larger stays as it is.

        >>> PadToSize((300, 300), border='reflect')
        PadToSize((300, 300), border='reflect')

    Attributes:
        size: The least (height, width) in pixels.
        border: What continues it: "constant", "reflect" (the edge pixel twice), "replicate" or "wrap".
        fill: The level, 0 to 255, of a constant border.
    """

    size: Size
    _: KW_ONLY
    border: Border = "constant"
    fill: float = 0.0

    def __post_init__(self) -> None:
        check_size("PadToSize.size", self.size)
        check_border(self)

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        full = [xp.maximum(n, n * 0.0 + float(least)) for n, least in zip(extent, self.size, strict=True)]
        top, left = (-xp.floor((new - old) * 0.5) for new, old in zip(full, extent, strict=True))
        return (moved(self, top, left, whole(full[0], full[1], xp), xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomZoomOut(Transform):
    """Put the picture at a random place of a larger one, as Liu et al., "SSD: Single shot multibox detector" (2016), do
    to get small things. Pictures leave it in different sizes: resize after it, which makes one resample of the two.

        >>> RandomZoomOut(factor=(1, 3), fill=124)
        RandomZoomOut(factor=(1, 3), fill=124)

    Attributes:
        factor: Range of the factor by which height and width grow, within 1 to 100.
        border: What lies around it: "constant", "reflect" (the edge pixel twice), "replicate" or "wrap".
        fill: The level, 0 to 255, of a constant border.
    """

    factor: Range = (1.0, 4.0)
    border: Border = "constant"
    fill: float = 0.0

    def __post_init__(self) -> None:
        check_range("RandomZoomOut.factor", self.factor, 1, 100)
        check_border(self)

    def variables(self) -> Mapping[str, Variable]:
        return {"factor": Uniform(*self.factor), "y": Uniform(0, 1), "x": Uniform(0, 1)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        full = [xp.round(n * drawn.factor) for n in extent]
        places = zip(full, extent, (drawn.y, drawn.x), strict=True)
        top, left = (-xp.floor(share * (new - old + 1.0)) for new, old, share in places)
        return (moved(self, top, left, whole(full[0], full[1], xp), xp),)


def _resized(transform: Any, factor: Array, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
    """The op that magnifies by a factor (n,), to the nearest whole size."""
    new = [xp.maximum(xp.round(n * factor), n * 0.0 + factor * 0.0 + 1.0) for n in extent]
    return (resized(transform, extent[0] / new[0], extent[1] / new[1], whole(new[0], new[1], xp), xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomScale(Transform):
    """Resize by a random factor, the same along both sides. Pictures leave it in different sizes: crop after it.

        >>> RandomScale(factor=(0.5, 2))
        RandomScale(factor=(0.5, 2))

    Attributes:
        factor: Range of the factor, within 0.01 to 100; above 1 the picture grows.
        interpolation: The kernel; Pillow's of the same name.
        antialias: Whether to average over all the pixels that fall into one.
    """

    factor: Range
    interpolation: Interpolation = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        check_range("RandomScale.factor", self.factor, 0.01, 100)
        check_sampling(self)

    def variables(self) -> Mapping[str, Variable]:
        return {"factor": Uniform(*self.factor)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return _resized(self, drawn.factor, extent, xp)


@dataclass(frozen=True, slots=True)
class SideResized(Transform):
    """Resize such that one side has a given length; which one, a subclass says.

    Attributes:
        size: The length in pixels.
        interpolation: The kernel; Pillow's of the same name.
        antialias: Whether to average over all the pixels that fall into one.
    """

    size: int
    _: KW_ONLY
    interpolation: Interpolation = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        if type(self.size) is not int or self.size < 1:
            raise fail(f"{type(self).__name__}.size", self.size, "expected a positive integer, in pixels")
        check_sampling(self)


@dataclass(frozen=True, slots=True)
class ResizeLongestSide(SideResized):
    """Resize such that the longer side has a given length; the ratio of the sides stays.

        >>> ResizeLongestSide(256)
        ResizeLongestSide(256)

    Attributes:
        size: The length in pixels.
        interpolation: The kernel; Pillow's of the same name.
        antialias: Whether to average over all the pixels that fall into one.
    """

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return _resized(self, self.size / xp.maximum(*xp.broadcast_arrays(*extent)), extent, xp)


@dataclass(frozen=True, slots=True)
class ResizeShortestSide(SideResized):
    """Resize such that the shorter side has a given length; the ratio of the sides stays.

        >>> ResizeShortestSide(256)
        ResizeShortestSide(256)

    Attributes:
        size: The length in pixels.
        interpolation: The kernel; Pillow's of the same name.
        antialias: Whether to average over all the pixels that fall into one.
    """

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return _resized(self, self.size / xp.minimum(*xp.broadcast_arrays(*extent)), extent, xp)
