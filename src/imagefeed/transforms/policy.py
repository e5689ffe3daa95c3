"""Policies: a few of many simple transforms, drawn for every record, as papers found or chose them.

They stand on one list of operations (`OPERATIONS`), each of a strength from 0, which does nothing, to 1. An operation
at a place of a policy becomes ops that hold the parameters of all records, with those of doing nothing where a record
has another one: so a place costs one warp, a color matrix or two, one table and what looks at the whole picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, NamedTuple

from imagefeed.checks import check_choice, check_number, fail
from imagefeed.effects import Histogram
from imagefeed.ops import Blend, Extent, Op, Warp
from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.color import MID_GRAY, Saturation, scale_levels
from imagefeed.transforms.filter import sharpness
from imagefeed.transforms.geometric import Rotate
from imagefeed.transforms.matrices import about_center, affine
from imagefeed.transforms.sampling import check_border
from imagefeed.transforms.tone import check_int_range, levels, table
from imagefeed.transforms.turns import whole
from imagefeed.types import Array, Border, Namespace
from imagefeed.variables import Bernoulli, Integers, Uniform, Variable

OPERATIONS = (
    "Identity",
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
    "Rotate",
    "Brightness",
    "Color",
    "Contrast",
    "Sharpness",
    "Posterize",
    "Solarize",
    "AutoContrast",
    "Equalize",
    "Invert",
)


class Strongest(NamedTuple):
    """What the operations do at strength 1.

    Attributes:
        shear: Pixels sideways for a pixel down.
        shift: A fraction of the width or height.
        pixels: And a number of pixels.
        degrees: The angle.
        factor: How far the factors of brightness, color, contrast and sharpness lie from 1.
        bits: How many bits are lost.
    """

    shear: float
    shift: float
    pixels: float
    degrees: float
    factor: float
    bits: int


# Table 6 of Cubuk et al. (2019): TranslateX moves 150 of the 331 pixels that pictures had there.
STANDARD = Strongest(shear=0.3, shift=150 / 331, pixels=0.0, degrees=30.0, factor=0.9, bits=4)
# The wide search space of Müller and Hutter (2021).
WIDE = Strongest(shear=0.99, shift=0.0, pixels=32.0, degrees=135.0, factor=0.99, bits=6)


class Operation(NamedTuple):
    """One operation for each of n records.

    Attributes:
        kind: Integers (n,), places in OPERATIONS.
        strength: Float (n,), from 0 to 1.
        sign: Float (n,), 1 or -1: which way those go that can go two ways.
    """

    kind: Array
    strength: Array
    sign: Array

    def of(self, name: str) -> Array:
        """bool (n,): which records have the operation of this name."""
        return self.kind == OPERATIONS.index(name)

    def signed(self, name: str, most: float, xp: Namespace) -> Array:
        """Float (n,): how strong it is, up to `most` either way; 0 for the other records."""
        return xp.where(self.of(name), self.strength * self.sign * most, 0.0)


def geometry(one: Operation, most: Strongest, border: Border, fill: float, extent: Extent, xp: Namespace) -> Warp:
    """The warp of an operation."""

    def shift(name: str, length: Array) -> Array:
        return -(one.signed(name, most.shift, xp) * length + one.signed(name, most.pixels, xp))

    unit = one.strength * 0.0 + 1.0
    shear_x, shear_y = (one.signed(name, most.shear, xp) for name in ("ShearX", "ShearY"))
    sheared = about_center(unit, shear_x, shear_y, unit, extent, xp)
    shifted = affine(1.0, 0.0, shift("TranslateX", extent[1]), 0.0, 1.0, shift("TranslateY", extent[0]), xp)
    turn = Rotate(degrees=(0, 0), border=border, fill=fill)
    turned: Any = turn.lower(Drawn(degrees=one.signed("Rotate", most.degrees, xp)), extent, xp)[0]
    matrix = turned.matrix @ sheared @ shifted
    return Warp(matrix=matrix, interpolation="bilinear", border=border, fill=float(fill))


def colors(one: Operation, most: Strongest, xp: Namespace) -> tuple[Op, ...]:
    """The color ops of an operation, and those that look at the whole picture."""
    bright, colored, contrast, sharp = (
        one.signed(name, most.factor, xp) + 1.0 for name in ("Brightness", "Color", "Contrast", "Sharpness")
    )
    scaled = scale_levels(bright * contrast, (1.0 - contrast) * MID_GRAY, xp)
    (mixed,) = Saturation(factor=(1, 1)).lower(Drawn(factor=colored), (bright, bright), xp)
    cutoff = one.strength * 0.0
    return (
        scaled,
        mixed,
        _tables(one, most, xp),
        Histogram(kind="stretch", cutoff=cutoff, active=one.of("AutoContrast")),
        Histogram(kind="equalize", cutoff=cutoff, active=one.of("Equalize")),
        sharpness(sharp, xp).masked(one.of("Sharpness"), (bright, bright), xp),
    )


def _tables(one: Operation, most: Strongest, xp: Namespace) -> Op:
    level = levels(one.strength, xp)
    bits = xp.where(one.of("Posterize"), xp.round(one.strength * most.bits), 0.0)
    step = 2.0 ** bits[:, None]
    level = xp.floor(level / step) * step
    threshold = xp.where(one.of("Solarize"), (1.0 - one.strength) * 256.0, 256.0)
    threshold = xp.where(one.of("Invert"), 0.0, threshold)[:, None]
    return table(xp.where(level < threshold, level, 255.0 - level), xp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Transform):
    """A transform that draws operations.

    Attributes:
        border: What shears, shifts and turns find outside: "constant", "reflect", "replicate" or "wrap".
        fill: The level, 0 to 255, of a constant border.
    """

    border: Border = "constant"
    fill: float = 128.0

    def __post_init__(self) -> None:
        check_border(self)

    def _done(self, one: Operation, most: Strongest, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (geometry(one, most, self.border, self.fill, extent, xp), *colors(one, most, xp))


def _sign(positive: Array, like: Array, xp: Namespace) -> Array:
    return xp.where(positive, 1.0, like * 0.0 - 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandAugment(Policy):
    """Some of fourteen operations, each as likely, all of one magnitude.

    Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space" (2020). The
    operations and their ranges are those of AutoAugment's table 6; magnitude 30 is the strongest. Contrast pivots on
    mid-gray.

        >>> RandAugment(count=3, magnitude=12)
        RandAugment(count=3, magnitude=12)

    Attributes:
        count: How many operations a record gets, one after another; N in the paper.
        magnitude: How strong they are, from 0 to 30; M in the paper.
        border: What shears, shifts and turns find outside: "constant", "reflect", "replicate" or "wrap".
        fill: The level, 0 to 255, of a constant border.
    """

    count: int = 2
    magnitude: float = 9.0

    def __post_init__(self) -> None:
        Policy.__post_init__(self)
        if type(self.count) is not int or not 1 <= self.count <= 10:
            raise fail("RandAugment.count", self.count, "expected an integer from 1 to 10")
        check_number("RandAugment.magnitude", self.magnitude, 0, 30)

    def variables(self) -> Mapping[str, Variable]:
        # All but "Invert".
        return {
            "operation": Integers(0, len(OPERATIONS) - 2, shape=(self.count,)),
            "positive": Bernoulli(0.5, shape=(self.count,)),
        }

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        ops: tuple[Op, ...] = ()
        for k in range(self.count):
            kind = drawn.operation[:, k]
            strength = xp.astype(kind, extent[0].dtype) * 0.0 + self.magnitude / 30
            one = Operation(kind, strength, _sign(drawn.positive[:, k], strength, xp))
            ops += self._done(one, STANDARD, extent, xp)
        return ops


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivialAugment(Policy):
    """One of fourteen operations, each as likely, of a uniform magnitude up to very strong.

    Müller and Hutter, "TrivialAugment: Tuning-free yet state-of-the-art data augmentation" (2021), the wide space: 31
    magnitudes, shears to 0.99, shifts to 32 pixels, turns to 135 degrees, factors from 0.01 to 1.99, down to 2 bits.

        >>> TrivialAugment()
        TrivialAugment()

    Attributes:
        border: What shears, shifts and turns find outside: "constant", "reflect", "replicate" or "wrap".
        fill: The level, 0 to 255, of a constant border.
    """

    def variables(self) -> Mapping[str, Variable]:
        return {
            "operation": Integers(0, len(OPERATIONS) - 2),
            "magnitude": Integers(0, 30),
            "positive": Bernoulli(0.5),
        }

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        strength = xp.astype(drawn.magnitude, extent[0].dtype) / 30.0
        one = Operation(drawn.operation, strength, _sign(drawn.positive, strength, xp))
        return self._done(one, WIDE, extent, xp)


# Tables 7 to 9 of the appendix of Cubuk et al. (2019): operation, probability in tenths, magnitude from 0 to 9, twice.
_LEARNED = {
    "imagenet": """
        Posterize 4 8 Rotate 6 9 / Solarize 6 5 AutoContrast 6 5 / Equalize 8 8 Equalize 6 3 /
        Posterize 6 7 Posterize 6 6 / Equalize 4 7 Solarize 2 4 / Equalize 4 4 Rotate 8 8 /
        Solarize 6 3 Equalize 6 7 / Posterize 8 5 Equalize 10 2 / Rotate 2 3 Solarize 6 8 /
        Equalize 6 8 Posterize 4 6 / Rotate 8 8 Color 4 0 / Rotate 4 9 Equalize 6 2 /
        Equalize 0 7 Equalize 8 8 / Invert 6 4 Equalize 10 8 / Color 6 4 Contrast 10 8 /
        Rotate 8 8 Color 10 2 / Color 8 8 Solarize 8 7 / Sharpness 4 7 Invert 6 8 /
        ShearX 6 5 Equalize 10 9 / Color 4 0 Equalize 6 3 / Equalize 4 7 Solarize 2 4 /
        Solarize 6 5 AutoContrast 6 5 / Invert 6 4 Equalize 10 8 / Color 6 4 Contrast 10 8 /
        Equalize 8 8 Equalize 6 3""",
    "cifar10": """
        Invert 1 7 Contrast 2 6 / Rotate 7 2 TranslateX 3 9 / Sharpness 8 1 Sharpness 9 3 /
        ShearY 5 8 TranslateY 7 9 / AutoContrast 5 8 Equalize 9 2 / ShearY 2 7 Posterize 3 7 /
        Color 4 3 Brightness 6 7 / Sharpness 3 9 Brightness 7 9 / Equalize 6 5 Equalize 5 1 /
        Contrast 6 7 Sharpness 6 5 / Color 7 7 TranslateX 5 8 / Equalize 3 7 AutoContrast 4 8 /
        TranslateY 4 3 Sharpness 2 6 / Brightness 9 6 Color 2 8 / Solarize 5 2 Invert 0 3 /
        Equalize 2 0 AutoContrast 6 0 / Equalize 2 8 Equalize 6 4 / Color 9 9 Equalize 6 6 /
        AutoContrast 8 4 Solarize 2 8 / Brightness 1 3 Color 7 0 / Solarize 4 5 AutoContrast 9 3 /
        TranslateY 9 9 TranslateY 7 9 / AutoContrast 9 2 Solarize 8 3 / Equalize 8 8 Invert 1 3 /
        TranslateY 7 9 AutoContrast 9 1""",
    "svhn": """
        ShearX 9 4 Invert 2 3 / ShearY 9 8 Invert 7 5 / Equalize 6 5 Solarize 6 6 /
        Invert 9 3 Equalize 6 3 / Equalize 6 1 Rotate 9 3 / ShearX 9 4 AutoContrast 8 3 /
        ShearY 9 8 Invert 4 5 / ShearY 9 5 Solarize 2 6 / Invert 9 6 AutoContrast 8 1 /
        Equalize 6 3 Rotate 9 3 / ShearX 9 4 Solarize 3 3 / ShearY 8 8 Invert 7 4 /
        Equalize 9 5 TranslateY 6 6 / Invert 9 4 Equalize 6 7 / Contrast 3 3 Rotate 8 4 /
        Invert 8 5 TranslateY 0 2 / ShearY 7 6 Solarize 4 8 / Invert 6 4 Rotate 8 4 /
        ShearY 3 7 TranslateX 9 3 / ShearX 1 6 Invert 6 5 / Solarize 7 2 TranslateY 6 7 /
        ShearY 8 4 Invert 8 8 / ShearX 7 9 TranslateY 8 3 / ShearY 8 5 AutoContrast 7 3 /
        ShearX 7 2 Invert 1 5""",
}


@cache
def learned(name: str) -> tuple[tuple[tuple[str, float, int], ...], ...]:
    """The sub-policies of a learned policy: pairs of operation, probability and magnitude from 0 to 9."""
    result: list[tuple[tuple[str, float, int], ...]] = []
    for line in _LEARNED[name].split("/"):
        words = line.split()
        result.append(tuple((words[k], int(words[k + 1]) / 10, int(words[k + 2])) for k in (0, 3)))
    return tuple(result)


@dataclass(frozen=True, slots=True)
class AutoAugment(Policy):
    """One of 25 learned pairs of operations, each with a probability and a magnitude of its own.

    Cubuk et al., "AutoAugment: Learning augmentation policies from data" (2019). Operations that can go two ways go
    either way, and the factors of colors lie above or below 1.

        >>> AutoAugment('cifar10', fill=0)
        AutoAugment('cifar10', fill=0)

    Attributes:
        policy: What it was learned on: "imagenet", "cifar10" or "svhn".
        border: What shears, shifts and turns find outside: "constant", "reflect", "replicate" or "wrap".
        fill: The level, 0 to 255, of a constant border.
    """

    policy: Literal["imagenet", "cifar10", "svhn"] = "imagenet"

    def __post_init__(self) -> None:
        Policy.__post_init__(self)
        check_choice("AutoAugment.policy", self.policy, tuple(_LEARNED))

    def variables(self) -> Mapping[str, Variable]:
        return {
            "pair": Integers(0, 24),
            "chance": Uniform(0, 1, shape=(2,)),
            "positive": Bernoulli(0.5, shape=(2,)),
        }

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        ops: tuple[Op, ...] = ()
        pairs = learned(self.policy)
        dtype = extent[0].dtype
        for k in range(2):
            kinds = xp.asarray([OPERATIONS.index(pair[k][0]) for pair in pairs], dtype=xp.int64)
            chances = xp.asarray([pair[k][1] for pair in pairs], dtype=dtype)
            strengths = xp.asarray([pair[k][2] / 9 for pair in pairs], dtype=dtype)
            kind, chance, strength = (xp.take(a, drawn.pair, axis=0) for a in (kinds, chances, strengths))
            kind = xp.where(drawn.chance[:, k] < chance, kind, 0)
            ops += self._done(
                Operation(kind, strength, _sign(drawn.positive[:, k], strength, xp)), STANDARD, extent, xp
            )
        return ops


# What AugMix mixes: none of the corruptions that its models are tested with.
MIXED = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Posterize", "Solarize", "AutoContrast", "Equalize")


@dataclass(frozen=True, slots=True, kw_only=True)
class AugMix(Policy):
    """Mix the picture with what several random chains of operations make of it.

    Hendrycks et al., "AugMix: A simple data processing method to improve robustness and uncertainty" (2020): chains of
    one to three of nine operations, mixed with weights from a Dirichlet distribution, and with the picture by a uniform
    share (both distributions' parameter alpha being 1, as in the paper). Targets stay where they are: it is for labels.
    Only a `Loader` does this, since the chains differ from picture to picture.

        >>> AugMix(severity=5.0)
        AugMix(severity=5.0)

    Attributes:
        severity: How strong an operation is at most, from 0.1 to 10; 3 in the paper.
        width: How many chains there are; 3 in the paper.
        depth: Range of the number of operations in a chain, integers within 1 to 5, both included.
        border: What shears, shifts and turns find outside: "constant", "reflect", "replicate" or "wrap".
        fill: The level, 0 to 255, of a constant border.
    """

    severity: float = 3.0
    width: int = 3
    depth: tuple[int, int] = (1, 3)

    def __post_init__(self) -> None:
        Policy.__post_init__(self)
        check_number("AugMix.severity", self.severity, 0.1, 10)
        if type(self.width) is not int or not 1 <= self.width <= 8:
            raise fail("AugMix.width", self.width, "expected an integer from 1 to 8")
        check_int_range("AugMix.depth", self.depth, 1, 5)

    def variables(self) -> Mapping[str, Variable]:
        places = (self.width, self.depth[1])
        return {
            "operation": Integers(0, len(MIXED) - 1, shape=places),
            "strength": Uniform(0.01, self.severity / 10, shape=places),
            "positive": Bernoulli(0.5, shape=places),
            "depth": Integers(*self.depth, shape=(self.width,)),
            "weight": Uniform(0, 1, shape=(self.width,)),
            "share": Uniform(0, 1),
        }

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        # Exponential numbers over their sum have the Dirichlet distribution.
        parts = -xp.log(1.0 - drawn.weight * (1.0 - 1e-6)) + 1e-9
        parts = parts / xp.sum(parts, axis=1)[:, None]
        weights = xp.concat([1.0 - drawn.share[:, None], parts * drawn.share[:, None]], axis=1)
        kinds = xp.asarray([OPERATIONS.index(name) for name in MIXED], dtype=xp.int64)
        branches: list[tuple[Op, ...]] = []
        for chain in range(self.width):
            ops: tuple[Op, ...] = ()
            for place in range(self.depth[1]):
                strength = drawn.strength[:, chain, place]
                kind = xp.take(kinds, drawn.operation[:, chain, place], axis=0)
                kind = xp.where(drawn.depth[:, chain] > place, kind, 0)
                one = Operation(kind, strength, _sign(drawn.positive[:, chain, place], strength, xp))
                moved = geometry(one, STANDARD, self.border, self.fill, extent, xp)
                height, width = (n + strength * 0.0 for n in extent)
                ops += (replace(moved, size=whole(height, width, xp)), *_levels_of(one, xp))
            branches.append(ops)
        return (Blend(branches=tuple(branches), weights=weights),)


def _levels_of(one: Operation, xp: Namespace) -> tuple[Op, ...]:
    """Those of the ops of an operation that AugMix has."""
    cutoff = one.strength * 0.0
    return (
        _tables(one, STANDARD, xp),
        Histogram(kind="stretch", cutoff=cutoff, active=one.of("AutoContrast")),
        Histogram(kind="equalize", cutoff=cutoff, active=one.of("Equalize")),
    )
