"""The ops that look at more of a picture than one pixel, or at where that pixel is; as values.

Like every op, an effect holds what is to be done to a group of n records: its arrays have a leading axis of n, or of
1 where all records share the value. `array_ops/` defines what each does to the pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np

from imagefeed.types import Array, Border, Namespace, Sampling

NoiseKind = Literal["gaussian", "poisson", "impulse"]
HistogramKind = Literal["equalize", "stretch"]


def _dtypes(**dtypes: type[np.generic]) -> Mapping[str, type[np.generic]]:
    return MappingProxyType(dtypes)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effect:
    """What all effects share.

    Attributes:
        active: bool (n,): the records it is done to; None for all. The others are left as they are, unrounded.
        DTYPES: The array fields, and the dtypes that they have in a plan.
    """

    active: Array | None = None
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = _dtypes()

    def masked(self, mask: Array, extent: tuple[Array, Array], xp: Namespace) -> Effect:
        """The same op, which does nothing to the records where `mask` (n,) is false."""
        return replace(self, active=mask if self.active is None else self.active & mask)

    def in_plan(self, as_array: Any) -> Effect:
        """The same op, its arrays as a plan promises them: `as_array(array, dtype)` makes each."""
        arrays = {name: as_array(getattr(self, name), dtype) for name, dtype in self.DTYPES.items()}
        active = None if self.active is None else as_array(self.active, np.bool_)
        return replace(self, active=active, **arrays)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Remap(Effect):
    """Geometry that no matrix describes: every place is read from a little beside it.

    Attributes:
        field: Float (n, gh, gw, 2): by how many pixels, (x, y), the place that is read lies beside each node of a grid.
            The nodes are spread evenly, the outermost on the picture's edges.
        smooth: Whether a uniform cubic B-spline runs over the nodes, or else planes between them.
        interpolation: How pixels are read.
        border: What lies outside the picture.
        fill: The level, 0 to 255, of a constant border.
    """

    field: Array
    smooth: bool
    interpolation: Sampling = "bilinear"
    border: Border = "reflect"
    fill: float = 0.0
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = _dtypes(field=np.float32)


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
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = _dtypes(hue=np.float32, saturation=np.float32, value=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filter(Effect):
    """A weighted sum of the pixels around each, clipped to 0..255. Outside lies the picture, reflected.

    Attributes:
        kernel: Float (n, k, k), k odd; or of a separable filter (n, 2, k): the weights of rows, then of columns.
        separable: Which of the two it is.
    """

    kernel: Array
    separable: bool
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = _dtypes(kernel=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Median(Effect):
    """The middle one of the levels around each, channel by channel. Outside lies the nearest pixel.

    Attributes:
        size: Integers (n,): the side of the square, 1, 3, 5 or 7.
    """

    size: Array
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = _dtypes(size=np.int64)


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
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = _dtypes(seed=np.int64, strength=np.float32)


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
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = _dtypes(boxes=np.int64, seed=np.int64)


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
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = _dtypes(lines=np.int64, share=np.int64, seed=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histogram(Effect):
    """A table of levels for each channel, made from how often the picture has each level.

    Attributes:
        kind: "equalize": all levels about as often; "stretch": from black to white.
        cutoff: Float (n,): the share of the pixels, from 0 to 0.5, that "stretch" leaves out at each end.
    """

    kind: HistogramKind
    cutoff: Array
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = _dtypes(cutoff=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalHistogram(Effect):
    """Contrast-limited adaptive histogram equalization of the luma.

    Attributes:
        limit: Float (n,): how much more often than on average a level may count.
        tiles: Rows and columns of tiles.
    """

    limit: Array
    tiles: tuple[int, int]
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = _dtypes(limit=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Jpeg(Effect):
    """To a JPEG file (baseline, chroma at half the size) and back.

    Attributes:
        quality: Integers (n,), from 1 to 100: libjpeg's scale.
    """

    quality: Array
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = _dtypes(quality=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blend(Effect):
    """A weighted sum of the picture and of what several chains of ops make of it. None may change its size.

    Attributes:
        branches: The ops of each chain; in a plan, its passes.
        weights: Float (n, 1 + k): of the picture itself, and of each of the k chains.
    """

    branches: tuple[tuple[Any, ...], ...]
    weights: Array
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = _dtypes(weights=np.float32)

    def masked(self, mask: Array, extent: tuple[Array, Array], xp: Namespace) -> Blend:
        """The same op, which leaves the records where `mask` (n,) is false as they are."""
        own = xp.where(mask[:, None], self.weights[:, :1], 1.0)
        chains = xp.where(mask[:, None], self.weights[:, 1:], 0.0)
        return replace(self, weights=xp.concat([own, chains], axis=1))
