"""Targets that are pictures themselves, which are read and rendered beside the picture that they go with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_choice, check_number, fail
from imagefeed.decode import Color, check_color
from imagefeed.errors import SourceError
from imagefeed.stored import DTYPES, Stored, name, stored
from imagefeed.targets.base import Ints, Target

MaskKind: TypeAlias = Literal["index", "instance", "binary", "soft"]
Maker: TypeAlias = Callable[[int, int], NDArray[Any]]
"""Makes a picture of a height and a width, which are those of the picture that it goes with."""
Follow: TypeAlias = Literal["geometry", "everything"]


@dataclass(frozen=True, slots=True, eq=False)
class PictureTarget(Target):
    """One more picture for each picture.

    Attributes:
        pictures: A list of n pictures, each a path, the bytes of a file, an array, or a function that makes one; or
            one array (n, height, width) or (n, height, width, channels).
    """

    pictures: Any
    dtypes: ClassVar[tuple[str, ...]] = DTYPES

    def __post_init__(self) -> None:
        pictures: Any = self.pictures
        owner = type(self).__name__
        if isinstance(pictures, np.ndarray):
            if pictures.ndim not in (3, 4):
                expected = "expected (n, height, width) or (n, height, width, channels)"
                raise fail(f"{owner}.pictures", f"shape {pictures.shape}", expected)  # pyright: ignore[reportUnknownMemberType]
        elif not isinstance(pictures, Sequence) or isinstance(pictures, str | bytes):
            raise fail(f"{owner}.pictures", pictures, "expected a list with one picture for each picture")

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, rows: Ints) -> Self:
        return replace(self, pictures=[self.pictures[row] for row in rows.tolist()])

    def joined(self, others: Sequence[Any]) -> Self:
        return replace(self, pictures=[picture for one in (self, *others) for picture in one.pictures])

    def stored(self) -> list[Stored]:
        """The pictures, checked.

        Raises:
            SourceError: An array has a shape or dtype that cannot be used.
        """
        owner = type(self).__name__
        return [
            "" if callable(picture) else stored(picture, f"{owner}.pictures[{k}]", self.dtypes)
            for k, picture in enumerate(self.pictures)
        ]

    def makers(self) -> dict[int, Maker]:
        """Those of the pictures that are made by a function."""
        return {row: self.pictures[row] for row in range(len(self)) if callable(self.pictures[row])}

    def made(self, row: int, height: int, width: int) -> NDArray[np.uint8]:
        """What the function of a picture makes, checked: uint8 (height, width, channels).

        Raises:
            SourceError: It is something else.
        """
        picture: Any = np.asarray(self.pictures[row](height, width))
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or picture.shape[:2] != (height, width):
            what = f"{picture.dtype} of shape {picture.shape}"
            raise SourceError(
                f"{type(self).__name__}.pictures: a function made {what}; expected uint8 {height}x{width}"
            )
        return np.ascontiguousarray(picture.reshape(height, width, -1))

    def name(self, row: int, of: str) -> str:
        """What messages call the picture that goes with the one called `of`."""
        picture, fallback = self.pictures[row], f"the {type(self).__name__} of {of}"
        return fallback if callable(picture) else name(picture, fallback)

    @property
    @abstractmethod
    def nearest(self) -> bool:
        """Whether pixels are names that cannot be averaged."""


@dataclass(frozen=True, slots=True, eq=False)
class Mask(PictureTarget):
    """What each pixel of a picture is.

    In a batch: "index" gives the class of each pixel, uint8 (b, height, width), for a sparse cross-entropy; "instance"
    gives the number of the thing that each pixel belongs to, in the same form (see `instance_masks`); "binary" and
    "soft" give float32 (b, height, width, 1), or (b, 1, height, width) in the layout "nchw", from 0 to 1, which is
    what a sigmoid is compared with.

    Attributes:
        pictures: A list of n masks, each a path, the bytes of a file, an array, or a function of height and width that
            makes a uint8 array and is called on threads when its turn comes; or one array (n, height, width). A
            palette's own numbers are the classes. Each has the size of the picture that it goes with.
        kind: "index" for classes; "instance" for things, which are numbered from 1 in each picture (0 is nothing, 255
            is not known); "binary" where all that is not 0 is 1; "soft" for shares, 0 to 255 as stored, which may be
            averaged: all others take the nearest pixel.
        fill: What a constant border is made of, as stored: the background, or a class that the loss ignores.
        counts: For "instance", how many things each picture has, integers (n,). Asked for only where pictures are
            mixed: things then get numbers that no other has, and so does the attribute "instance" of `Boxes`.
    """

    _: KW_ONLY
    kind: MaskKind = "index"
    dtypes: ClassVar[tuple[str, ...]] = ("uint8", "float32")
    fill: int = 0
    counts: Any = None

    def __post_init__(self) -> None:
        PictureTarget.__post_init__(self)
        check_choice("Mask.kind", self.kind, get_args(MaskKind))
        check_number("Mask.fill", self.fill, 0, 255)
        if self.counts is None:
            return
        counts = np.asarray(self.counts)
        if self.kind != "instance" or counts.shape != (len(self),) or counts.dtype.kind not in "iu":
            raise fail("Mask.counts", self.counts, "expected an integer for each picture, of the kind 'instance'")
        object.__setattr__(self, "counts", counts.astype(np.int64))

    def take(self, rows: Ints) -> Self:
        counts = None if self.counts is None else self.counts[rows]
        return replace(self, pictures=[self.pictures[row] for row in rows.tolist()], counts=counts)

    def joined(self, others: Sequence[Any]) -> Self:
        every = [self, *others]
        counts = None if any(one.counts is None for one in every) else np.concatenate([one.counts for one in every])
        pictures = [picture for one in every for picture in one.pictures]
        return replace(self, pictures=pictures, counts=counts)

    @property
    def nearest(self) -> bool:
        return self.kind != "soft"

    @property
    def is_numbered(self) -> bool:
        """Whether a batch holds the numbers as they are stored."""
        return self.kind in ("index", "instance")


@dataclass(frozen=True, slots=True, eq=False)
class Image(PictureTarget):
    """Another picture of the same thing: a second camera, a clean version, a map of depths.

    In a batch: an array like that of the pictures, of the loader's dtype and layout.

    Attributes:
        pictures: A list of n pictures, each a path, the bytes of a file or an array; or one array (n, height, width,
            channels). Each has the size of the picture that it goes with.
        color: What encoded pictures become: "rgb", "gray", "rgba" or "gray16", as for `read`.
        follow: "geometry" to move with the picture and keep its levels; "everything" to get its color and its units
            too, by the same drawn values.
    """

    _: KW_ONLY
    color: Color = "rgb"
    follow: Follow = "geometry"

    def __post_init__(self) -> None:
        PictureTarget.__post_init__(self)
        check_color("Image.color", self.color)
        check_choice("Image.follow", self.follow, get_args(Follow))

    @property
    def nearest(self) -> bool:
        return False


def instance_masks(mask: NDArray[np.uint8], instances: NDArray[Any]) -> NDArray[np.bool_]:
    """A mask of its own for each thing, as detectors that segment (Mask R-CNN) take them.

        >>> import numpy as np
        >>> from imagefeed import instance_masks
        >>> mask = np.array([[[0, 1, 1], [2, 2, 1]]], np.uint8)  # a batch of one picture
        >>> instance_masks(mask, np.array([[2, 1, 0]])).astype(int)[0, 0]
        array([[0, 0, 0],
               [1, 1, 0]])

    Args:
        mask: What a batch holds of a `Mask` of the kind "instance", (b, height, width).
        instances: The number of each thing, (b, most), as in the attribute "instance" of boxes; 0 for no thing.

    Returns:
        (b, most, height, width). A pixel belongs to one thing at most.

    Raises:
        SpecError: The arrays have other shapes.
    """
    if mask.ndim != 3 or instances.ndim != 2 or len(mask) != len(instances):
        got = f"shapes {mask.shape} and {instances.shape}"
        raise fail("instance_masks(mask=, instances=)", got, "expected (b, height, width) and (b, most)")
    numbers = instances[:, :, None, None]
    return (mask[:, None] == numbers) & (numbers > 0)
