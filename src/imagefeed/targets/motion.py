"""Where a picture's points go when it is warped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imagefeed.targets.base import Floats, Ints
from imagefeed.targets.bending import unbent

# Nearer to the horizon of a perspective than this, a point is taken to be behind it.
HORIZON = 1e-6


class Move(Protocol):
    """One map of the points of each of n pictures."""

    def points(self, places: Floats, rows: Ints) -> tuple[Floats, NDArray[np.bool_]]:
        """Where points go.

        Args:
            places: float64 (m, k, 2), x and y: k points of each of m things.
            rows: int64 (m,), the pictures that they are in.

        Returns:
            float64 (m, k, 2); and whether each is seen at all, bool (m, k).
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A projective map. What lies behind its horizon is not seen.

    Attributes:
        forward: float64 (n, 3, 3); maps points (x, y, 1) of the picture that comes in to those of the one that leaves.
    """

    forward: Floats

    def points(self, places: Floats, rows: Ints) -> tuple[Floats, NDArray[np.bool_]]:
        """As `Move.points`."""
        matrix = self.forward[rows]
        mapped = places @ matrix[:, :, :2].swapaxes(1, 2) + matrix[:, None, :, 2]
        seen = mapped[..., 2] > HORIZON
        return mapped[..., :2] / np.where(seen, mapped[..., 2], 1.0)[..., None], seen


@dataclass(frozen=True, slots=True, eq=False)
class Bend:
    """What a `Remap` does to points: the inverse of its field, by Newton's method, to a hundredth of a pixel.

    Attributes:
        field: float (n, gh, gw, 2), by how many pixels the place that is read lies beside each node.
        smooth: Whether a cubic B-spline runs over the nodes, or planes.
        sizes: int64 (n, 2), of the pictures.
        active: bool (n,), the pictures that are bent; None for all.
    """

    field: Floats
    smooth: bool
    sizes: Ints
    active: NDArray[np.bool_] | None

    def points(self, places: Floats, rows: Ints) -> tuple[Floats, NDArray[np.bool_]]:
        """As `Move.points`. A point that nothing is read from is not seen; such are where a picture folds."""
        result, seen = places.copy(), np.ones(places.shape[:2], np.bool_)
        chosen = np.arange(len(rows)) if self.active is None else np.flatnonzero(self.active[rows])
        result[chosen], seen[chosen] = unbent(places[chosen], self.field, self.smooth, self.sizes, rows[chosen])
        return result, seen


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Where a picture is made before the next warp samples it: what lies outside of it is lost.

    Attributes:
        sizes: int64 (n, 2), of the pictures.
    """

    sizes: Ints

    def points(self, places: Floats, rows: Ints) -> tuple[Floats, NDArray[np.bool_]]:
        """As `Move.points`."""
        extent = self.sizes[rows][:, None, ::-1]
        inside = np.all((places >= 0) & (places <= extent), axis=2)
        return places, inside


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What a plan does to the points of each of n pictures.

    Attributes:
        moves: One after another.
    """

    moves: Sequence[Move]

    def points(self, places: Floats, rows: Ints) -> tuple[Floats, NDArray[np.bool_]]:
        """As `Move.points`."""
        every = np.ones(places.shape[:2], np.bool_)
        for move in self.moves:
            places, seen = move.points(places, rows)
            every &= seen
        return places, every

    def mirrored(self, rows: Ints) -> NDArray[np.bool_]:
        """Which of the pictures at `rows`, int64 (m,), are seen from behind: bool (m,)."""
        turned = [np.linalg.det(move.forward[rows]) < 0 for move in self.moves if isinstance(move, Projection)]
        return reduce(np.logical_xor, turned, np.zeros(len(rows), np.bool_))
