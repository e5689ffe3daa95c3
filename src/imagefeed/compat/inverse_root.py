"""The inverse root of a large covariance matrix, without its eigenvectors.

Eigenvectors take most of a whitening's time, and only their sum is wanted. So the matrix is made a band of blocks by
reflections (Bischof, Lang and Sun, "A framework for symmetric band reduction", 2000), which are all products of
matrices; the function of the band is a sum of inverses of shifted bands (partial fractions, as in Hale, Higham and
Trefethen, "Computing A^a, log(A), and related matrix functions by contour integrals", 2008); and the reflections are
undone, in single precision, since what comes out has no more digits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple, cast

import numpy as np

from imagefeed.compat.band import Band, Floats
from imagefeed.compat.pages import zeros
from imagefeed.compat.reflections import BAND, Reflections, Singles, mirror, norm, reduce, undo

_ERROR = 1e-6  # of the partial fractions, relative
_WIDER = 10.0  # on both sides
# The rounding errors of a d x d matrix are about d times those of its norm. The roots of so many times that are the
# smallest singular values that are told from zero: with d = 3072, 5e-6 of the largest.
_ROOM = 32.0
# Inverses that are added at once, for each value of a picture: more need more memory than that of a covariance.
_SHARE = 1 / 512


class Reduced(NamedTuple):
    """A symmetric matrix A, (d, d), without negative eigenvalues, as a band and the reflections that made it one.

    Attributes:
        size: d.
        most: No eigenvalue is larger.
        band: What it became.
        reflections: As `reduce` gives them: as many values as a triangle of the matrix, in single precision.
    """

    size: int
    most: float
    band: Band
    reflections: list[Reflections]

    @classmethod
    def of(cls, matrix: Floats) -> Reduced:
        """Of a matrix of which the lower triangle is read, and overwritten. It is not needed any more."""
        most = norm(matrix) or 1.0
        reflections = reduce(matrix)
        return cls(len(matrix), most, Band.of(matrix, BAND), reflections)

    def inverse_root(self, epsilon: float) -> Singles:
        """The inverse of A^(1/2) + epsilon, (d, d); to be asked for once, since it uses up the reflections.

        Eigenvalues that A's rounding errors hide are taken for about as large as these.

        Args:
            epsilon: At least 0.
        """
        least = max(self.size, BAND) * np.finfo(np.float64).eps * self.most * _ROOM
        poles, weights = _fractions(max(least, self.band.least(least)), self.most, epsilon)
        together = max(4, round(self.size * _SHARE))
        result = zeros((self.size, self.size), np.float32, partly=True)
        for chosen in np.array_split(np.arange(len(poles)), math.ceil(len(poles) / together)):
            self.band.add_inverses(result, poles[chosen], weights[chosen])
        undo(result, self.reflections)
        mirror(result)
        return result


def _fractions(least: float, most: float, epsilon: float) -> tuple[Floats, Floats]:
    """Poles p and weights w, so that the sum of w / (a + p) is 1 / (sqrt(a) + epsilon) for a from `least` to `most`.

    The poles are Zolotarev's for epsilon = 0 (Gawlik, "Zolotarev iterations for the matrix square root", 2019), or for
    a wider interval, whichever needs fewer of them; the weights are fitted.
    """
    solve = cast("Callable[..., tuple[Floats, ...]]", np.linalg.lstsq)  # NumPy leaves a part of its type out
    for count in itertools.count(2):
        at = np.geomspace(least, most, 20 * count)
        for wider in (1.0, _WIDER):
            tangents = _tangents(count, math.sqrt(least / most) / wider)
            poles = least / wider * tangents**2
            parts = (np.sqrt(at) + epsilon)[:, None] / (at[:, None] + poles)
            size = np.linalg.norm(parts, axis=0)
            weights = solve(parts / size, np.ones(len(at)), rcond=None)[0]
            if abs((parts / size) @ weights - 1).max() < _ERROR:
                return poles, weights / size
    raise AssertionError("the count has no end")


def _tangents(count: int, modulus: float) -> Floats:
    """Jacobi's sn / cn of the complement of a modulus, at the middles of `count` equal parts of its quarter period.

    By the means of Gauss (Abramowitz and Stegun, "Handbook of Mathematical Functions", 16.4).
    """
    means, ratios = (1.0, modulus), list[float]()
    while abs(means[0] - means[1]) > 1e-15 * means[0]:
        ratios.append((means[0] - means[1]) / (means[0] + means[1]))
        means = (means[0] + means[1]) / 2, math.sqrt(means[0] * means[1])
    angle = (np.arange(count) + 0.5) / count * (math.pi / 2) * 2.0 ** len(ratios)
    for ratio in reversed(ratios):
        angle = (angle + np.arcsin(ratio * np.sin(angle))) / 2
    return np.tan(angle)
