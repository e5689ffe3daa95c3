"""What a target is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

Plain: TypeAlias = NDArray[Any] | dict[str, NDArray[Any]]
"""What a batch holds of one target: an array with a leading axis of the batch, or several by name."""


class Target(ABC):
    """What goes with each of n pictures: a value, which is never changed."""

    __slots__ = ()

    @abstractmethod
    def __len__(self) -> int:
        """How many pictures it is for."""

    @abstractmethod
    def take(self, rows: Ints) -> Self:
        """The same for the pictures at `rows`, int64 (m,), in that order."""

    @abstractmethod
    def joined(self, others: Sequence[Any]) -> Self:
        """The same for these pictures and then those of the others, which are of the same kind and options."""
