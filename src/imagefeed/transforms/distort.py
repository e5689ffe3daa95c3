"""Transforms that move what is in a picture in ways that no matrix describes.

Targets move along: a mask and points are read, and boxes follow, by the same field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from imagefeed.checks import check_choice, check_number, check_size, fail
from imagefeed.ops import Extent, Op, Remap
from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.sampling import check_border
from imagefeed.types import Array, Border, Namespace, Sampling, Size
from imagefeed.variables import Normal, Uniform, Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Distorted(Transform):
    """A transform that moves the nodes of a grid.

    Attributes:
        grid: Rows and columns of the grid's cells.
        border: What lies outside: "reflect" (the edge pixel twice), "replicate", "wrap", or "constant".
        fill: The level, 0 to 255, of a constant border.
        interpolation: "bilinear" or "nearest".
    """

    grid: Size = (4, 4)
    border: Border = "reflect"
    fill: float = 0.0
    interpolation: Sampling = "bilinear"

    def __post_init__(self) -> None:
        owner = type(self).__name__
        check_size(f"{owner}.grid", self.grid)
        if max(self.grid) > 64:
            raise fail(f"{owner}.grid", self.grid, "expected at most 64 rows and columns of cells")
        check_border(self)
        check_choice(f"{owner}.interpolation", self.interpolation, get_args(Sampling))

    def _nodes(self) -> tuple[int, int, int]:
        return self.grid[0] + 1, self.grid[1] + 1, 2

    def _remap(self, shift: Array, extent: Extent, xp: Namespace, *, smooth: bool) -> tuple[Op, ...]:
        """The op that moves nodes by `shift` (n, gh, gw, 2), in cells along (x, y)."""
        cell = [extent[1] / self.grid[1], extent[0] / self.grid[0]]
        field = xp.stack([shift[..., k] * cell[k][:, None, None] for k in range(2)], axis=-1)
        return (
            Remap(
                field=field,
                smooth=smooth,
                interpolation=self.interpolation,
                border=self.border,
                fill=float(self.fill),
            ),
        )


@dataclass(frozen=True, slots=True)
class ElasticTransform(Distorted):
    """Bend the picture like rubber: normally distributed shifts of a coarse grid, and a cubic B-spline between them.

    As in Ronneberger et al., "U-Net" (2015), which moves a grid of 3 by 3 nodes, and after Simard et al., "Best
    practices for convolutional neural networks applied to visual document analysis" (2003), whose smoothing of dense
    noise is the spline's here: a cell is about three of its deviations.

        >>> ElasticTransform(0.2)
        ElasticTransform(0.2)

    Attributes:
        strength: The deviation of a node's shift, as a fraction of a cell, 0 to 0.5. Beyond a third the picture folds.
        grid: Rows and columns of the grid's cells.
        border: What lies outside: "reflect" (the edge pixel twice), "replicate", "wrap", or "constant".
        fill: The level, 0 to 255, of a constant border.
        interpolation: "bilinear" or "nearest".
    """

    strength: float

    def __post_init__(self) -> None:
        Distorted.__post_init__(self)
        check_number("ElasticTransform.strength", self.strength, 0, 0.5)

    def variables(self) -> Mapping[str, Variable]:
        return {"shift": Normal(0.0, float(self.strength), shape=self._nodes())}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return self._remap(drawn.shift, extent, xp, smooth=True)


@dataclass(frozen=True, slots=True)
class GridDistortion(Distorted):
    """Move the inner nodes of a grid, and stretch the cells between them linearly. The picture's edges stay.

        >>> GridDistortion(0.3, grid=(5, 5))
        GridDistortion(0.3, grid=(5, 5))

    Attributes:
        strength: How far a node moves at most, as a fraction of a cell, 0 to 0.5, up to which nothing folds.
        grid: Rows and columns of the grid's cells.
        border: What lies outside: "reflect" (the edge pixel twice), "replicate", "wrap", or "constant".
        fill: The level, 0 to 255, of a constant border.
        interpolation: "bilinear" or "nearest".
    """

    strength: float

    def __post_init__(self) -> None:
        Distorted.__post_init__(self)
        check_number("GridDistortion.strength", self.strength, 0, 0.5)

    def variables(self) -> Mapping[str, Variable]:
        return {"shift": Uniform(-self.strength, self.strength, shape=self._nodes())}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        inner = [xp.asarray([0.0, *[1.0] * (count - 1), 0.0], dtype=drawn.shift.dtype) for count in self.grid]
        kept = inner[0][:, None] * inner[1][None, :]
        return self._remap(drawn.shift * kept[None, :, :, None], extent, xp, smooth=False)
