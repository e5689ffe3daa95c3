"""Every op over the array API: the definition that the native kernels are tested against, and what runs in a model.

Pictures are (n, height, width, channels) of any array API library, in levels from 0 to 255 unless said otherwise, and
`xp` is that library's namespace. An op's arrays have a leading axis of n or 1. Nothing here branches on the values of
an array, so that all of it can be traced; sizes may be unknown to a graph (`dims`). docs/architecture.md states the
rules.
"""

from imagefeed.array_ops.base import dims, row_of
from imagefeed.array_ops.effects import effect
from imagefeed.array_ops.filters import displacement
from imagefeed.array_ops.levels import color_matrix, lut, normalize, to_levels, whiten
from imagefeed.array_ops.passes import apply, pointwise, run
from imagefeed.array_ops.places import border_index, map_points, sample_bilinear, sample_nearest
from imagefeed.array_ops.separable import axis_weights, copies_needed, resample
from imagefeed.array_ops.warp import Route, route, warp

__all__ = [
    "Route",
    "apply",
    "axis_weights",
    "border_index",
    "color_matrix",
    "copies_needed",
    "dims",
    "displacement",
    "effect",
    "lut",
    "map_points",
    "normalize",
    "pointwise",
    "resample",
    "route",
    "row_of",
    "run",
    "sample_bilinear",
    "sample_nearest",
    "to_levels",
    "warp",
    "whiten",
]
