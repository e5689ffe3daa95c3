"""The two places pictures come from: an array, and files."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.compat.images import ColorMode, central_boxes, img_to_array, load_img
from imagefeed.compat.workers import wait, workers
from imagefeed.decode import MOST_PIXELS
from imagefeed.errors import DecodeError

Ints = NDArray[np.int64]

CHANNELS: dict[str, int] = {"rgb": 3, "rgba": 4, "grayscale": 1}
# The numbers that the native core gives Pillow's filters.
_FILTERS = {"nearest": 0, "box": 1, "bilinear": 2, "hamming": 3, "bicubic": 4, "lanczos": 5}


class Pictures(ABC):
    """Pictures that become one size.

    Attributes:
        size: (height, width) of all of them.
        channels: How many.
    """

    size: tuple[int, int]
    channels: int

    @abstractmethod
    def records(self, indices: Ints) -> _native.Records:
        """Pictures, read."""

    @abstractmethod
    def boxes(self, records: _native.Records) -> Ints:
        """What of each picture becomes all of the result: int64 (n, 4), y0, x0, y1, x1."""

    @abstractmethod
    def program(self, records: _native.Records, *, resize: bool) -> _native.Program:
        """A program for some records, to which passes can be added.

        Args:
            records: As `records` gave them.
            resize: Whether pictures are brought to `size` before the first pass.
        """

    @abstractmethod
    def name(self, index: int) -> str:
        """What a picture is called in messages."""


class ArrayPictures(Pictures):
    """The pictures in one array, used where it is."""

    def __init__(self, images: NDArray[Any]) -> None:
        """
        Args:
            images: uint8 or float32 (n, height, width, channels), C-contiguous.
        """
        self.images = images
        self.size = images.shape[1], images.shape[2]
        self.channels = images.shape[3]

    def records(self, indices: Ints) -> _native.Records:
        records = _native.Records(len(indices))
        records.set_rows(self.images, np.ascontiguousarray(indices, np.int64))
        return records

    def boxes(self, records: _native.Records) -> Ints:
        return np.tile(np.array([0, 0, *self.size], np.int64), (len(records), 1))

    def program(self, records: _native.Records, *, resize: bool) -> _native.Program:
        return _native.Program(len(records))

    def name(self, index: int) -> str:
        return f"x[{index}]"


class FilePictures(Pictures):
    """Picture files, decoded and resized the way `load_img` does it."""

    def __init__(
        self,
        paths: Sequence[str],
        *,
        size: tuple[int, int],
        color_mode: ColorMode,
        interpolation: str,
        keep_aspect_ratio: bool,
        whole: bool,
    ) -> None:
        """
        Args:
            paths: The files.
            size: What they are resized to.
            color_mode: As for `load_img`.
            interpolation: As for `load_img`.
            keep_aspect_ratio: As for `load_img`.
            whole: Whether pictures are left at their size, for a resize that comes later, and turned as their EXIF
                orientation says.
        """
        self.paths: list[str] = list(paths)
        self.size = size
        self.channels = CHANNELS[color_mode]
        self._color_mode: ColorMode = color_mode
        self._interpolation = interpolation
        self._keep_aspect_ratio = keep_aspect_ratio
        self._whole = whole

    def records(self, indices: Ints) -> _native.Records:
        """Raises FileNotFoundError or DecodeError for the first file that cannot be read."""
        records = _native.Records(len(indices))
        paths = [self.paths[i] for i in cast("list[int]", indices.tolist())]
        wait(workers().pool.fetch(records, paths, 2 * MOST_PIXELS))
        for row, _, message in records.faults():
            if not Path(paths[row]).exists():
                raise FileNotFoundError(2, "No such file or directory", paths[row])
            raise DecodeError(paths[row], message)
        if not self._whole:
            records.as_stored()
        # Pillow keeps an alpha channel through a resize in a way of its own.
        foreign = range(len(paths)) if self._color_mode == "rgba" else records.foreign()
        if foreign:
            self._decode(records, foreign, paths, workers().python)
        return records

    def boxes(self, records: _native.Records) -> Ints:
        sizes = records.sizes()
        if self._keep_aspect_ratio:
            return central_boxes(sizes, self.size)
        return np.concatenate([np.zeros_like(sizes), sizes], axis=1)

    def program(self, records: _native.Records, *, resize: bool) -> _native.Program:
        program = _native.Program(len(records))
        if self._color_mode == "grayscale":
            program.weigh_gray()
        if resize:
            program.resize(self.boxes(records), np.array([self.size], np.int64), _FILTERS[self._interpolation])
        return program

    def name(self, index: int) -> str:
        return self.paths[index]

    def _decode(self, records: _native.Records, rows: Sequence[int], paths: Sequence[str], executor: Executor) -> None:
        """Let Pillow decode and resize some of the records."""

        from PIL import ImageOps

        def load(row: int) -> NDArray[Any]:
            try:
                size = None if self._whole else self.size
                image = load_img(
                    io.BytesIO(records.bytes(row)), self._color_mode, size, self._interpolation, self._keep_aspect_ratio
                )
                image = ImageOps.exif_transpose(image) if self._whole else image
                return img_to_array(
                    image, "channels_last", np.uint8 if image.mode in ("L", "RGB", "RGBA") else np.float32
                )
            except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for broken files
                raise DecodeError(paths[row], f"{type(error).__name__}: {error}") from error

        for row, pixels in zip(rows, executor.map(load, rows), strict=True):
            records.set_array(row, np.ascontiguousarray(pixels))
