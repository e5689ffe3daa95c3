"""Which function does which effect."""

from __future__ import annotations

from typing import Any

from imagefeed.array_ops.filters import filtered, hsv, median, remap
from imagefeed.array_ops.histograms import clahe, histogram, jpeg
from imagefeed.array_ops.noise import erase, grid, noise
from imagefeed.effects import Erase, Filter, Grid, Histogram, Hsv, Jpeg, LocalHistogram, Median, Noise
from imagefeed.ops import Effect, Remap
from imagefeed.types import Array, Namespace

_FUNCTIONS: dict[type[Effect], Any] = {
    LocalHistogram: clahe,
    Erase: erase,
    Filter: filtered,
    Grid: grid,
    Histogram: histogram,
    Hsv: hsv,
    Jpeg: jpeg,
    Median: median,
    Noise: noise,
    Remap: remap,
}


def effect(images: Array, op: Effect, xp: Namespace) -> Array:
    """Do an effect to float pictures, but for those that it is not active for.

    Raises:
        PlanError: The pictures have a count of channels that it cannot work on, or the namespace cannot do it.
    """
    done = _FUNCTIONS[type(op)](images, op, xp)
    if op.active is None:
        return done
    return xp.where(xp.asarray(op.active)[:, None, None, None], done, images)
