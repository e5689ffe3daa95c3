"""Transforms that blur and sharpen. Outside the picture they see it reflected, as SciPy's mode "reflect"."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from imagefeed.checks import check_number, check_range, fail, is_tuple
from imagefeed.effects import Filter, Median
from imagefeed.ops import Extent, Op
from imagefeed.transforms.base import Drawn, Transform
from imagefeed.types import Array, Namespace, Range
from imagefeed.variables import Choice, Integers, Uniform, Variable


def gaussian(sigma: Array, most: float, xp: Namespace) -> Filter:
    """A Gaussian blur of deviation `sigma` (n,), at most `most`, cut off after three deviations as SciPy does it."""
    reach = max(1, int(3.0 * most + 0.5))
    x = xp.abs(xp.arange(-reach, reach + 1, dtype=sigma.dtype))[None, :]
    sigma = sigma[:, None]
    weights = xp.exp(-0.5 * (x / sigma) * (x / sigma))
    weights = xp.where(x <= xp.floor(3.0 * sigma + 0.5), weights, 0.0)
    weights = weights / xp.sum(weights, axis=1)[:, None]
    return Filter(kernel=xp.stack([weights, weights], axis=1), separable=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianBlur(Transform):
    """Blur by a normal distribution: scipy.ndimage.gaussian_filter with truncate=3, within 0.02 of a level.

        >>> GaussianBlur(sigma=(0.5, 2))
        GaussianBlur(sigma=(0.5, 2))

    Attributes:
        sigma: Range of the deviation in pixels, within 0.1 to 100.
    """

    sigma: Range

    def __post_init__(self) -> None:
        check_range("GaussianBlur.sigma", self.sigma, 0.1, 100)

    def variables(self) -> Mapping[str, Variable]:
        return {"sigma": Uniform(*self.sigma)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (gaussian(drawn.sigma, self.sigma[1], xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleSpace(Transform):
    """Look at the picture at a random level of a scale space: Lowe, "Distinctive image features from scale-invariant
    keypoints" (2004), section 3.

    Level k has the deviation `sigma * 2 ** (k / per_octave)`, of which the picture itself is taken to have 0.5 already.
    Agrees with scipy.ndimage.gaussian_filter of the deviation that is left within 0.02 of a level.

        >>> ScaleSpace(octaves=1)
        ScaleSpace(octaves=1)

    Attributes:
        octaves: How many doublings of the scale there are.
        per_octave: How many levels a doubling has; 3 in the paper.
        sigma: The deviation of the first level in pixels; 1.6 in the paper.
    """

    octaves: int = 2
    per_octave: int = 3
    sigma: float = 1.6

    def __post_init__(self) -> None:
        for name, most in (("octaves", 5), ("per_octave", 20)):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise fail(f"ScaleSpace.{name}", value, f"expected an integer from 1 to {most}")
        check_number("ScaleSpace.sigma", self.sigma, 0.6, 3)

    def variables(self) -> Mapping[str, Variable]:
        return {"level": Integers(0, self.octaves * self.per_octave)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        scale = self.sigma * 2.0 ** (xp.astype(drawn.level, extent[0].dtype) / self.per_octave)
        return (gaussian(xp.sqrt(scale * scale - 0.25), self.sigma * 2.0**self.octaves, xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionBlur(Transform):
    """Smear along a line, as a moving camera does.

    A pixel's weight is how much of it a line of width one, with soft ends, covers; the weights sum to one.
    Agrees with SciPy's ndimage.correlate of these weights within 0.02 of a level.

        >>> MotionBlur(length=(3, 15))
        MotionBlur(length=(3, 15))

    Attributes:
        length: Range of the line's length in pixels, within 1 to 99.
        degrees: Range of its angle, counter-clockwise positive; 0 lies flat.
    """

    length: Range
    degrees: Range = (-90.0, 90.0)

    def __post_init__(self) -> None:
        check_range("MotionBlur.length", self.length, 1, 99)
        check_range("MotionBlur.degrees", self.degrees, -360, 360)

    def variables(self) -> Mapping[str, Variable]:
        return {"length": Uniform(*self.length), "degrees": Uniform(*self.degrees)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        reach = math.ceil(self.length[1] / 2)
        at = xp.arange(-reach, reach + 1, dtype=drawn.length.dtype)
        x, y = at[None, None, :], at[None, :, None]
        radians = drawn.degrees[:, None, None] * (math.pi / 180)
        cos, sin = xp.cos(radians), xp.sin(radians)
        along, across = xp.abs(x * cos - y * sin), xp.abs(x * sin + y * cos)
        covered = xp.clip(drawn.length[:, None, None] * 0.5 + 0.5 - along, 0.0, 1.0)
        weights = covered * xp.clip(1.0 - across, 0.0, 1.0)
        return (Filter(kernel=weights / xp.sum(weights, axis=(1, 2))[:, None, None], separable=False),)


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianBlur(Transform):
    """The median of a square around every pixel, channel by channel: to the level SciPy's ndimage.median_filter with
    the nearest pixel outside, and Pillow's MedianFilter where the square lies inside.

        >>> MedianBlur(sizes=(3, 5))
        MedianBlur(sizes=(3, 5))

    Attributes:
        sizes: The sides of the squares to choose from: any of 3, 5 and 7.
    """

    sizes: tuple[int, ...] = (3, 5, 7)

    def __post_init__(self) -> None:
        if not is_tuple(self.sizes) or not self.sizes or not all(size in (3, 5, 7) for size in self.sizes):
            raise fail("MedianBlur.sizes", self.sizes, "expected a tuple of 3, 5 or 7, for example (3, 5)")

    def variables(self) -> Mapping[str, Variable]:
        return {"size": Choice(self.sizes)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (Median(size=xp.astype(drawn.size, xp.int64)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharpness(Transform):
    """Move the picture away from, or towards, a smoothed one: Pillow's ImageEnhance.Sharpness.

    Within `1 + factor` levels of Pillow, which rounds in between, and within one for 99 of 100 pixels; Pillow leaves
    the outermost ones alone, where this reflects.

        >>> Sharpness(factor=(0, 3))
        Sharpness(factor=(0, 3))

    Attributes:
        factor: Range of the factor; 0 is smooth, 1 leaves the picture alone, 2 is sharp.
    """

    factor: Range

    def __post_init__(self) -> None:
        check_range("Sharpness.factor", self.factor, 0)

    def variables(self) -> Mapping[str, Variable]:
        return {"factor": Uniform(*self.factor)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (sharpness(drawn.factor, xp),)


def sharpness(factor: Array, xp: Namespace) -> Filter:
    """The op of Sharpness, of factors (n,)."""
    smooth = (1.0 - factor) / 13.0
    middle = smooth * 5.0 + factor
    rows = [xp.stack([middle if (y, x) == (1, 1) else smooth for x in range(3)], axis=-1) for y in range(3)]
    return Filter(kernel=xp.stack(rows, axis=1), separable=False)
