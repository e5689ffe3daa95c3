"""Pictures that are in memory already."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints, Source
from imagefeed.stored import DTYPES, MOST_CHANNELS, LevelsDtype, levels_dtype, levels_of, stage
from imagefeed.targets import Label, Numbers, Targets, checked, named, take


def arrays(images: Any, targets: Any = None, *, classes: Sequence[str] = ()) -> Arrays | Chunked:
    """A source of the pictures in one array, which is used where it is and not copied.

    Of a file `.npy`, or an array that NumPy mapped into memory, only the pages of the pictures that are wanted are
    read, by the native threads. Of an array that is stored in chunks (h5py, Zarr), one picture is read after another.

        >>> import numpy as np
        >>> from imagefeed import arrays
        >>> arrays(np.zeros((10, 32, 32, 3), np.uint8), np.arange(10) % 2)
        Arrays(10 records of 32x32x3, uint8)

    Args:
        images: (n, height, width, channels), or (n, height, width) for gray, of 1 to 32 channels. uint8; float32,
            levels from 0 to 255; or uint16, of which 65535 is level 255, and whose 16 bits are all kept in batches of
            float32. An array, the path of a file `.npy`, or an object of h5py or Zarr.
        targets: What goes with each picture: an array with a leading axis of n, one of `Label`, `MultiLabel`, `Value`,
            `Mask`, `Boxes`, `Keypoints` and `Image`, or a dict of several by name.
        classes: The names of the classes, if the targets are class numbers.

    Raises:
        SourceError: The arrays have a shape or dtype that cannot be used, or there is another number of targets.
    """
    if isinstance(images, str | os.PathLike):
        return MappedFile(os.fspath(images), targets, classes)  # pyright: ignore[reportUnknownArgumentType]
    if hasattr(images, "chunks"):
        return Chunked(images, targets, classes)
    return Arrays(images, targets, classes)


class Arrays(Source):
    """What `arrays` returns."""

    in_memory = True

    def __init__(self, images: Any, targets: Any, classes: Sequence[str]) -> None:
        given: NDArray[Any] = np.asarray(images)
        _check(given.shape, given.dtype)
        self._images: NDArray[Any] = np.ascontiguousarray(given if given.ndim == 4 else given[..., None])
        self._targets = checked("arrays(targets=)", targets, len(given))
        self.classes = tuple(classes)
        self.color = "gray" if self._images.shape[-1] == 1 else "rgb"

    def __len__(self) -> int:
        return len(self._images)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self._images.shape[1:]))
        return f"Arrays({len(self)} records of {shape}, {self._images.dtype})"

    @property
    def channels(self) -> int:
        return self._images.shape[-1]

    @property
    def levels_dtype(self) -> LevelsDtype:
        return levels_dtype(self._images.dtype)

    def names(self, indices: Ints) -> list[str]:
        return [f"images[{i}]" for i in indices.tolist()]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        if self._images.dtype == np.uint16:
            return stage(records, [levels_of(self._images[row]) for row in indices.tolist()])
        records.set_rows(self._images, np.ascontiguousarray(indices))
        return ()

    def targets(self, indices: Ints) -> Targets:
        return take(self._targets, indices)

    def class_indices(self, indices: Ints) -> Ints | None:
        every = [
            np.asarray(one.values if isinstance(one, Numbers) else one)
            for one in named(self._targets).values()
            if isinstance(one, Label | np.ndarray)
        ]
        for values in every:
            if values.ndim == 1 and values.dtype.kind in "iu":
                return values[indices].astype(np.int64)
        return None


class MappedFile(Arrays):
    """The array of a file `.npy`, mapped into memory. It travels to another process as the name of the file."""

    def __init__(self, path: str, targets: Any, classes: Sequence[str]) -> None:
        try:
            images = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise SourceError(f"{path}: cannot be read as an array ({error})") from error
        super().__init__(images, targets, classes)
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return MappedFile, (self._path, self._targets, self.classes)


class Chunked(Source):
    """The pictures of an array that is stored in chunks, read when they are wanted.

    Args:
        images: What has `shape`, `dtype`, and gives a picture for an index.
        targets: As for `arrays`.
        classes: As for `arrays`.
    """

    def __init__(self, images: Any, targets: Any, classes: Sequence[str]) -> None:
        _check(tuple(images.shape), np.dtype(images.dtype))
        self._images = images
        self._whole = Arrays(np.zeros((images.shape[0], 1, 1, 1), np.uint8), targets, classes)  # all but the pictures
        self.classes = tuple(classes)
        self._channels = 1 if len(images.shape) == 3 else int(images.shape[-1])
        self.color = "gray" if self._channels == 1 else "rgb"

    def __len__(self) -> int:
        return int(self._images.shape[0])

    def __repr__(self) -> str:
        shape = "x".join(map(str, self._images.shape[1:]))
        return f"Chunked({len(self)} records of {shape}, {self._images.dtype})"

    @property
    def channels(self) -> int:
        return self._channels

    @property
    def levels_dtype(self) -> LevelsDtype:
        return levels_dtype(np.dtype(self._images.dtype))

    def names(self, indices: Ints) -> list[str]:
        return self._whole.names(indices)

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        rows: list[int] = indices.tolist()
        pictures = [np.asarray(self._images[row]) for row in rows]
        flat = [picture.reshape(*picture.shape[:2], -1) for picture in pictures]
        return stage(records, [np.ascontiguousarray(levels_of(picture)) for picture in flat])

    def targets(self, indices: Ints) -> Targets:
        return self._whole.targets(indices)

    def class_indices(self, indices: Ints) -> Ints | None:
        return self._whole.class_indices(indices)


def _check(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise SourceError unless an array of this shape and dtype holds pictures."""
    if dtype.name not in DTYPES:
        raise SourceError(
            f"arrays: images are {dtype}; expected uint8, uint16, or float32 levels from 0 to 255, "
            "as by images.astype('float32')"
        )
    if len(shape) not in (3, 4) or 0 in shape:
        given = "x".join(map(str, shape))
        raise SourceError(f"arrays: images have shape {given}; expected (n, height, width, channels), none of them 0")
    if len(shape) == 4 and shape[-1] > MOST_CHANNELS:
        raise SourceError(f"arrays: images have {shape[-1]} channels; at most {MOST_CHANNELS} can be used")
