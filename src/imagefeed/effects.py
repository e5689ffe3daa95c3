"""The ops that look at more of a picture than one pixel, or at where that pixel is; as values.

Like every op, an effect holds what is to be done to a group of n records: its arrays have a leading axis of n, or of
1 where all records share the value. `array_ops/` defines what each does to the pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from imagefeed import _native
from imagefeed.ops import Effect, dtypes
from imagefeed.types import Array

NoiseKind = Literal["gaussian", "poisson", "impulse"]
HistogramKind = Literal["equalize", "stretch"]

# The numbers that the native enumeration gives these names.
_NOISES: dict[NoiseKind, int] = {"gaussian": 0, "poisson": 1, "impulse": 2}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hsv(Effect):
    """Hue turned; saturation and value, from 0 to 1, raised to a power and multiplied.

    Attributes:
        hue: Float (n,), in turns.
        saturation: Float (n, 2): the power, above 0, and the factor after it.
        value: Float (n, 2): likewise.
    """

    hue: Array
    saturation: Array
    value: Array
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = dtypes(hue=np.float32, saturation=np.float32, value=np.float32)

    def add_to(self, program: _native.Program) -> None:
        program.hsv(self.hue, self.saturation, self.value, self.active)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filter(Effect):
    """A weighted sum of the pixels around each, clipped to 0..255. Outside lies the picture, reflected.

    Attributes:
        kernel: Float (n, k, k), k odd; or of a separable filter (n, 2, k): the weights of rows, then of columns.
        separable: Which of the two it is.
    """

    kernel: Array
    separable: bool
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = dtypes(kernel=np.float32)

    def add_to(self, program: _native.Program) -> None:
        program.filter(self.kernel, self.separable, self.active)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Median(Effect):
    """The middle one of the levels around each, channel by channel. Outside lies the nearest pixel.

    Attributes:
        size: Integers (n,): the side of the square, 1, 3, 5 or 7.
    """

    size: Array
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = dtypes(size=np.int64)

    def add_to(self, program: _native.Program) -> None:
        program.median(self.size, self.active)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noise(Effect):
    """Random numbers that depend on the seed and the place alone.

    Attributes:
        kind: "gaussian" adds normal numbers; "poisson" counts light; "impulse" makes pixels black or white.
        seed: Integers (n,), from 0 to 2**31 - 1.
        strength: Float (n,): the deviation in levels; how many photons level 255 stands for; the share of pixels.
        shared: Whether the channels of a pixel share a number.
    """

    kind: NoiseKind
    seed: Array
    strength: Array
    shared: bool = False
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = dtypes(seed=np.int64, strength=np.float32)

    def add_to(self, program: _native.Program) -> None:
        program.noise(_NOISES[self.kind], self.seed, self.strength, self.shared, self.active)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Erase(Effect):
    """Rectangles painted over.

    Attributes:
        boxes: Integers (n, k, 4): rows and columns [y0, y1) x [x0, x1) as (y0, x0, y1, x1); empty ones do nothing.
        fill: The level; None for random levels, another in every pixel and channel.
        seed: Integers (n,), from 0 to 2**31 - 1; for random levels.
    """

    boxes: Array
    fill: float | None
    seed: Array
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = dtypes(boxes=np.int64, seed=np.int64)

    def add_to(self, program: _native.Program) -> None:
        program.erase(self.boxes, self.fill, self.seed, self.active)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid(Effect):
    """A grid of rectangles painted over, turned by any angle.

    Two places run over the picture, each in cells: a pixel is painted where both lie in the first part of a cell. They
    are whole numbers, `CELL` to a cell, so that every library paints the same pixels.

    Attributes:
        lines: Integers (n, 2, 3): for each of the two, where pixel (0, 0) lies, and the steps of a row and of a column.
        share: Integers (n,), from 0 to CELL: the part of a cell that is painted.
        fill: The level; None for random levels, another in every pixel and channel.
        seed: Integers (n,), from 0 to 2**31 - 1; for random levels.
    """

    CELL: ClassVar[int] = 1 << 24
    lines: Array
    share: Array
    fill: float | None
    seed: Array
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = dtypes(lines=np.int64, share=np.int64, seed=np.int64)

    def add_to(self, program: _native.Program) -> None:
        program.grid(self.lines, self.share, self.fill, self.seed, self.active)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histogram(Effect):
    """A table of levels for each channel, made from how often the picture has each level.

    Attributes:
        kind: "equalize": all levels about as often; "stretch": from black to white.
        cutoff: Float (n,): the share of the pixels, from 0 to 0.5, that "stretch" leaves out at each end.
    """

    kind: HistogramKind
    cutoff: Array
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = dtypes(cutoff=np.float32)

    def add_to(self, program: _native.Program) -> None:
        program.histogram(self.kind == "equalize", self.cutoff, self.active)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalHistogram(Effect):
    """Contrast-limited adaptive histogram equalization of the luma.

    Attributes:
        limit: Float (n,): how much more often than on average a level may count.
        tiles: Rows and columns of tiles.
    """

    limit: Array
    tiles: tuple[int, int]
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = dtypes(limit=np.float32)

    def add_to(self, program: _native.Program) -> None:
        program.clahe(self.limit, *self.tiles, self.active)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Jpeg(Effect):
    """To a JPEG file (baseline, chroma at half the size) and back.

    Attributes:
        quality: Integers (n,), from 1 to 100: libjpeg's scale.
    """

    quality: Array
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = dtypes(quality=np.int64)

    def add_to(self, program: _native.Program) -> None:
        program.jpeg(self.quality, self.active)
