"""Targets that a picture's motion leaves alone: classes and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import fail
from imagefeed.errors import SpecError
from imagefeed.targets.base import Ints, Target
from imagefeed.targets.layers import Layers


@dataclass(frozen=True, slots=True, eq=False)
class Numbers(Target):
    """A target of which a batch holds the numbers as they are.

    Attributes:
        values: An array with a leading axis of n.
    """

    values: Any

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.ndim == 0:
            raise fail(f"{type(self).__name__}.values", self.values, "expected one for each picture")
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Ints) -> Self:
        return replace(self, values=self.values[rows])

    def joined(self, others: Sequence[Any]) -> Self:
        return replace(self, values=np.concatenate([self.values, *(other.values for other in others)]))

    def batch(self) -> NDArray[Any]:
        """What a batch holds of it."""
        return self.values

    def mixed(self, layers: Layers) -> Numbers:
        """The numbers of several records as those of one: their mean, by how much each counts.

        Raises:
            SpecError: They are no shares, or not numbers that have a mean.
        """
        if layers.pasted is not None:
            return self.take(np.arange(layers.count))
        if self.values.dtype.kind != "f":
            raise SpecError(
                f"{type(self).__name__}: {self.values.dtype} numbers have no mean where pictures are mixed; give "
                "floats, or classes as Label(..., classes=n)"
            )
        return replace(self, values=_mean(self.values, layers))


@dataclass(frozen=True, slots=True, eq=False)
class Label(Numbers):
    """The class of each picture.

    In a batch: the class numbers, integers (b,). After MixUp, CutMix or Mosaic: how much there is of each class,
    float32 (b, classes).

        >>> from imagefeed import Label
        >>> Label([0, 2, 1], classes=3).batch()
        array([0, 2, 1])

    Attributes:
        values: Integers (n,), from 0 to classes - 1.
        classes: How many classes there are; asked for only where pictures are mixed.
    """

    _: KW_ONLY
    classes: int | None = None

    def __post_init__(self) -> None:
        Numbers.__post_init__(self)
        if self.values.ndim != 1 or self.values.dtype.kind not in "iu":
            got = f"{self.values.dtype} of shape {self.values.shape}"
            raise fail("Label.values", got, "expected integers (n,); for rows of zeros and ones use MultiLabel")
        if self.classes is None:
            return
        for wrong in self.values[(self.values < 0) | (self.values >= self.classes)].tolist():
            raise fail("Label.values", wrong, f"expected class numbers from 0 to {self.classes - 1}")

    def mixed(self, layers: Layers) -> Numbers:
        if layers.pasted is not None:
            return self.take(np.arange(layers.count))
        if self.classes is None:
            raise SpecError("Label: mixed classes become shares, for which it must say how many there are: classes=n")
        # Shares, which the next mix averages: not the several classes of a MultiLabel, which a mosaic unites.
        return Value(_mean(np.eye(self.classes, dtype=np.float32)[self.values], layers))


@dataclass(frozen=True, slots=True, eq=False)
class MultiLabel(Numbers):
    """Which of several classes are in each picture.

    In a batch: float32 (b, classes).

    Attributes:
        values: Zeros and ones, or shares between them, (n, classes).
    """

    def __post_init__(self) -> None:
        Numbers.__post_init__(self)
        if self.values.ndim != 2:
            raise fail("MultiLabel.values", f"shape {self.values.shape}", "expected (n, classes)")
        object.__setattr__(self, "values", self.values.astype(np.float32, copy=False))

    def mixed(self, layers: Layers) -> Numbers:
        added = Numbers.mixed(self, layers)
        if layers.pasted is not None:
            return added
        seen = (layers.weight > 0).T.reshape(-1, 1)
        every = np.where(seen, self.values, 0).reshape(layers.place.shape[1], layers.count, -1)
        union = np.broadcast_to(layers.union, layers.count)[:, None]
        return replace(self, values=np.where(union, every.max(axis=0), added.values))


@dataclass(frozen=True, slots=True, eq=False)
class Value(Numbers):
    """Numbers that go with each picture, such as a price, an angle or an embedding.

    In a batch: as they are given. Floats are averaged where pictures are mixed.

    Attributes:
        values: (n, ...) of any dtype.
    """


def _mean(values: NDArray[Any], layers: Layers) -> NDArray[Any]:
    """The mean over layers of values (n·k, ...), by their shares."""
    every = values.reshape(layers.place.shape[1], layers.count, *values.shape[1:])
    share = layers.share.T.reshape(every.shape[:2] + (1,) * (every.ndim - 2))
    return (every * share).sum(axis=0).astype(values.dtype)
