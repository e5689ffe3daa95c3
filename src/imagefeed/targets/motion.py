"""Where a picture's points go when it is warped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagefeed.targets.base import Floats, Ints

# Nearer to the horizon of a perspective than this, a point is taken to be behind it.
HORIZON = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """A projective map of the points of each of n pictures.

    Attributes:
        forward: float64 (n, 3, 3); maps points (x, y, 1) of the picture that comes in to those of the one that leaves.
    """

    forward: Floats

    def points(self, places: Floats, rows: Ints) -> tuple[Floats, NDArray[np.bool_]]:
        """Where points go.

        Args:
            places: float64 (m, k, 2), x and y: k points of each of m things.
            rows: int64 (m,), the pictures that they are in.

        Returns:
            float64 (m, k, 2); and whether each is seen at all, bool (m, k): not behind the horizon.
        """
        matrix = self.forward[rows]
        mapped = places @ matrix[:, :, :2].swapaxes(1, 2) + matrix[:, None, :, 2]
        seen = mapped[..., 2] > HORIZON
        return mapped[..., :2] / np.where(seen, mapped[..., 2], 1.0)[..., None], seen

    @property
    def mirrored(self) -> NDArray[np.bool_]:
        """Which pictures are seen from behind: bool (n,)."""
        return np.linalg.det(self.forward) < 0
