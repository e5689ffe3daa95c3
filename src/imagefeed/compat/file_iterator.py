"""What iterators over files share: sizes, colors, classes, targets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.defaults import DataFormat
from imagefeed.compat.images import ColorMode, check_interpolation
from imagefeed.compat.making import Images
from imagefeed.compat.picture_iterator import PictureIterator
from imagefeed.compat.pictures import CHANNELS, FilePictures, Ints
from imagefeed.compat.splits import check_subset

if TYPE_CHECKING:
    from imagefeed.compat.generator import ImageDataGenerator


class FileIterator(PictureIterator):
    """Batches of picture files.

    Attributes:
        target_size: (height, width) that pictures are resized to.
        color_mode: "rgb", "rgba" or "grayscale".
        image_shape: The shape of a picture in a batch.
        interpolation: Pillow's filter for the resize.
        keep_aspect_ratio: Whether the middle is cut out first.
        class_mode: What goes with each picture.
        split: The shares between which the subset's files lie, or None.
        samples: How many pictures there are.
        filenames: Their names, as listed.
        class_indices: The number of each class name.
        num_classes: How many classes there are.
    """

    _save_numbers = 10_000_000
    directory: Any
    color_mode: ColorMode
    class_mode: str | None
    filenames: list[str]
    class_indices: dict[str, int]
    num_classes: int
    samples: int
    _filepaths: list[str]

    def _set_processing(
        self,
        generator: ImageDataGenerator,
        *,
        target_size: Sequence[int],
        color_mode: str,
        data_format: DataFormat | None,
        save_to_dir: str | os.PathLike[str] | None,
        save_prefix: str,
        save_format: str,
        subset: str | None,
        interpolation: str,
        keep_aspect_ratio: bool,
        dtype: str | None,
    ) -> None:
        """Check and keep the arguments that all file iterators have."""
        self.image_data_generator = generator
        self.target_size = cast("tuple[int, int]", tuple(target_size))
        if color_mode not in CHANNELS:
            raise ValueError(f'Invalid color mode: {color_mode}; expected "rgb", "rgba", or "grayscale".')
        check_interpolation(interpolation)
        if subset is not None:
            check_subset(subset)
        share = generator.validation_split
        self.color_mode = cast(ColorMode, color_mode)
        self.data_format = data_format or generator.data_format
        channels = CHANNELS[color_mode]
        last = self.data_format == "channels_last"
        self.image_shape = (*self.target_size, channels) if last else (channels, *self.target_size)
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.interpolation = interpolation
        self.keep_aspect_ratio = keep_aspect_ratio
        self.subset = subset
        self.split = None if subset is None else (0, share) if subset == "validation" else (share, 1)
        self.dtype = np.dtype(dtype or generator.dtype).name

    @property
    def filepaths(self) -> list[str]:
        """The path of every picture."""
        return self._filepaths

    @property
    def labels(self) -> Any:
        """The target of every picture."""
        raise NotImplementedError

    @property
    def sample_weight(self) -> NDArray[Any] | None:
        """The weight of every picture, or None."""
        return None

    @cached_property
    def _source(self) -> FilePictures:
        return FilePictures(
            self._filepaths,
            size=self.target_size,
            color_mode=self.color_mode,
            interpolation=self.interpolation,
            keep_aspect_ratio=self.keep_aspect_ratio,
            whole=self.image_data_generator.mode == "fixed",
        )

    def _pictures(self) -> FilePictures:
        return self._source

    def _with_targets(self, images: Images, indices: Ints) -> Any:
        if self.class_mode is None:
            return images
        targets = self._targets(images, indices)
        return (images, targets) if self.sample_weight is None else (images, targets, self.sample_weight[indices])

    def _targets(self, images: Images, indices: Ints) -> Any:
        match self.class_mode:
            case "input":
                return images.copy()
            case "binary" | "sparse":
                return np.asarray(self.labels)[indices].astype(self.dtype)
            case "categorical":
                return self._one_hot(indices)
            case "multi_output":
                return [output[indices] for output in self.labels]
            case _:
                return self.labels[indices]

    def _one_hot(self, indices: Ints) -> NDArray[Any]:
        """Rows of zeros with a one for the class, or for each of several."""
        result = np.zeros((len(indices), len(self.class_indices)), self.dtype)
        for row, index in zip(result, indices.tolist(), strict=True):
            row[self.labels[index]] = 1
        return result
