"""Transforms of color. They work on levels from 0 to 255 and clip to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagefeed.checks import check_range
from imagefeed.ops import ColorMatrix, Extent, Op
from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.matrices import matrix
from imagefeed.types import Array, Namespace, Range
from imagefeed.variables import Uniform, Variable

MID_GRAY = 127.5

# Red, green and blue in luma: ITU-R BT.601, the weights of Pillow's conversion to "L".
LUMA = (0.299, 0.587, 0.114)


def color_matrix(rows: tuple[tuple[Any, ...], ...], xp: Namespace, *, diagonal: bool) -> ColorMatrix:
    """The op from three rows of four entries, each a number or an array (n,), clipped to 0..255."""
    entries = matrix(rows, xp)
    zero = entries[:1, :, 3] * 0.0
    return ColorMatrix(matrix=entries, low=zero, high=zero + 255.0, diagonal=diagonal)


def scale_levels(factor: Array, shift: Array, xp: Namespace) -> ColorMatrix:
    """`factor * level + shift`, the same in every channel."""
    rows = ((factor, 0.0, 0.0, shift), (0.0, factor, 0.0, shift), (0.0, 0.0, factor, shift))
    return color_matrix(rows, xp, diagonal=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brightness(Transform):
    """Multiply every level. Within a level of Pillow's ImageEnhance.Brightness, which rounds down.

        >>> Brightness(factor=(0.5, 1.5))
        Brightness(factor=(0.5, 1.5))

    Attributes:
        factor: Range of the factor; 0 is black, 1 leaves the picture alone.
    """

    factor: Range

    def __post_init__(self) -> None:
        check_range("Brightness.factor", self.factor, 0)

    def variables(self) -> Mapping[str, Variable]:
        return {"factor": Uniform(*self.factor)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (scale_levels(drawn.factor, drawn.factor * 0.0, xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast(Transform):
    """Move every level away from, or towards, mid-gray.

    The pivot is 127.5 and not the picture's own mean, since what is done to a picture is decided before it is
    decoded. Agrees with the definition, `127.5 + factor (level - 127.5)`, within 0.001 of a level.

        >>> Contrast(factor=(0.5, 1.5))
        Contrast(factor=(0.5, 1.5))

    Attributes:
        factor: Range of the factor; 0 is a gray surface, 1 leaves the picture alone.
    """

    factor: Range

    def __post_init__(self) -> None:
        check_range("Contrast.factor", self.factor, 0)

    def variables(self) -> Mapping[str, Variable]:
        return {"factor": Uniform(*self.factor)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (scale_levels(drawn.factor, (1.0 - drawn.factor) * MID_GRAY, xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation(Transform):
    """Move every color away from, or towards, the gray of its luma (ITU-R BT.601, as in Pillow).

    Within `1 + factor` levels of Pillow's ImageEnhance.Color, which rounds the gray picture first.

        >>> Saturation(factor=(0, 2))
        Saturation(factor=(0, 2))

    Attributes:
        factor: Range of the factor; 0 is a gray picture, 1 leaves it alone.
    """

    factor: Range

    def __post_init__(self) -> None:
        check_range("Saturation.factor", self.factor, 0)

    def variables(self) -> Mapping[str, Variable]:
        return {"factor": Uniform(*self.factor)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        gray = [(1.0 - drawn.factor) * weight for weight in LUMA]
        rows = tuple((*(gray[k] + drawn.factor if k == row else gray[k] for k in range(3)), 0.0) for row in range(3))
        return (color_matrix(rows, xp, diagonal=False),)
