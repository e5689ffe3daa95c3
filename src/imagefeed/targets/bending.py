"""Where points go when a picture is bent: the inverse of a field of shifts.

The picture that comes out reads, at a place p, what was at p + f(p). So what was at q goes to the p for which
p + f(p) = q, which Newton's method finds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagefeed.targets.base import Floats, Ints

STEPS = 30
"""Newton steps at most; two to five are enough where nothing is nearly folded."""

CLOSE = 1e-3
"""Pixels from its aim at which a point is left alone."""

MISSED = 0.25
"""Pixels from its aim beyond which a point has not arrived: nothing is read from there."""

_HALVINGS = 4


def unbent(places: Floats, field: Floats, smooth: bool, sizes: Ints, rows: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """Where the points of some pictures go, which are bent.

    Args:
        places: float64 (m, k, 2), x and y: k points of each of m things.
        field: float (n, gh, gw, 2) or (1, gh, gw, 2): shifts of a grid's nodes along (x, y), in pixels.
        smooth: Whether a uniform cubic B-spline runs over the nodes, or else planes.
        sizes: int64 (n, 2) or (1, 2), height and width of the pictures.
        rows: int64 (m,), the pictures of the things.

    Returns:
        float64 (m, k, 2); and which of them arrived, bool (m, k).
    """
    pictures = np.repeat(rows, places.shape[1])
    aim = places.reshape(-1, 2)
    extent = sizes[pictures % len(sizes)][:, ::-1].astype(np.float64)
    grids = Grids(field.astype(np.float64), smooth, pictures % len(field), extent)
    here = aim - grids.shift(aim, slice(None))[0]
    error, slope = _off(grids, here, aim, slice(None))
    for _ in range(STEPS):
        far = np.flatnonzero(_length(error) > CLOSE)
        if not len(far):
            break
        step = np.linalg.solve(_regular(slope[far]), error[far, :, None])[..., 0]
        # A point that would end farther from its aim goes a part of the way only.
        for _ in range(_HALVINGS):
            trial = here[far] - step
            trial_error, trial_slope = _off(grids, trial, aim[far], far)
            better = _length(trial_error) < _length(error[far])
            taken = far[better]
            here[taken], error[taken], slope[taken] = trial[better], trial_error[better], trial_slope[better]
            far, step = far[~better], step[~better] * 0.5
            if not len(far):
                break
        here[far] -= step  # at the end of its part, whichever way that is
        error[far], slope[far] = _off(grids, here[far], aim[far], far)
    return here.reshape(places.shape), (_length(error) <= MISSED).reshape(places.shape[:2])


class Grids:
    """The fields of the pictures that some points are in."""

    def __init__(self, field: Floats, smooth: bool, pictures: Ints, extent: Floats) -> None:
        """
        Args:
            field: float64 (n, gh, gw, 2).
            smooth: As for `unbent`.
            pictures: int64 (m,), the field of each point.
            extent: float64 (m, 2), width and height of each point's picture.
        """
        self._field = field
        self._smooth = smooth
        self._pictures = pictures
        self._extent = extent

    def shift(self, places: Floats, chosen: slice | Ints) -> tuple[Floats, Floats]:
        """By how much the places (m, 2) of some of the points are read beside themselves.

        Returns:
            float64 (m, 2); and its derivatives (m, 2, 2): of x and y, by x and y. Beyond the edges it stays what it is.
        """
        nodes = np.array(self._field.shape[2:0:-1]) - 1  # along x and y
        per_pixel = nodes / self._extent[chosen]
        at = np.clip(places * per_pixel, 0.0, nodes)
        inside = at == places * per_pixel
        node = np.minimum(at.astype(np.int64), np.maximum(nodes - 1, 0))
        weights, slopes = _weights(at - node, self._smooth)
        slopes = slopes * (per_pixel * inside)[..., None]
        index = np.clip(node[..., None] + np.arange(-1, 3), 0, nodes[:, None])  # (m, 2, 4)
        pictures = self._pictures[chosen][:, None, None]
        values = self._field[pictures, index[:, 1, :, None], index[:, 0, None, :]]  # (m, 4, 4, 2): y, x, axis
        moved = np.einsum("mj,mi,mjia->ma", weights[:, 1], weights[:, 0], values, optimize=True)
        by_x = np.einsum("mj,mi,mjia->ma", weights[:, 1], slopes[:, 0], values, optimize=True)
        by_y = np.einsum("mj,mi,mjia->ma", slopes[:, 1], weights[:, 0], values, optimize=True)
        return moved, np.stack([by_x, by_y], axis=2)


def _weights(t: Floats, smooth: bool) -> tuple[Floats, Floats]:
    """What the four nodes around count, at a fraction t (m, 2) between the two in the middle, and the derivatives."""
    u = 1.0 - t
    if smooth:
        inner, outer = ((3 * s - 6) * s * s + 4 for s in (t, u))
        weights = np.stack([u * u * u, inner, outer, t * t * t], axis=-1) / 6.0
        slopes = np.stack([-u * u, (3 * t - 4) * t, (4 - 3 * u) * u, t * t], axis=-1) / 2.0
        return weights, slopes
    zero = np.zeros_like(t)
    return np.stack([zero, u, t, zero], axis=-1), np.stack([zero, zero - 1, zero + 1, zero], axis=-1)


def _off(grids: Grids, here: Floats, aim: Floats, chosen: slice | Ints) -> tuple[Floats, Floats]:
    """How far what is read at some places lies from their aims (m, 2), and the derivatives (m, 2, 2) of that."""
    shift, slope = grids.shift(here, chosen)
    return here + shift - aim, slope + np.eye(2)


def _regular(slope: Floats) -> Floats:
    """The derivatives, made such that a step can be computed where the picture is about to fold."""
    flat = abs(np.linalg.det(slope)) < 1e-3
    return np.where(flat[:, None, None], np.eye(2), slope)


def _length(vectors: Floats) -> Floats:
    return np.hypot(vectors[:, 0], vectors[:, 1])
