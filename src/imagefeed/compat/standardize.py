"""The last step of every picture: rescaling, centering, scaling, whitening."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What keeps Keras from dividing by zero.
EPSILON = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standardization:
    """What a generator does last, in this order.

    Attributes:
        function: Called on every picture, float32 of three axes; None for nothing.
        rescale: A factor; None for 1.
        samplewise_center: Whether a picture's own mean is taken off.
        samplewise_std: Whether it is divided by its own standard deviation.
        center: Whether `mean` is taken off.
        mean: Broadcast over a picture; None before a fit.
        scale: Whether to divide by `std`.
        std: Broadcast over a picture; None before a fit.
        whiten: Whether to multiply by `whitening`.
        whitening: (d, d) for pictures of d values; None before a fit.
    """

    function: Callable[[NDArray[Any]], Any] | None = None
    rescale: float | None = None
    samplewise_center: bool = False
    samplewise_std: bool = False
    center: bool = False
    mean: Any = None
    scale: bool = False
    std: Any = None
    whiten: bool = False
    whitening: NDArray[np.floating] | None = None

    def warn_unfitted(self) -> None:
        """Warn of what is asked for and was never measured."""
        asked = (
            ("featurewise_center", self.center, self.mean),
            ("featurewise_std_normalization", self.scale, self.std),
            ("zca_whitening", self.whiten, self.whitening),
        )
        for name, wanted, value in asked:
            if wanted and value is None:
                warnings.warn(
                    f"This ImageDataGenerator specifies `{name}`, but it hasn't been fit on any training data. "
                    "Fit it first by calling `.fit(numpy_data)`.",
                    stacklevel=3,
                )

    def line(self, channels: int, axis: int) -> tuple[list[float], list[float]] | None:
        """The scale and bias per channel that do all of it, if one line a channel can.

        Args:
            channels: How many.
            axis: Which of a picture's axes has them.
        """
        if self.function is not None or self.samplewise_center or self.samplewise_std or self.whitens:
            return None
        mean = _per_channel(self.mean if self.center else None, 0.0, channels, axis)
        std = _per_channel(self.std if self.scale else None, 1.0 - EPSILON, channels, axis)
        if mean is None or std is None:
            return None
        divisor = std + EPSILON if self.scale and self.std is not None else np.ones(channels)
        scale = (1.0 if not self.rescale else self.rescale) / divisor
        return scale.tolist(), (-mean / divisor).tolist()

    @property
    def whitens(self) -> bool:
        """Whether there is a product with a matrix, which is better done for a batch."""
        return self.whiten and self.whitening is not None

    def apply(self, batch: NDArray[Any]) -> None:
        """All but the function, in place.

        Args:
            batch: float (n, ...), three axes a picture.
        """
        axes = tuple(range(1, batch.ndim))
        if self.rescale:
            batch *= self.rescale
        if self.samplewise_center:
            batch -= np.mean(batch, axis=axes, keepdims=True)
        if self.samplewise_std:
            batch /= np.std(batch, axis=axes, keepdims=True) + EPSILON
        if self.center and self.mean is not None:
            batch -= _spread(self.mean, batch)
        if self.scale and self.std is not None:
            batch /= _spread(self.std, batch) + batch.dtype.type(EPSILON)
        if self.whiten and self.whitening is not None:
            flat = batch.reshape(len(batch), -1)
            batch[:] = (flat @ self.whitening.astype(batch.dtype, copy=False)).reshape(batch.shape)


def _spread(value: Any, batch: NDArray[Any]) -> NDArray[Any]:
    """A value of each channel over a row of the pictures: NumPy is slow where the last axes are short."""
    array = np.asarray(value, batch.dtype)
    if array.ndim == 3 and array.shape[:2] == (1, 1) and batch.ndim == 4:
        return np.ascontiguousarray(np.broadcast_to(array, (1, *batch.shape[2:])))
    return array


def _per_channel(value: Any, missing: float, channels: int, axis: int) -> NDArray[np.float64] | None:
    """A value for every channel, or None for something that varies within one."""
    if value is None:
        return np.full(channels, missing)
    array = np.asarray(value, np.float64)
    shape = (1,) * (3 - array.ndim) + array.shape
    if array.size == 1:
        return np.full(channels, array.item())
    return array.reshape(-1) if len(shape) == 3 and shape[axis] == channels == array.size else None
