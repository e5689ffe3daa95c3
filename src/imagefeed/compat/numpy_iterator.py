"""Batches from arrays."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.defaults import DataFormat
from imagefeed.compat.making import Images
from imagefeed.compat.picture_iterator import PictureIterator
from imagefeed.compat.pictures import ArrayPictures, Ints
from imagefeed.compat.splits import check_subset, split_arrays

if TYPE_CHECKING:
    from imagefeed.compat.generator import ImageDataGenerator

_MOST_CHANNELS = 32


class NumpyArrayIterator(PictureIterator):
    """Batches of the pictures in an array.

    Args:
        x: Images (n, height, width, channels), or channels first; or a tuple (images, misc), where misc is an array or
            a list of arrays that pass through unchanged.
        y: Targets of n, or None.
        image_data_generator: What is done to each picture.
        batch_size: Pictures a batch.
        shuffle: Whether every epoch has an order of its own.
        sample_weight: Weights of n, or None.
        seed: Of the order and the draws.
        data_format: By default the generator's.
        save_to_dir: A folder for a copy of every picture.
        save_prefix: How the names of the copies begin.
        save_format: The format of the copies.
        subset: "training" or "validation", if the generator has a validation split.
        ignore_class_split: Whether the two may have different numbers of classes.
        dtype: Of the batches; by default the generator's.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: ImageDataGenerator,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: DataFormat | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: str | None = None,
    ) -> None:
        self.image_data_generator = image_data_generator
        self.data_format = data_format or image_data_generator.data_format
        self.dtype = dtype or image_data_generator.dtype
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.subset = subset
        images, misc = _images_and_misc(x)
        y = None if y is None else np.asarray(y)
        sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        _check_lengths(images, y, sample_weight)
        if subset is not None:
            check_subset(subset)
            chosen = split_arrays(image_data_generator, len(images), y, subset, ignore_class_split=ignore_class_split)
            images, misc = images[chosen], [one[chosen] for one in misc]
            y = None if y is None else y[chosen]
            sample_weight = None if sample_weight is None else sample_weight[chosen]
        self._set_images(images)
        self.x_misc = misc
        self.y = y
        self.sample_weight = sample_weight
        super().__init__(len(images), batch_size, shuffle, seed)

    @property
    def x(self) -> NDArray[Any]:
        """The images in the dtype of the batches. Once asked for, they are what batches are made from."""
        if self._images.dtype != self.dtype:
            self._set_images(self._images.astype(self.dtype))
        return self._images

    @x.setter
    def x(self, images: NDArray[Any]) -> None:
        self._set_images(np.asarray(images, self.dtype))

    def _set_images(self, images: NDArray[Any]) -> None:
        if images.ndim != 4:
            raise ValueError(
                f"Input data in `NumpyArrayIterator` should have rank 4. You passed an array with shape {images.shape}"
            )
        axis = 3 if self.data_format == "channels_last" else 1
        channels = images.shape[axis]
        if channels not in (1, 3, 4):
            warnings.warn(
                f'NumpyArrayIterator is set to use the data format convention "{self.data_format}" (channels on axis '
                f"{axis}), i.e. expected either 1, 3, or 4 channels on axis {axis}. However, it was passed an array "
                f"with shape {images.shape} ({channels} channels).",
                stacklevel=4,
            )
        self._images = images
        # What a 32-bit float cannot hold goes through the generator's methods, as do pictures of very many channels.
        exact = np.can_cast(images.dtype, np.float32) or self.dtype != "float64"
        self._source = None
        if channels <= _MOST_CHANNELS and exact:
            pixels = images if images.dtype == np.uint8 else images.astype(np.float32, copy=False)
            self._source = ArrayPictures(np.ascontiguousarray(np.moveaxis(pixels, axis, 3)))

    def _by_hand(self) -> bool:
        return self._source is None or super()._by_hand()

    def _pictures(self) -> ArrayPictures:
        if self._source is None:
            raise ValueError(f"random_crop needs pictures of at most {_MOST_CHANNELS} channels and 32 bits")
        return self._source

    def _plain(self, indices: Ints) -> Images:
        return self._images[indices].astype(self.dtype)

    def _settings(self) -> tuple[Any, ...]:
        return (*super()._settings(), self._images)

    def _with_targets(self, images: Images, indices: Ints) -> Any:
        inputs: Any = [images, *(one[indices] for one in self.x_misc)] if self.x_misc else images
        if self.y is None:
            return inputs
        weights = () if self.sample_weight is None else (self.sample_weight[indices],)
        return (inputs, self.y[indices], *weights)


def _images_and_misc(x: Any) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    if not isinstance(x, tuple | list):
        return np.asarray(x), []
    pair = cast("list[Any]", x)
    images, others = pair
    listed = cast("list[Any]", others) if isinstance(others, list) else [others]
    misc: list[NDArray[Any]] = [np.asarray(one) for one in listed]
    images = np.asarray(images)
    for one in misc:
        if len(one) != len(images):
            raise ValueError(
                "All of the arrays in `x` should have the same length. Found a pair with: "
                f"len(x[0]) = {len(images)}, len(x[?]) = {len(one)}"
            )
    return images, misc


def _check_lengths(images: NDArray[Any], y: NDArray[Any] | None, sample_weight: NDArray[Any] | None) -> None:
    for words, name, array in (("`y` (labels)", "y", y), ("`sample_weight`", "sample_weight", sample_weight)):
        if array is not None and len(array) != len(images):
            raise ValueError(
                f"`x` (images tensor) and {words} should have the same length. Found: "
                f"x.shape = {images.shape}, {name}.shape = {array.shape}"
            )
