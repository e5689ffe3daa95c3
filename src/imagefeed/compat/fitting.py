"""Measuring the training set."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.whitening import Covariance
from imagefeed.statistics import Statistics

if TYPE_CHECKING:
    from imagefeed.compat.generator import ImageDataGenerator

# Arrays up to this size are measured in one piece, which gives Keras's numbers to the last bit; larger ones in pieces
# of it, merged in double precision (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983).
_PIECE = 64 << 20


def fit(
    generator: ImageDataGenerator, x: Any, *, augment: bool, rounds: int, random: np.random.RandomState
) -> Statistics:
    """What a generator's arguments ask to be measured.

    Args:
        generator: Whose arguments.
        x: Images (n, height, width, channels), or channels first.
        augment: Whether to measure augmented pictures.
        rounds: How many times each of them is augmented.
        random: Of the augmentation.

    Raises:
        ValueError: Not an array of four axes.
    """
    images = np.asarray(x)
    if images.ndim != 4:
        raise ValueError(f"Input to `.fit()` should have rank 4. Got array with shape: {images.shape}")
    axis = generator.channel_axis
    if images.shape[axis] not in (1, 3, 4):
        warnings.warn(
            "Expected input to be images (as Numpy array) following the data format convention "
            f'"{generator.data_format}" (channels on axis {axis}), i.e. expected either 1, 3 or 4 channels on axis '
            f"{axis}. However, it was passed an array with shape {images.shape} ({images.shape[axis]} channels).",
            stacklevel=3,
        )
    pieces = _Pieces(generator, images, augment=augment, rounds=rounds, random=random)
    mean = std = whitening = None
    if generator.featurewise_center or generator.featurewise_std_normalization:
        mean, std = _moments(pieces, axis, spread=generator.featurewise_std_normalization)
        mean, std = mean.astype(generator.dtype), None if std is None else std.astype(generator.dtype)
    if generator.zca_whitening:
        whitening = _whitening(pieces, mean, generator.zca_epsilon)
    return Statistics(count=len(images) * (rounds if augment else 1), mean=mean, std=std, whitening=whitening)


class _Pieces:
    """The pictures to measure, piece by piece, as often as they are asked for."""

    def __init__(
        self,
        generator: ImageDataGenerator,
        images: NDArray[Any],
        *,
        augment: bool,
        rounds: int,
        random: np.random.RandomState,
    ) -> None:
        self._generator = generator
        self._images = images
        self._rounds = rounds if augment else 1
        self._seed = random if augment else None
        # Keras rescales first and measures what augmentation makes of that; it never calls the function.
        self._function = generator.preprocessing_function if generator.mode == "fixed" else None
        self._state = random.get_state(legacy=True)
        self.values = int(np.prod(images.shape[1:]))
        self.count = len(images) * self._rounds
        self._length = max(1, _PIECE // (4 * max(1, self.values)))

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Float arrays of the generator's dtype, which may be written to."""
        if self._seed is not None:
            self._seed.set_state(self._state)  # the same draws every time
        for _ in range(self._rounds):
            for first in range(0, len(self._images), self._length):
                yield self._piece(self._images[first : first + self._length])

    def stored(self) -> tuple[NDArray[np.uint8], float] | None:
        """All pictures as bytes, and what they are multiplied by, where nothing else is done to them."""
        if self._images.dtype != np.uint8 or self._seed is not None or self._function is not None:
            return None
        return self._images, float(self._generator.rescale or 1.0)

    def _piece(self, images: NDArray[Any]) -> NDArray[Any]:
        generator = self._generator
        piece = np.array(images, dtype=generator.dtype)
        if generator.rescale and self._function is None:
            piece *= generator.rescale
        if self._seed is not None:
            with generator.drawing_from(self._seed):
                piece = np.stack([generator.random_transform(image) for image in piece]).astype(piece.dtype, copy=False)
        if self._function is not None:
            piece = np.stack([np.asarray(self._function(image)) for image in piece]).astype(piece.dtype, copy=False)
            if generator.rescale:
                piece *= generator.rescale
        return piece


def _moments(pieces: _Pieces, axis: int, *, spread: bool) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The mean and, if asked for, the standard deviation of every channel, broadcast over a picture."""
    axes = tuple(k for k in range(4) if k != axis)
    count = 0
    mean: Any = 0.0
    squares: Any = 0.0
    for piece in pieces:
        own = np.mean(piece, axis=axes, keepdims=True)[0]
        deviation: Any = None
        if spread:
            piece -= own
            deviation = np.std(piece, axis=axes, keepdims=True)[0]
        if count == 0 and len(piece) == pieces.count:
            return own, deviation
        step = own.astype(np.float64) - mean
        total = count + len(piece)
        mean = mean + step * (len(piece) / total)
        if spread:
            own_squares = deviation.astype(np.float64) ** 2 * len(piece)
            squares = squares + own_squares + step**2 * (count * len(piece) / total)
        count = total
    return mean, np.sqrt(squares / max(count, 1)) if spread else None


def _whitening(pieces: _Pieces, mean: Any, epsilon: float) -> NDArray[np.float32]:
    covariance = Covariance(pieces.values, pieces.count)
    given = pieces.stored()
    if given is not None:
        images, scale = given
        whole = np.broadcast_to(0.0 if mean is None else mean, images.shape[1:]).ravel()
        covariance.add_bytes(images.reshape(len(images), -1), scale, whole)
        return covariance.whitening(epsilon)
    for piece in pieces:
        if mean is not None:
            piece -= mean
        covariance.add(piece.reshape(len(piece), -1))
    return covariance.whitening(epsilon)
