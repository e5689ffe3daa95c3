"""Transforms that paint rectangles over a picture. Labels, masks and boxes stay as they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from imagefeed.checks import check_number, check_range
from imagefeed.effects import Erase, Grid
from imagefeed.ops import Extent, Op
from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.noise import SEED
from imagefeed.transforms.tone import check_int_range
from imagefeed.types import Array, Namespace, Range
from imagefeed.variables import Integers, LogUniform, Uniform, Variable


def _boxes(top: Array, left: Array, height: Array, width: Array, xp: Namespace) -> Array:
    """Whole rectangles (n, k, 4) from their corners and sizes, (n, k) each."""
    sides = xp.broadcast_arrays(top, left, top + height, left + width)
    return xp.astype(xp.stack([xp.round(side) for side in sides], axis=-1), xp.int64)


def _check_fill(where: str, fill: float | None) -> None:
    if fill is not None:
        check_number(where, fill, 0, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomErasing(Transform):
    """Paint over one rectangle: Zhong et al., "Random erasing data augmentation" (2020).

    The painted area is within 5 % of what is drawn (sides are whole pixels), and random levels pass SciPy's
    Kolmogorov-Smirnov test against the uniform distribution.

    Put it into `Sometimes` to leave some pictures whole; the paper does it with probability 0.5.

        >>> RandomErasing(scale=(0.1, 0.3))
        RandomErasing(scale=(0.1, 0.3))

    Attributes:
        scale: Range of the rectangle's area, as a fraction of the picture's.
        ratio: Range of its height divided by its width, log-uniform.
        fill: The level, 0 to 255, that it is painted with; None for random levels in every pixel, as in the paper.
    """

    scale: Range = (0.02, 0.4)
    ratio: Range = (0.3, 10 / 3)
    fill: float | None = None

    def __post_init__(self) -> None:
        check_range("RandomErasing.scale", self.scale, 0, 1)
        check_range("RandomErasing.ratio", self.ratio, 1e-3, 1e3)
        _check_fill("RandomErasing.fill", self.fill)

    def variables(self) -> Mapping[str, Variable]:
        return {
            "area": Uniform(*self.scale),
            "ratio": LogUniform(*self.ratio),
            "y": Uniform(0, 1),
            "x": Uniform(0, 1),
            "seed": SEED,
        }

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        area = drawn.area * extent[0] * extent[1]
        height = xp.minimum(xp.sqrt(area * drawn.ratio), extent[0] + area * 0.0)
        width = xp.minimum(xp.sqrt(area / drawn.ratio), extent[1] + area * 0.0)
        top, left = drawn.y * (extent[0] - height), drawn.x * (extent[1] - width)
        top, left, height, width = (value[:, None] for value in (top, left, height, width))
        boxes = _boxes(top, left, height, width, xp)
        return (Erase(boxes=boxes, fill=self.fill, seed=drawn.seed),)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseDropout(Transform):
    """Paint over several rectangles: DeVries and Taylor, "Improved regularization of convolutional neural networks with
    cutout" (2017), with more than one hole: to the level what NumPy's assignment to these rectangles makes.

        >>> CoarseDropout(holes=(2, 6), fill=100)
        CoarseDropout(holes=(2, 6), fill=100)

    Attributes:
        holes: Range of their number, integers within 1 to 256, both included.
        height: Range of a hole's height, as a fraction of the picture's.
        width: Range of a hole's width, likewise.
        fill: The level, 0 to 255, that they are painted with; None for random levels in every pixel.
    """

    holes: tuple[int, int] = (1, 8)
    height: Range = (0.05, 0.2)
    width: Range = (0.05, 0.2)
    fill: float | None = 0.0

    def __post_init__(self) -> None:
        check_int_range("CoarseDropout.holes", self.holes, 1, 256)
        check_range("CoarseDropout.height", self.height, 0, 1)
        check_range("CoarseDropout.width", self.width, 0, 1)
        _check_fill("CoarseDropout.fill", self.fill)

    def variables(self) -> Mapping[str, Variable]:
        most = (self.holes[1],)
        return {
            "holes": Integers(*self.holes),
            "height": Uniform(*self.height, shape=most),
            "width": Uniform(*self.width, shape=most),
            "y": Uniform(0, 1, shape=most),
            "x": Uniform(0, 1, shape=most),
            "seed": SEED,
        }

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        full_height, full_width = extent[0][:, None], extent[1][:, None]
        wanted = xp.arange(self.holes[1])[None, :] < drawn.holes[:, None]
        height = xp.where(wanted, drawn.height * full_height, 0.0)
        width = xp.where(wanted, drawn.width * full_width, 0.0)
        boxes = _boxes(drawn.y * (full_height - height), drawn.x * (full_width - width), height, width, xp)
        return (Erase(boxes=boxes, fill=self.fill, seed=drawn.seed),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GridMask(Transform):
    """Paint over a grid of rectangles: Chen, Liu, Zhao and Jia, "GridMask data augmentation" (2020).

    Their four numbers are the size of a cell, the part of it that is painted, and where the grid begins. The grid may
    also be turned about the middle of the picture. A pixel is painted if its center lies in a painted part; the painted
    share is within 0.03 of the definition, and a turned grid is that of scipy.ndimage.rotate but for pixels at edges.

        >>> GridMask(cells=(2, 5))
        GridMask(cells=(2, 5))
        >>> GridMask(degrees=(0, 90), fill=127)
        GridMask(fill=127, degrees=(0, 90))

    Attributes:
        cells: Range of the number of cells along each side, integers within 1 to 32, both included.
        ratio: Range of the painted part of a cell's side, within 0 to 1.
        fill: The level, 0 to 255, that they are painted with; None for random levels in every pixel.
        degrees: Range of the angle that the grid is turned by, counter-clockwise positive.
    """

    cells: tuple[int, int] = (3, 7)
    ratio: Range = (0.4, 0.6)
    fill: float | None = 0.0
    degrees: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        check_int_range("GridMask.cells", self.cells, 1, 32)
        check_range("GridMask.ratio", self.ratio, 0, 1)
        _check_fill("GridMask.fill", self.fill)
        check_range("GridMask.degrees", self.degrees, -360, 360)

    def variables(self) -> Mapping[str, Variable]:
        return {
            "cells": Integers(*self.cells),
            "ratio": Uniform(*self.ratio),
            "y": Uniform(0, 1),
            "x": Uniform(0, 1),
            "seed": SEED,
            "degrees": Uniform(*self.degrees),
        }

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        height, width = xp.broadcast_arrays(*(n + drawn.ratio * 0.0 for n in extent))
        cells = xp.astype(drawn.cells, extent[0].dtype)
        radians = drawn.degrees * (math.pi / 180)
        cos, sin = xp.cos(radians), xp.sin(radians)
        # The grid's own coordinates of a pixel, turned back about the middle, in cells.
        rows = ((cos, sin), cells / height, height, drawn.y), ((-sin, cos), cells / width, width, drawn.x)
        lines: list[Array] = []
        for (down, across), per_pixel, side, begin in rows:
            down, across = down * per_pixel, across * per_pixel
            middle = down * (height - 1.0) * 0.5 + across * (width - 1.0) * 0.5
            start = side * 0.5 * per_pixel + begin - middle
            lines.append(xp.stack([start - xp.floor(start), down, across], axis=-1))
        op = Grid(
            lines=_in_cells(xp.stack(lines, axis=1), xp),
            share=_in_cells(drawn.ratio, xp),
            fill=self.fill,
            seed=drawn.seed,
        )
        return (op,)


def _in_cells(value: Array, xp: Namespace) -> Array:
    return xp.astype(xp.round(value * float(Grid.CELL)), xp.int64)
