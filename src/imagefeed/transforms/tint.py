"""Transforms that change colors by more than brightness. But for the shifts and gains, they take 1 or 3 channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

from imagefeed.checks import check_number, check_range
from imagefeed.effects import Hsv
from imagefeed.ops import ColorMatrix, Extent, Op
from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.color import LUMA, Brightness, Contrast, Saturation, color_matrix
from imagefeed.types import Array, Namespace, Range
from imagefeed.variables import Integers, LogUniform, Normal, Uniform, Variable


def hsv_op(hue: Array, saturation: Array, value: Array, xp: Namespace) -> Hsv:
    """The op from turns and from powers of saturation and value, each (n,)."""
    one = hue * 0.0 + 1.0
    return Hsv(hue=hue, saturation=xp.stack([saturation, one], axis=-1), value=xp.stack([value, one], axis=-1))


def scale_channels(gain: list[Array], shift: list[Array], xp: Namespace) -> ColorMatrix:
    """`gain * level + shift`, for red, green and blue each; lists of three arrays (n,)."""
    rows = tuple((*(gain[k] if k == row else 0.0 for k in range(3)), shift[row]) for row in range(3))
    return color_matrix(rows, xp, diagonal=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hue(Transform):
    """Turn every color around the circle of hues of HSV; saturation and value stay.

    Agrees with Python's colorsys, and with OpenCV's conversions of floats, within 0.01 of a level.

        >>> Hue(degrees=(-30, 30))
        Hue(degrees=(-30, 30))

    Attributes:
        degrees: Range of the turn, within -180 to 180; 120 makes red green.
    """

    degrees: Range

    def __post_init__(self) -> None:
        check_range("Hue.degrees", self.degrees, -180, 180)

    def variables(self) -> Mapping[str, Variable]:
        return {"degrees": Uniform(*self.degrees)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        one = drawn.degrees * 0.0 + 1.0
        return (hsv_op(drawn.degrees / 360.0, one, one, xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class HsvPower(Transform):
    """Raise saturation and value of HSV, from 0 to 1, to powers; the hue stays.

    As in Dosovitskiy et al., "Discriminative unsupervised feature learning with exemplar convolutional neural networks"
    (2014), whose powers lie between 0.25 and 4. Agrees with Python's colorsys within 0.01 of a level.

        >>> HsvPower(saturation=(0.5, 2))
        HsvPower(saturation=(0.5, 2))

    Attributes:
        saturation: Range of the power of the saturation, log-uniform.
        value: Range of the power of the value, log-uniform.
    """

    saturation: Range = (0.25, 4.0)
    value: Range = (0.25, 4.0)

    def __post_init__(self) -> None:
        check_range("HsvPower.saturation", self.saturation, 0.01, 100)
        check_range("HsvPower.value", self.value, 0.01, 100)

    def variables(self) -> Mapping[str, Variable]:
        return {"saturation": LogUniform(*self.saturation), "value": LogUniform(*self.value)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (hsv_op(drawn.value * 0.0, drawn.saturation, drawn.value, xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue, in this order.

    Agrees with the definitions of the four, and Python's colorsys for the hue, within 0.01 of a level.

        >>> ColorJitter(brightness=(0.5, 1.5), hue=(-36, 36))
        ColorJitter(brightness=(0.5, 1.5), hue=(-36, 36))

    Attributes:
        brightness: Range of the factor of Brightness.
        contrast: Range of the factor of Contrast.
        saturation: Range of the factor of Saturation.
        hue: Range of the turn in degrees, as in Hue.
    """

    brightness: Range = (0.8, 1.2)
    contrast: Range = (0.8, 1.2)
    saturation: Range = (0.8, 1.2)
    hue: Range = (-18.0, 18.0)

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            check_range(f"ColorJitter.{name}", getattr(self, name), 0)
        check_range("ColorJitter.hue", self.hue, -180, 180)

    def variables(self) -> Mapping[str, Variable]:
        return {name: Uniform(*getattr(self, name)) for name in ("brightness", "contrast", "saturation", "hue")}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        ops: tuple[Op, ...] = ()
        for kind, factor in (
            (Brightness, drawn.brightness),
            (Contrast, drawn.contrast),
            (Saturation, drawn.saturation),
        ):
            ops += kind(factor=(1, 1)).lower(Drawn(factor=factor), extent, xp)
        return ops if self.hue == (0, 0) else ops + Hue(degrees=(0, 0)).lower(Drawn(degrees=drawn.hue), extent, xp)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelShift(Transform):
    """Add to red, green and blue, each its own number of levels. Channels after the third move as the third.

    Agrees with the definition, `clip(level + shift)` in NumPy, within 0.001 of a level.

        >>> ChannelShift(shift=(-20, 20))
        ChannelShift(shift=(-20, 20))

    Attributes:
        shift: Range of what is added, in levels.
    """

    shift: Range

    def __post_init__(self) -> None:
        check_range("ChannelShift.shift", self.shift, -255, 255)

    def variables(self) -> Mapping[str, Variable]:
        return {"shift": Uniform(*self.shift, shape=(3,))}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        shift = [drawn.shift[:, k] for k in range(3)]
        return (scale_channels([s * 0.0 + 1.0 for s in shift], shift, xp),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelShuffle(Transform):
    """Put red, green and blue into a random one of their six orders, the usual one among them.

    NumPy's indexing by that order, to the level.

    >>> ChannelShuffle()
    ChannelShuffle()
    """

    def variables(self) -> Mapping[str, Variable]:
        return {"order": Integers(0, 5)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        order = drawn.order
        zero = xp.astype(order, extent[0].dtype) * 0.0
        rows: list[tuple[Array, ...]] = []
        for row in range(3):
            entries: list[Array] = []
            for column in range(3):
                wanted = [k for k, one in enumerate(permutations(range(3))) if one[row] == column]
                here = (order == wanted[0]) | (order == wanted[1])
                entries.append(xp.where(here, 1.0, zero))
            rows.append((*entries, zero))
        return (color_matrix(tuple(rows), xp, diagonal=False),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grayscale(Transform):
    """Make every channel the luma (ITU-R BT.601). The count of channels stays.

    Within a level of Pillow's conversion to "L", which weighs in 16-bit fixed point.

    Put it into `Sometimes` to apply it at random.

        >>> Grayscale()
        Grayscale()
    """

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        zero = extent[0] * 0.0
        row = (*(zero + weight for weight in LUMA), zero)
        return (color_matrix((row, row, row), xp, diagonal=False),)


# Eigenvalues and eigenvectors (columns) of the colors of ImageNet's pixels, from 0 to 1: Krizhevsky et al. (2012).
_SPREAD = (0.2175, 0.0188, 0.0045)
_AXES = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))


@dataclass(frozen=True, slots=True, kw_only=True)
class PcaLighting(Transform):
    """Shift all colors along the principal axes of ImageNet's colors.

    Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks" (2012), 4.1;
    within 0.01 of a level of the sum that they write down.

        >>> PcaLighting(std=0.2)
        PcaLighting(std=0.2)

    Attributes:
        std: The deviation of the normal numbers that the eigenvalues are multiplied by; 0.1 in the paper.
    """

    std: float = 0.1

    def __post_init__(self) -> None:
        check_number("PcaLighting.std", self.std, 0)

    def variables(self) -> Mapping[str, Variable]:
        return {"alpha": Normal(0.0, float(self.std), shape=(3,))}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        scaled = [drawn.alpha[:, j] * (255.0 * spread) for j, spread in enumerate(_SPREAD)]
        shift = [scaled[0] * row[0] + scaled[1] * row[1] + scaled[2] * row[2] for row in _AXES]
        return (scale_channels([s * 0.0 + 1.0 for s in shift], shift, xp),)


# From CIE XYZ to linear red, green and blue: IEC 61966-2-1.
_TO_RGB = ((3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.2040, 1.0570))


def _light(kelvin: Array, xp: Namespace) -> list[Array]:
    """Linear red, green and blue of a black body, green being 1.

    The chromaticity is that of the cubic fits of Kim et al., "Design of advanced color temperature control system for
    HDTV applications" (2002), from 1667 to 25000 kelvin.
    """
    k = 1000.0 / kelvin
    warm = ((-0.2661239 * k - 0.2343589) * k + 0.8776956) * k + 0.179910
    cold = ((-3.0258469 * k + 2.1070379) * k + 0.2226347) * k + 0.240390
    x = xp.where(kelvin < 4000.0, warm, cold)
    warmest = ((-1.1063814 * x - 1.34811020) * x + 2.18555832) * x - 0.20219683
    warm = ((-0.9549476 * x - 1.37418593) * x + 2.09137015) * x - 0.16748867
    cold = ((3.0817580 * x - 5.87338670) * x + 3.75112997) * x - 0.37001483
    y = xp.where(kelvin < 2222.0, warmest, xp.where(kelvin < 4000.0, warm, cold))
    xyz = (x / y, y / y, (1.0 - x - y) / y)
    rgb = [row[0] * xyz[0] + row[1] * xyz[1] + row[2] * xyz[2] for row in _TO_RGB]
    return [xp.maximum(channel / rgb[1], x * 0.0 + 1e-3) for channel in rgb]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhiteBalance(Transform):
    """Light the scene by a black body of another temperature than daylight's 6500 kelvin; green stays.

    Levels are gamma-encoded, so the gains of linear light are raised to 1 / 2.2. Within 3 % of Planck's law, seen by
    the color-matching functions of CIE 1931 as Wyman, Sloan and Shirley (2013) fit them.

        >>> WhiteBalance(kelvin=(3000, 9000))
        WhiteBalance(kelvin=(3000, 9000))

    Attributes:
        kelvin: Range of the temperature, within 1667 to 25000: low is warm, high is cold. Its inverse, by which light
            seems to change evenly, is uniform.
    """

    kelvin: Range = (3500.0, 12000.0)

    def __post_init__(self) -> None:
        check_range("WhiteBalance.kelvin", self.kelvin, 1667, 25000)

    def variables(self) -> Mapping[str, Variable]:
        return {"mired": Uniform(1e6 / self.kelvin[1], 1e6 / self.kelvin[0])}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        there, daylight = _light(1e6 / drawn.mired, xp), _light(drawn.mired * 0.0 + 6500.0, xp)
        gain = [(a / b) ** (1 / 2.2) for a, b in zip(there, daylight, strict=True)]
        return (scale_channels(gain, [g * 0.0 for g in gain], xp),)
