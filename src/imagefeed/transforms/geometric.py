"""Transforms that move what is in a picture and keep its size.

Lengths are fractions of the picture's width (x, to the right) and height (y, downward). Angles are degrees,
counter-clockwise positive as a person sees the picture. Every motion is about the middle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass

from imagefeed.checks import check_bool, check_number, check_range
from imagefeed.ops import Extent, Op, Warp
from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.matrices import about_center, affine, matrix
from imagefeed.transforms.sampling import check_border, check_sampling
from imagefeed.types import Array, Border, Namespace, Range, Sampling
from imagefeed.variables import Bernoulli, Uniform, Variable


@dataclass(frozen=True, slots=True)
class Flipped(Transform):
    """A mirror for some of the records.

    Attributes:
        probability: How likely a record is mirrored.
    """

    _: KW_ONLY
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_number(f"{type(self).__name__}.probability", self.probability, 0, 1)

    def variables(self) -> Mapping[str, Variable]:
        return {"flip": Bernoulli(self.probability)}


@dataclass(frozen=True, slots=True)
class HorizontalFlip(Flipped):
    """Mirror left and right.

        >>> HorizontalFlip()
        HorizontalFlip()

    Attributes:
        probability: How likely a record is mirrored.
    """

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        sign = xp.where(drawn.flip, -1.0, 1.0 + extent[1] * 0.0)
        mirror = affine(sign, 0.0, xp.where(drawn.flip, extent[1], 0.0), 0.0, 1.0, 0.0, xp)
        return (Warp(matrix=mirror, interpolation=None, border=None),)


@dataclass(frozen=True, slots=True)
class VerticalFlip(Flipped):
    """Mirror top and bottom.

        >>> VerticalFlip()
        VerticalFlip()

    Attributes:
        probability: How likely a record is mirrored.
    """

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        sign = xp.where(drawn.flip, -1.0, 1.0 + extent[0] * 0.0)
        mirror = affine(1.0, 0.0, 0.0, 0.0, sign, xp.where(drawn.flip, extent[0], 0.0), xp)
        return (Warp(matrix=mirror, interpolation=None, border=None),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved(Transform):
    """A transform that may look outside the picture.

    Attributes:
        border: What lies outside: "reflect" (the edge pixel twice), "replicate", "wrap", or "constant".
        fill: The level, 0 to 255, of a constant border.
        interpolation: "bilinear" or "nearest".
        antialias: Whether to average over all the pixels that fall into one, where the picture shrinks.
    """

    border: Border = "reflect"
    fill: float = 0.0
    interpolation: Sampling = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        check_border(self)
        check_sampling(self, Sampling)

    def _warp(self, inverse: Array) -> tuple[Op, ...]:
        return (
            Warp(
                matrix=inverse,
                interpolation=self.interpolation,
                border=self.border,
                fill=float(self.fill),
                antialias=self.antialias,
            ),
        )


def _rotation(degrees: Array, extent: Extent, xp: Namespace) -> Array:
    radians = degrees * (math.pi / 180)
    cos, sin = xp.cos(radians), xp.sin(radians)
    return about_center(cos, -sin, sin, cos, extent, xp)


def _shift(x: Array, y: Array, extent: Extent, xp: Namespace) -> Array:
    return affine(1.0, 0.0, x * -extent[1], 0.0, 1.0, y * -extent[0], xp)


def _shear(x: Array, y: Array, extent: Extent, xp: Namespace) -> Array:
    x, y = xp.tan(x * (math.pi / 180)), xp.tan(y * (math.pi / 180))
    # Slant the columns, then the rows: a product of two shears can always be inverted.
    return about_center(x * y + 1.0, x, y, 1.0, extent, xp)


def _zoom(x: Array, y: Array, extent: Extent, xp: Namespace) -> Array:
    return about_center(1.0 / x, 0.0, 0.0, 1.0 / y, extent, xp)


_SLANT = 80  # degrees; the tangent grows without limit towards 90
# Of what Affine draws, in the order in which it does.
_LIMITS: Mapping[str, Range] = {
    "degrees": (-360, 360),
    "x": (-1, 1),
    "y": (-1, 1),
    "shear_x": (-_SLANT, _SLANT),
    "shear_y": (-_SLANT, _SLANT),
    "zoom": (0.01, 100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotate(Moved):
    """Turn about the middle.

        >>> Rotate(degrees=(-30, 30))
        Rotate(degrees=(-30, 30))

    Attributes:
        degrees: Range of the angle, counter-clockwise positive.
        border: What lies outside: "reflect" (the edge pixel twice), "replicate", "wrap", or "constant".
        fill: The level, 0 to 255, of a constant border.
        interpolation: "bilinear" or "nearest".
        antialias: Whether to average over all the pixels that fall into one, where the picture shrinks.
    """

    degrees: Range

    def __post_init__(self) -> None:
        Moved.__post_init__(self)
        check_range("Rotate.degrees", self.degrees, -360, 360)

    def variables(self) -> Mapping[str, Variable]:
        return {"degrees": Uniform(*self.degrees)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return self._warp(_rotation(drawn.degrees, extent, xp))


@dataclass(frozen=True, slots=True, kw_only=True)
class Translate(Moved):
    """Shift.

        >>> Translate(border='replicate', x=(-0.5, 0.5), y=(-0.1, 0.3))
        Translate(border='replicate', x=(-0.5, 0.5), y=(-0.1, 0.3))

    Attributes:
        x: Range of the shift to the right, as a fraction of the width.
        y: Range of the shift downward, as a fraction of the height.
        border: What lies outside: "reflect" (the edge pixel twice), "replicate", "wrap", or "constant".
        fill: The level, 0 to 255, of a constant border.
        interpolation: "bilinear" or "nearest".
        antialias: Whether to average over all the pixels that fall into one, where the picture shrinks.
    """

    x: Range = (0.0, 0.0)
    y: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        Moved.__post_init__(self)
        check_range("Translate.x", self.x, -1, 1)
        check_range("Translate.y", self.y, -1, 1)

    def variables(self) -> Mapping[str, Variable]:
        return {"x": Uniform(*self.x), "y": Uniform(*self.y)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return self._warp(_shift(drawn.x, drawn.y, extent, xp))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shear(Moved):
    """Slant, as italics are slanted: columns first, then rows.

        >>> Shear(x=(-20, 20), y=(-10, 10))
        Shear(x=(-20, 20), y=(-10, 10))

    Attributes:
        x: Range of the angle, in degrees, by which columns lean; positive moves the top to the right.
        y: Range of the angle, in degrees, by which rows lean; positive moves the right side up.
        border: What lies outside: "reflect" (the edge pixel twice), "replicate", "wrap", or "constant".
        fill: The level, 0 to 255, of a constant border.
        interpolation: "bilinear" or "nearest".
        antialias: Whether to average over all the pixels that fall into one, where the picture shrinks.
    """

    x: Range = (0.0, 0.0)
    y: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        Moved.__post_init__(self)
        check_range("Shear.x", self.x, -_SLANT, _SLANT)
        check_range("Shear.y", self.y, -_SLANT, _SLANT)

    def variables(self) -> Mapping[str, Variable]:
        return {"x": Uniform(*self.x), "y": Uniform(*self.y)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return self._warp(_shear(drawn.x, drawn.y, extent, xp))


@dataclass(frozen=True, slots=True, kw_only=True)
class Zoom(Moved):
    """Magnify or shrink about the middle.

        >>> Zoom(factor=(0.5, 2))
        Zoom(factor=(0.5, 2))

    Attributes:
        factor: Range of the magnification; above 1 things grow.
        keep_ratio: Whether width and height grow by the same factor, or each by its own.
        border: What lies outside: "reflect" (the edge pixel twice), "replicate", "wrap", or "constant".
        fill: The level, 0 to 255, of a constant border.
        interpolation: "bilinear" or "nearest".
        antialias: Whether to average over all the pixels that fall into one, where the picture shrinks.
    """

    factor: Range
    keep_ratio: bool = True

    def __post_init__(self) -> None:
        Moved.__post_init__(self)
        check_range("Zoom.factor", self.factor, 0.01, 100)
        check_bool("Zoom.keep_ratio", self.keep_ratio)

    def variables(self) -> Mapping[str, Variable]:
        return {"factor": Uniform(*self.factor, shape=(1 if self.keep_ratio else 2,))}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return self._warp(_zoom(drawn.factor[:, -1], drawn.factor[:, 0], extent, xp))


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine(Moved):
    """Zoom, shear, rotate and shift, in this order, in one.

        >>> Affine(degrees=(-9, 9), x=(-0.1, 0.1), y=(0, 0.2), shear_x=(-5, 5), shear_y=(0, 3), zoom=(0.8, 1.2))
        Affine(degrees=(-9, 9), x=(-0.1, 0.1), y=(0, 0.2), shear_x=(-5, 5), shear_y=(0, 3), zoom=(0.8, 1.2))

    Attributes:
        degrees: Range of the angle, counter-clockwise positive.
        x: Range of the shift to the right, as a fraction of the width.
        y: Range of the shift downward, as a fraction of the height.
        shear_x: Range of the angle, in degrees, by which columns lean.
        shear_y: Range of the angle, in degrees, by which rows lean.
        zoom: Range of the magnification.
        border: What lies outside: "reflect" (the edge pixel twice), "replicate", "wrap", or "constant".
        fill: The level, 0 to 255, of a constant border.
        interpolation: "bilinear" or "nearest".
        antialias: Whether to average over all the pixels that fall into one, where the picture shrinks.
    """

    degrees: Range = (0.0, 0.0)
    x: Range = (0.0, 0.0)
    y: Range = (0.0, 0.0)
    shear_x: Range = (0.0, 0.0)
    shear_y: Range = (0.0, 0.0)
    zoom: Range = (1.0, 1.0)

    def __post_init__(self) -> None:
        Moved.__post_init__(self)
        owner = type(self).__name__
        for name, (low, high) in _LIMITS.items():
            check_range(f"{owner}.{name}", getattr(self, name), low, high)

    def variables(self) -> Mapping[str, Variable]:
        return {name: Uniform(*getattr(self, name)) for name in _LIMITS}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return self._warp(self._matrix(drawn, extent, xp))

    def _matrix(self, drawn: Drawn, extent: Extent, xp: Namespace) -> Array:
        return (
            _zoom(drawn.zoom, drawn.zoom, extent, xp)
            @ _shear(drawn.shear_x, drawn.shear_y, extent, xp)
            @ _rotation(drawn.degrees, extent, xp)
            @ _shift(drawn.x, drawn.y, extent, xp)
        )


@dataclass(frozen=True, slots=True)
class Perspective(Moved):
    """Look at the picture from the side: each corner of what is seen moves on its own.

        >>> Perspective(0.3, border='constant', fill=7)
        Perspective(0.3, border='constant', fill=7)

    Attributes:
        strength: How far a corner moves at most, as a fraction of half the width and height; from 0 to 0.45,
            beyond which the four corners would no longer surround a picture.
        border: What lies outside: "reflect" (the edge pixel twice), "replicate", "wrap", or "constant".
        fill: The level, 0 to 255, of a constant border.
        interpolation: "bilinear" or "nearest".
        antialias: Whether to average over all the pixels that fall into one, where the picture shrinks.
    """

    strength: float

    def __post_init__(self) -> None:
        Moved.__post_init__(self)
        check_number("Perspective.strength", self.strength, 0, 0.45)

    def variables(self) -> Mapping[str, Variable]:
        return {"corners": _corners(self.strength)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return self._warp(_seen(drawn.corners, extent, xp))


def _corners(strength: float) -> Variable:
    return Uniform(-strength, strength, shape=(4, 2))


def _seen(corners: Array, extent: Extent, xp: Namespace) -> Array:
    """The matrix of a picture whose corners have moved by (n, 4, 2)."""
    # Corners in the order (0, 0), (1, 0), (1, 1), (0, 1) of the unit square, as (x, y).
    x = [corners[:, k, 0] * 0.5 + (0.0, 1.0, 1.0, 0.0)[k] for k in range(4)]
    y = [corners[:, k, 1] * 0.5 + (0.0, 0.0, 1.0, 1.0)[k] for k in range(4)]
    height, width = extent
    to_unit = affine(1.0 / width, 0.0, 0.0, 0.0, 1.0 / height, 0.0, xp)
    from_unit = affine(width, 0.0, 0.0, 0.0, height, 0.0, xp)
    return from_unit @ _square_to_quad(x, y, xp) @ to_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomPerspective(Affine):
    """Zoom, shear, rotate and shift, as Affine, and look from the side, as Perspective: all in one warp.

        >>> RandomPerspective(degrees=(-20, 20), strength=0.2)
        RandomPerspective(degrees=(-20, 20), strength=0.2)

    Attributes:
        degrees: Range of the angle, counter-clockwise positive.
        x: Range of the shift to the right, as a fraction of the width.
        y: Range of the shift downward, as a fraction of the height.
        shear_x: Range of the angle, in degrees, by which columns lean.
        shear_y: Range of the angle, in degrees, by which rows lean.
        zoom: Range of the magnification.
        strength: How far a corner moves at most, as a fraction of half the width and height; from 0 to 0.45.
        border: What lies outside: "reflect" (the edge pixel twice), "replicate", "wrap", or "constant".
        fill: The level, 0 to 255, of a constant border.
        interpolation: "bilinear" or "nearest".
        antialias: Whether to average over all the pixels that fall into one, where the picture shrinks.
    """

    degrees: Range = (-10.0, 10.0)
    x: Range = (-0.1, 0.1)
    y: Range = (-0.1, 0.1)
    shear_x: Range = (-2.0, 2.0)
    shear_y: Range = (-2.0, 2.0)
    zoom: Range = (0.8, 1.25)
    strength: float = 0.1

    def __post_init__(self) -> None:
        Affine.__post_init__(self)
        check_number("RandomPerspective.strength", self.strength, 0, 0.45)

    def variables(self) -> Mapping[str, Variable]:
        return {**Affine.variables(self), "corners": _corners(self.strength)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return self._warp(self._matrix(drawn, extent, xp) @ _seen(drawn.corners, extent, xp))


def _square_to_quad(x: list[Array], y: list[Array], xp: Namespace) -> Array:
    """The projective map of the unit square to four corners: Heckbert, "Fundamentals of texture mapping and
    image warping" (1989), section 2.2.3."""
    dx1, dx2, sx = x[1] - x[2], x[3] - x[2], x[0] - x[1] + x[2] - x[3]
    dy1, dy2, sy = y[1] - y[2], y[3] - y[2], y[0] - y[1] + y[2] - y[3]
    area = dx1 * dy2 - dx2 * dy1
    g = (sx * dy2 - dx2 * sy) / area
    h = (dx1 * sy - sx * dy1) / area
    return matrix(
        (
            (x[1] - x[0] + g * x[1], x[3] - x[0] + h * x[3], x[0]),
            (y[1] - y[0] + g * y[1], y[3] - y[0] + h * y[3], y[0]),
            (g, h, 1.0),
        ),
        xp,
    )
