"""What is summed up over pictures: of some of them here, of others elsewhere, and both together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.merging import Moments
from imagefeed.statistics import Per

Floats: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.float32]


class Sum(Protocol):
    """Sums over some pictures. It can be pickled; sums over other pictures, made alike, can be added to it."""

    def add(self, batch: Rows) -> None:
        """Take in some more pictures."""
        ...

    def merge(self, other: Self) -> None:
        """Take in what another one has taken in."""
        ...


class MomentSum:
    """The moments of every channel of batches (n, channels, height, width), or of every value of batches (n, ...)."""

    def __init__(self, per: Per) -> None:
        self.moments = Moments(0, np.zeros(1), np.zeros(1))
        self._per = per

    def add(self, batch: Rows) -> None:
        self.moments += _of_channels(batch) if self._per == "channel" else _centered(batch)[0]

    def merge(self, other: Self) -> None:
        self.moments += other.moments


class ScatterSum:
    """The moments of every value, and the products of every two of them: n times their covariance.

    Attributes:
        moments: Of every value.
        matrix: float64 (d, d).
    """

    def __init__(self, values: int) -> None:
        self.moments = Moments(0, np.zeros(values), np.zeros(values))
        self.matrix: Floats = np.zeros((values, values))

    def add(self, batch: Rows) -> None:
        part, centered = _centered(batch)
        self.matrix += centered.T @ centered
        self._join(part)

    def merge(self, other: Self) -> None:
        self.matrix += other.matrix
        self._join(other.moments)

    def _join(self, part: Moments) -> None:
        """Add what lies between the means of two parts, whose own products are in the matrix."""
        count = self.moments.count
        if count and part.count:
            between = (part.mean - self.moments.mean) * np.sqrt(count * part.count / (count + part.count))
            self.matrix += np.multiply(between[:, None], between)
        self.moments += part


class SketchSum:
    """The moments of every value, and the covariance, which is never made, times a random matrix.

    Products are those of float32; they are summed in double precision, so that it does not matter where.

    Args:
        origin: A picture near the mean, float32 (d,). The way from one to the other is one direction too many, which a
            second pass finds to be nothing special.
        followed: The columns of the random matrix.
        seed: Of the random matrix.
    """

    def __init__(self, origin: Rows, followed: int, seed: int) -> None:
        self.moments = Moments(0, np.zeros(1), np.zeros(1))
        self.sketch: Floats = np.zeros((len(origin), followed))
        random = np.random.default_rng(seed).standard_normal((len(origin), followed), np.float32)
        self._given: tuple[Rows, Rows] | None = origin, random

    def add(self, batch: Rows) -> None:
        assert self._given is not None  # only what has been sent elsewhere has lost it, and that is only merged
        origin, random = self._given
        self.moments += _centered(batch)[0]
        rows = batch.reshape(len(batch), -1) - origin
        self.sketch += rows.T @ (rows @ random)

    def merge(self, other: Self) -> None:
        self.moments += other.moments
        self.sketch += other.sketch

    def __getstate__(self) -> Mapping[str, Any]:
        return {**self.__dict__, "_given": None}


class ProjectedSum:
    """The products of every two coordinates of pictures along some directions.

    Args:
        mean: Of all pictures, float32 (d,).
        directions: float32 (d, k).
    """

    def __init__(self, mean: Rows, directions: Rows) -> None:
        self.matrix: Floats = np.zeros((directions.shape[1],) * 2)
        self._given: tuple[Rows, Rows] | None = mean, directions

    def add(self, batch: Rows) -> None:
        assert self._given is not None
        mean, directions = self._given
        found = ((batch.reshape(len(batch), -1) - mean) @ directions).astype(np.float64)
        self.matrix += found.T @ found

    def merge(self, other: Self) -> None:
        self.matrix += other.matrix

    def __getstate__(self) -> Mapping[str, Any]:
        return {**self.__dict__, "_given": None}


def _of_channels(batch: Rows) -> Moments:
    mean, squares = np.empty(batch.shape[1]), np.empty(batch.shape[1])
    for channel in range(batch.shape[1]):
        values = batch[:, channel].astype(np.float64).ravel()
        mean[channel] = values.mean()
        values -= mean[channel]
        squares[channel] = np.dot(values, values)
    return Moments(batch[:, 0].size, mean, squares)


def _centered(batch: Rows) -> tuple[Moments, Floats]:
    """The moments of every value, and the rows without their mean, float64 (n, d)."""
    exact = batch.reshape(len(batch), -1).astype(np.float64)
    mean = exact.mean(axis=0)
    exact -= mean
    return Moments(len(exact), mean, np.einsum("ij,ij->j", exact, exact)), exact
