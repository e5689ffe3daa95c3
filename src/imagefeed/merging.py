"""Statistics of two sets of pictures, as one: the update of Chan, Golub and LeVeque (1983)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.errors import SpecError
from imagefeed.statistics import Covariance, Statistics

Floats: TypeAlias = NDArray[np.float64]


@dataclass(slots=True)
class Moments:
    """The number of some values, their mean, and the sum of their squared differences from it.

    Attributes:
        count: How many.
        mean: float64, of any shape; of `count` values each.
        squares: Of the same shape.
    """

    count: int
    mean: Floats
    squares: Floats

    def __add__(self, other: Moments) -> Moments:
        count = self.count + other.count
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        squares = self.squares + other.squares + step * step * (self.count * (other.count / count))
        return Moments(count, mean, squares)

    @property
    def std(self) -> Floats:
        """The deviation of the population."""
        return np.sqrt(self.squares / self.count)


def merge(one: Statistics, other: Statistics) -> Statistics:
    """What `one + other` is."""
    for name in ("mean", "std", "covariance"):
        a: Any = getattr(one, name)
        b: Any = getattr(other, name)
        if (a is None) != (b is None):
            raise SpecError(f"Statistics.{name}: measured in one of the two only; they cannot be added")
        if name != "covariance" and a is not None and a.shape != b.shape:
            raise SpecError(f"Statistics.{name}: {a.shape} and {b.shape} cannot be added")
    for value in (one, other):
        if value.whitening is not None:
            raise SpecError("Statistics.whitening: a whitening matrix cannot be added; measure a covariance instead")
        if value.mean is None and value.std is not None:
            raise SpecError("Statistics.std: without a mean it cannot be added")
    values = (one.values or one.count) + (other.values or other.count)
    count = one.count + other.count
    moments = None if one.mean is None else _moments(one) + _moments(other)
    covariance = None
    if one.covariance is not None and other.covariance is not None:
        covariance = _merge_covariances(one, other)
    return Statistics(
        count=count,
        values=None if one.values is None and other.values is None else values,
        mean=None if moments is None else moments.mean,
        std=None if moments is None or one.std is None else moments.std,
        covariance=covariance,
    )


def _moments(value: Statistics) -> Moments:
    mean: Any = value.mean
    std: Any = np.zeros_like(mean) if value.std is None else value.std
    values = value.values or value.count
    return Moments(values, mean.astype(np.float64), std.astype(np.float64) ** 2 * values)


def _merge_covariances(one: Statistics, other: Statistics) -> Covariance:
    """The principal directions of both together, found among those of either and the way between their means."""
    a, b = one.covariance, other.covariance
    if a is None or b is None or a.method != b.method or len(a.basis) != len(b.basis):
        raise SpecError("Statistics.covariance: of other methods or of pictures of other sizes; they cannot be added")
    d, rank = len(a.basis), max(a.basis.shape[1], b.basis.shape[1])
    share = one.count / (one.count + other.count)
    between = np.zeros(d)
    if one.mean is not None and other.mean is not None and one.mean.size == d:
        between = np.sqrt(share * (1 - share)) * (other.mean.astype(np.float64) - one.mean).ravel()
    weights = (share, 1 - share)
    if a.basis.shape[1] + b.basis.shape[1] + 1 >= d:
        full: Floats = np.outer(between, between)
        for part, weight in zip((a, b), weights, strict=True):
            full += weight * (part.basis * (part.variances - part.rest)) @ part.basis.T.astype(np.float64)
            full[np.diag_indices(d)] += weight * part.rest
        return of_matrix(full, a.method, rank)
    # What either leaves to its rest is alike in all directions, and so stays out of the sum that is decomposed.
    thin = [
        np.sqrt(w) * part.basis * np.sqrt(np.maximum(part.variances - part.rest, 0.0))
        for part, w in zip((a, b), weights, strict=True)
    ]
    joined = np.concatenate([*thin, between[:, None]], axis=1)
    rest = share * a.rest + (1 - share) * b.rest
    vectors, roots, _ = np.linalg.svd(joined, full_matrices=False)
    variances = roots**2 + rest
    total = float(variances.sum()) + rest * (d - len(variances))
    left = max(total - float(variances[:rank].sum()), 0.0) / (d - rank)
    return Covariance(
        basis=vectors[:, :rank].astype(a.basis.dtype), variances=variances[:rank], rest=left, method=a.method
    )


def of_matrix(matrix: Floats, method: Any, rank: int | None = None) -> Covariance:
    """The principal directions of a covariance matrix, which is overwritten.

    Args:
        matrix: float64 (d, d), symmetric.
        method: As in `Covariance`.
        rank: How many directions to hold; None for all.
    """
    d = len(matrix)
    variances, vectors = np.linalg.eigh(matrix)
    variances, vectors = np.maximum(variances[::-1], 0.0), vectors[:, ::-1]
    rank = d if rank is None else min(rank, d)
    rest = float(variances[rank:].mean()) if rank < d else 0.0
    basis = np.ascontiguousarray(vectors[:, :rank])
    return Covariance(basis=basis, variances=np.ascontiguousarray(variances[:rank]), rest=rest, method=method)
