"""Targets that are pictures themselves, which are read and rendered beside the picture that they go with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal, Self, TypeAlias, get_args

import numpy as np

from imagefeed.checks import check_choice, check_number, fail
from imagefeed.stored import Stored, name, stored
from imagefeed.targets.base import Ints, Target

MaskKind: TypeAlias = Literal["index", "binary", "soft"]
Follow: TypeAlias = Literal["geometry", "everything"]


@dataclass(frozen=True, slots=True, eq=False)
class PictureTarget(Target):
    """One more picture for each picture.

    Attributes:
        pictures: A list of n pictures, each a path, the bytes of a file or an array; or one array (n, height, width)
            or (n, height, width, channels).
    """

    pictures: Any

    def __post_init__(self) -> None:
        pictures: Any = self.pictures
        owner = type(self).__name__
        if isinstance(pictures, np.ndarray):
            if pictures.ndim not in (3, 4):
                expected = "expected (n, height, width) or (n, height, width, channels)"
                raise fail(f"{owner}.pictures", f"shape {pictures.shape}", expected)  # pyright: ignore[reportUnknownMemberType]
        elif not isinstance(pictures, list | tuple):
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
        return [stored(picture, f"{owner}.pictures[{k}]") for k, picture in enumerate(self.pictures)]

    def name(self, row: int, of: str) -> str:
        """What messages call the picture that goes with the one called `of`."""
        return name(self.pictures[row], f"the {type(self).__name__} of {of}")

    @property
    @abstractmethod
    def nearest(self) -> bool:
        """Whether pixels are names that cannot be averaged."""


@dataclass(frozen=True, slots=True, eq=False)
class Mask(PictureTarget):
    """What each pixel of a picture is.

    In a batch: "index" gives the class of each pixel, uint8 (b, height, width), for a sparse cross-entropy; "binary"
    and "soft" give float32 (b, height, width, 1), or (b, 1, height, width) in the layout "nchw", from 0 to 1, which is
    what a sigmoid is compared with.

    Attributes:
        pictures: A list of n masks, each a path, the bytes of a file or an array; or one array (n, height, width). A
            palette's own numbers are the classes. Each has the size of the picture that it goes with.
        kind: "index" for classes; "binary" where all that is not 0 is 1; "soft" for shares, 0 to 255 as stored, which
            may be averaged: all others take the nearest pixel.
        fill: What a constant border is made of, as stored: the background, or a class that the loss ignores.
    """

    _: KW_ONLY
    kind: MaskKind = "index"
    fill: int = 0

    def __post_init__(self) -> None:
        PictureTarget.__post_init__(self)
        check_choice("Mask.kind", self.kind, get_args(MaskKind))
        check_number("Mask.fill", self.fill, 0, 255)

    @property
    def nearest(self) -> bool:
        return self.kind != "soft"


@dataclass(frozen=True, slots=True, eq=False)
class Image(PictureTarget):
    """Another picture of the same thing: a second camera, a clean version, a map of depths.

    In a batch: an array like that of the pictures, of the loader's dtype and layout.

    Attributes:
        pictures: A list of n pictures, each a path, the bytes of a file or an array; or one array (n, height, width,
            channels). Each has the size of the picture that it goes with.
        color: What encoded pictures become: "rgb" or "gray".
        follow: "geometry" to move with the picture and keep its levels; "everything" to get its color and its units
            too, by the same drawn values.
    """

    _: KW_ONLY
    color: Literal["rgb", "gray"] = "rgb"
    follow: Follow = "geometry"

    def __post_init__(self) -> None:
        PictureTarget.__post_init__(self)
        check_choice("Image.color", self.color, ("rgb", "gray"))
        check_choice("Image.follow", self.follow, get_args(Follow))

    @property
    def nearest(self) -> bool:
        return False
