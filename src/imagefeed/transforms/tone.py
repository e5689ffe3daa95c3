"""Transforms that replace levels: the same level becomes the same other one, wherever in the picture it is.

They are made on whole levels, so what reaches them is rounded first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagefeed.checks import check_bool, check_number, check_range, check_size, fail, is_tuple
from imagefeed.effects import Histogram, LocalHistogram
from imagefeed.ops import Extent, Lut, Op
from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.color import scale_levels
from imagefeed.types import Array, Namespace, Range, Size
from imagefeed.variables import Integers, LogUniform, Uniform, Variable


def levels(like: Array, xp: Namespace) -> Array:
    """The 256 levels, float (1, 256)."""
    return xp.arange(256, dtype=like.dtype)[None, :]


def table(values: Array, xp: Namespace) -> Lut:
    """The op from float values (n, 256) or (n, 256, C) for the levels, rounded and clipped."""
    rounded = xp.astype(xp.clip(xp.round(values), 0.0, 255.0), xp.uint8)
    return Lut(table=rounded if len(rounded.shape) == 3 else rounded[..., None])


def check_int_range(where: str, value: Any, low: int, high: int) -> None:
    """Raise SpecError unless `value` is a tuple (low, high) of integers in order, within the given limits."""
    check_range(where, value, low, high)
    if not all(type(n) is int for n in value):
        raise fail(where, value, "expected two integers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gamma(Transform):
    """Raise levels, taken from 0 to 1, to a power: `255 (level / 255) ** gamma`, rounded.

    Agrees to the level with the definition (a test computes it in NumPy).

        >>> Gamma(gamma=(0.5, 2))
        Gamma(gamma=(0.5, 2))

    Attributes:
        gamma: Range of the power, log-uniform: below 1 is brighter, 1 leaves the picture alone.
    """

    gamma: Range

    def __post_init__(self) -> None:
        check_range("Gamma.gamma", self.gamma, 0.01, 100)

    def variables(self) -> Mapping[str, Variable]:
        return {"gamma": LogUniform(*self.gamma)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        unit = levels(drawn.gamma, xp) / 255.0
        return (table(255.0 * unit ** drawn.gamma[:, None], xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invert(Transform):
    """Make a negative: `255 - level`, Pillow's ImageOps.invert to the level.

    Put it into `Sometimes` to apply it at random.

    >>> Invert()
    Invert()
    """

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        one = extent[0] * 0.0 + 1.0
        return (scale_levels(-one, one * 255.0, xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solarize(Transform):
    """Invert what is bright: levels from a threshold on; Pillow's ImageOps.solarize to the level.

        >>> Solarize(threshold=(50, 200))
        Solarize(threshold=(50, 200))

    Attributes:
        threshold: Range of the threshold, within 0 to 256; 256 leaves the picture alone.
    """

    threshold: Range

    def __post_init__(self) -> None:
        check_range("Solarize.threshold", self.threshold, 0, 256)

    def variables(self) -> Mapping[str, Variable]:
        return {"threshold": Uniform(*self.threshold)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        level = levels(drawn.threshold, xp)
        return (table(xp.where(level < drawn.threshold[:, None], level, 255.0 - level), xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterize(Transform):
    """Keep the leading bits of every level: Pillow's ImageOps.posterize to the level.

        >>> Posterize(bits=(2, 6))
        Posterize(bits=(2, 6))

    Attributes:
        bits: Range of how many bits are kept, integers within 1 to 8, both included; 8 leaves the picture alone.
    """

    bits: tuple[int, int]

    def __post_init__(self) -> None:
        check_int_range("Posterize.bits", self.bits, 1, 8)

    def variables(self) -> Mapping[str, Variable]:
        return {"bits": Integers(*self.bits)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        step = 2.0 ** (8.0 - xp.astype(drawn.bits, extent[0].dtype))[:, None]
        return (table(xp.floor(levels(step, xp) / step) * step, xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneCurve(Transform):
    """Bend the tones along a cubic Bezier curve from black to white, whose two inner points are moved up or down.

    The points of Bezier's definition are black, a third and two thirds of the way, each shifted, and white; a level
    is its parameter. Agrees with De Casteljau's construction (1959) to the level.

        >>> ToneCurve(strength=0.2, per_channel=True)
        ToneCurve(strength=0.2, per_channel=True)

    Attributes:
        strength: How far an inner point moves at most, as a fraction of the way from black to white; 0 to 1/3, up to
            which the curve only rises.
        per_channel: Whether each of the channels red, green and blue gets a curve of its own.
    """

    strength: float
    per_channel: bool = False

    def __post_init__(self) -> None:
        check_number("ToneCurve.strength", self.strength, 0, 1 / 3)
        check_bool("ToneCurve.per_channel", self.per_channel)

    def variables(self) -> Mapping[str, Variable]:
        return {"shift": Uniform(-self.strength, self.strength, shape=(2, 3 if self.per_channel else 1))}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        t = levels(drawn.shift, xp)[..., None] / 255.0
        first, second = (drawn.shift[:, k, :][:, None, :] + (k + 1) / 3 for k in range(2))
        u = 1.0 - t
        return (table(255.0 * (3.0 * u * u * t * first + 3.0 * u * t * t * second + t * t * t), xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equalize(Transform):
    """Make all levels of a channel about as frequent, as Pillow's ImageOps.equalize does, to the level.

    What the table is depends on the pixels, so this step needs the whole picture before its first row.

        >>> Equalize()
        Equalize()
    """

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (Histogram(kind="equalize", cutoff=extent[0][:1] * 0.0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoContrast(Transform):
    """Stretch each channel from its darkest level to its brightest: Pillow's ImageOps.autocontrast to the level.

    With a cutoff, within three levels of it: Pillow leaves out a part of a level's pixels, this all or none.

        >>> AutoContrast(cutoff=0.01)
        AutoContrast(cutoff=0.01)

    Attributes:
        cutoff: The share of the pixels, from 0 to 0.49, that is left out at each end (Pillow's is in percent).
    """

    cutoff: float = 0.0

    def __post_init__(self) -> None:
        check_number("AutoContrast.cutoff", self.cutoff, 0, 0.49)

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (Histogram(kind="stretch", cutoff=extent[0][:1] * 0.0 + float(self.cutoff)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clahe(Transform):
    """Contrast-limited adaptive histogram equalization (Zuiderveld, Graphics Gems IV, 1994), as OpenCV's createCLAHE.

    A gray picture becomes OpenCV's to the level; of a color picture the luma is equalized, and its change added to
    every channel. Takes 1 or 3 channels.

        >>> Clahe(limit=(1, 8))
        Clahe(limit=(1, 8))

    Attributes:
        limit: Range of how much more often than on average a level may count.
        tiles: Rows and columns of tiles.
    """

    limit: Range = (1.0, 4.0)
    tiles: Size = (8, 8)

    def __post_init__(self) -> None:
        check_range("Clahe.limit", self.limit, 0, 256)
        check_size("Clahe.tiles", self.tiles)
        if is_tuple(self.tiles) and max(self.tiles) > 1024:
            raise fail("Clahe.tiles", self.tiles, "expected at most 1024 rows and columns")

    def variables(self) -> Mapping[str, Variable]:
        return {"limit": Uniform(*self.limit)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (LocalHistogram(limit=drawn.limit, tiles=self.tiles),)
