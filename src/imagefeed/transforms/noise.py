"""Transforms that make a picture worse: noise, fewer pixels, compression.

The random numbers of a pixel depend on the record's seed and on the place alone (Philox), so they are the same in any
thread and any batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imagefeed.checks import check_bool, check_range
from imagefeed.effects import Jpeg, Noise
from imagefeed.ops import Extent, Op, Warp
from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.matrices import affine
from imagefeed.transforms.sampling import check_sampling
from imagefeed.transforms.tone import check_int_range
from imagefeed.types import Namespace, Range, Sampling
from imagefeed.variables import Integers, LogUniform, Uniform, Variable

SEED = Integers(0, 2**31 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianNoise(Transform):
    """Add a normally distributed number to every pixel.

    The numbers pass SciPy's Kolmogorov-Smirnov test against the normal distribution, within 1 in 1000.

        >>> GaussianNoise(std=(5, 25))
        GaussianNoise(std=(5, 25))

    Attributes:
        std: Range of the deviation, in levels.
        per_channel: Whether every channel of a pixel gets a number of its own.
    """

    std: Range
    per_channel: bool = True

    def __post_init__(self) -> None:
        check_range("GaussianNoise.std", self.std, 0, 255)
        check_bool("GaussianNoise.per_channel", self.per_channel)

    def variables(self) -> Mapping[str, Variable]:
        return {"std": Uniform(*self.std), "seed": SEED}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (Noise(kind="gaussian", seed=drawn.seed, strength=drawn.std, shared=not self.per_channel),)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoissonNoise(Transform):
    """Count photons: the noise of little light, which grows with the root of the level.

    A count is approximated by the square of a normal number (Bartlett 1936): its mean is right and its variance an
    eighth of a photon too large. Its deciles are within one photon of scipy.stats.poisson's.

        >>> PoissonNoise(photons=(10, 100))
        PoissonNoise(photons=(10, 100))

    Attributes:
        photons: Range of how many photons the level 255 stands for, log-uniform; few are noisy.
        per_channel: Whether every channel of a pixel is counted by itself.
    """

    photons: Range
    per_channel: bool = True

    def __post_init__(self) -> None:
        check_range("PoissonNoise.photons", self.photons, 1, 1e6)
        check_bool("PoissonNoise.per_channel", self.per_channel)

    def variables(self) -> Mapping[str, Variable]:
        return {"photons": LogUniform(*self.photons), "seed": SEED}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (Noise(kind="poisson", seed=drawn.seed, strength=drawn.photons, shared=not self.per_channel),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaltAndPepper(Transform):
    """Make some pixels white and as many black, in all channels.

    The shares of 60,000 pixels are within 0.01 of their definition.

        >>> SaltAndPepper(share=(0.01, 0.1))
        SaltAndPepper(share=(0.01, 0.1))

    Attributes:
        share: Range of the share of the pixels that this happens to, within 0 to 1.
    """

    share: Range

    def __post_init__(self) -> None:
        check_range("SaltAndPepper.share", self.share, 0, 1)

    def variables(self) -> Mapping[str, Variable]:
        return {"share": Uniform(*self.share), "seed": SEED}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (Noise(kind="impulse", seed=drawn.seed, strength=drawn.share, shared=True),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Downscale(Transform):
    """Lose resolution: shrink, and grow back to the old size.

    Where the sides are multiples of the blocks, their means, computed in NumPy, within a level.

        >>> Downscale(factor=(0.25, 0.5))
        Downscale(factor=(0.25, 0.5))

    Attributes:
        factor: Range of the small picture's size as a fraction of the old one, within 0.01 to 1.
        interpolation: How it grows: "nearest" shows its pixels, "bilinear" smooths them.
        antialias: Whether it shrinks by averaging, or else by leaving pixels out.
    """

    factor: Range
    interpolation: Sampling = "nearest"
    antialias: bool = True

    def __post_init__(self) -> None:
        check_range("Downscale.factor", self.factor, 0.01, 1)
        check_sampling(self, Sampling)

    def variables(self) -> Mapping[str, Variable]:
        return {"factor": Uniform(*self.factor)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        full = xp.broadcast_arrays(extent[0] + drawn.factor * 0.0, extent[1])
        small = [xp.maximum(xp.round(n * drawn.factor), n * 0.0 + 1.0) for n in full]
        # "box" never fuses with what makes the picture large again.
        shrink = Warp(
            matrix=affine(full[1] / small[1], 0.0, 0.0, 0.0, full[0] / small[0], 0.0, xp),
            size=xp.astype(xp.stack(small, axis=-1), xp.int64),
            interpolation="box",
            border=None,
            antialias=self.antialias,
        )
        grow = Warp(
            matrix=affine(small[1] / full[1], 0.0, 0.0, 0.0, small[0] / full[0], 0.0, xp),
            size=xp.astype(xp.stack(full, axis=-1), xp.int64),
            interpolation=self.interpolation,
            border=None,
        )
        return (shrink, grow)


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegCompression(Transform):
    """Write the picture to a JPEG file and read it back: Pillow's pixels to the level. Takes 1 or 3 channels.

    Only a `Loader` does this: no framework writes files within a model.

        >>> JpegCompression(quality=(20, 90))
        JpegCompression(quality=(20, 90))

    Attributes:
        quality: Range of libjpeg's quality, integers within 1 to 100, both included.
    """

    quality: tuple[int, int]

    def __post_init__(self) -> None:
        check_int_range("JpegCompression.quality", self.quality, 1, 100)

    def variables(self) -> Mapping[str, Variable]:
        return {"quality": Integers(*self.quality)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (Jpeg(quality=drawn.quality),)
