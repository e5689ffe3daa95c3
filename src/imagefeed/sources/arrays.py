"""Pictures that are in memory already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints, Source
from imagefeed.stored import MOST_CHANNELS
from imagefeed.targets import Label, Numbers, Targets, checked, named, take


def arrays(images: NDArray[Any], targets: Any = None, *, classes: Sequence[str] = ()) -> Arrays:
    """A source of the pictures in one array, which is used where it is and not copied.

        >>> import numpy as np
        >>> from imagefeed import arrays
        >>> arrays(np.zeros((10, 32, 32, 3), np.uint8), np.arange(10) % 2)
        Arrays(10 records of 32x32x3, uint8)

    Args:
        images: uint8 or float32 (n, height, width, channels), or (n, height, width) for gray; levels from 0 to 255.
        targets: What goes with each picture: an array with a leading axis of n, one of `Label`, `MultiLabel`, `Value`,
            `Mask`, `Boxes`, `Keypoints` and `Image`, or a dict of several by name.
        classes: The names of the classes, if the targets are class numbers.

    Raises:
        SourceError: The arrays have a shape or dtype that cannot be used, or there is another number of targets.
    """
    return Arrays(images, targets, classes)


class Arrays(Source):
    """What `arrays` returns."""

    in_memory = True

    def __init__(self, images: NDArray[Any], targets: Any, classes: Sequence[str]) -> None:
        images = np.asarray(images)
        if images.dtype.name not in ("uint8", "float32"):
            raise SourceError(
                f"arrays: images are {images.dtype}; expected uint8 or float32 levels from 0 to 255, "
                "as by images.astype('float32')"
            )
        if images.ndim == 3:
            images = images[..., None]
        if images.ndim != 4 or 0 in images.shape:
            shape = "x".join(map(str, images.shape))
            raise SourceError(
                f"arrays: images have shape {shape}; expected (n, height, width, channels), none of them 0"
            )
        if images.shape[-1] > MOST_CHANNELS:
            raise SourceError(f"arrays: images have {images.shape[-1]} channels; at most {MOST_CHANNELS} can be used")
        self._images = np.ascontiguousarray(images)
        self._targets = checked("arrays(targets=)", targets, len(images))
        self.classes = tuple(classes)
        self.color = "gray" if images.shape[-1] == 1 else "rgb"

    def __len__(self) -> int:
        return len(self._images)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self._images.shape[1:]))
        return f"Arrays({len(self)} records of {shape}, {self._images.dtype})"

    @property
    def channels(self) -> int:
        return self._images.shape[-1]

    def names(self, indices: Ints) -> list[str]:
        return [f"images[{i}]" for i in indices.tolist()]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
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
