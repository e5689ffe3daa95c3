"""What was measured on the training pictures, as a value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import fail


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statistics:
    """Mean, standard deviation and whitening of training pictures, in the units of the pictures that were measured.

    Attributes:
        count: How many pictures were measured.
        mean: float32, broadcast over a picture: (1, 1, channels) for a value per channel; None if not measured.
        std: float32 of the same kind; None if not measured.
        whitening: float32 or float64 (d, d) for pictures of d values, symmetric; None if not measured.
    """

    count: int
    mean: NDArray[np.float32] | None = None
    std: NDArray[np.float32] | None = None
    whitening: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise fail("Statistics.count", self.count, "expected at least one picture")
        if self.whitening is not None and (
            self.whitening.ndim != 2 or self.whitening.shape[0] != self.whitening.shape[1]
        ):
            raise fail("Statistics.whitening", self.whitening.shape, "expected a square matrix")

    @property
    def arrays(self) -> dict[str, NDArray[np.floating]]:
        """Those of `mean`, `std` and `whitening` that were measured."""
        found: dict[str, NDArray[np.floating] | None] = {
            "mean": self.mean,
            "std": self.std,
            "whitening": self.whitening,
        }
        return {name: array for name, array in found.items() if array is not None}
