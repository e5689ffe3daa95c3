"""Transforms that decide the size of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import get_args

from imagefeed.checks import check_choice, check_number, check_range, check_size
from imagefeed.ops import Extent, Op, Warp
from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.matrices import affine, fixed_size
from imagefeed.transforms.sampling import check_border, check_sampling, moved, resized
from imagefeed.types import Array, Border, Fit, Interpolation, Namespace, Per, Range, Size
from imagefeed.variables import LogUniform, Uniform, Variable


@dataclass(frozen=True, slots=True)
class Resize(Transform):
    """Resize to one size.

        >>> Resize((224, 224), interpolation='lanczos', fit='cover')
        Resize((224, 224), interpolation='lanczos', fit='cover')

    Attributes:
        size: (height, width) in pixels.
        interpolation: The kernel; Pillow's of the same name.
        antialias: Whether to average over all the pixels that fall into one. Without it a smaller picture is
            made from a few of the pixels only.
        fit: "stretch" to the size, whatever that does to the ratio of the sides; "cover" it and cut off
            evenly what is too much; or be "contain"ed in it and fill up evenly what is left.
        fill: The level, 0 to 255, that "contain" fills up with.
    """

    size: Size
    _: KW_ONLY
    interpolation: Interpolation = "bilinear"
    antialias: bool = True
    fit: Fit = "stretch"
    fill: float = 0.0

    def __post_init__(self) -> None:
        check_size("Resize.size", self.size)
        check_sampling(self)
        check_choice("Resize.fit", self.fit, get_args(Fit))
        check_number("Resize.fill", self.fill, 0, 255)

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        height, width = self.size
        y, x = extent[0] / height, extent[1] / width  # input pixels for one output pixel
        if self.fit != "stretch":
            y = x = xp.minimum(y, x) if self.fit == "cover" else xp.maximum(y, x)
        matrix = affine(x, 0.0, (extent[1] - x * width) * 0.5, 0.0, y, (extent[0] - y * height) * 0.5, xp)
        return (
            Warp(
                matrix=matrix,
                size=fixed_size(self.size, xp),
                interpolation=self.interpolation,
                border="constant" if self.fit == "contain" else None,
                fill=float(self.fill),
                antialias=self.antialias,
            ),
        )


@dataclass(frozen=True, slots=True)
class CenterCrop(Transform):
    """Cut out the middle, without resizing. A picture that is smaller is continued by its border, evenly.

        >>> CenterCrop((224, 224))
        CenterCrop((224, 224))

    Attributes:
        size: (height, width) in pixels.
        border: What continues a picture that is smaller.
        fill: The level, 0 to 255, of a constant border.
    """

    size: Size
    _: KW_ONLY
    border: Border = "reflect"
    fill: float = 0.0

    def __post_init__(self) -> None:
        check_size("CenterCrop.size", self.size)
        check_border(self)

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        top = xp.floor((extent[0] - self.size[0]) * 0.5)
        left = xp.floor((extent[1] - self.size[1]) * 0.5)
        return (moved(self, top, left, fixed_size(self.size, xp), xp),)


@dataclass(frozen=True, slots=True)
class RandomCrop(Transform):
    """Cut out a part at a random place, without resizing.

    A picture that is smaller is continued by its border and placed at random.

        >>> RandomCrop((224, 224), border='wrap')
        RandomCrop((224, 224), border='wrap')
        >>> RandomCrop((224, 224), per='batch')  # where pictures are of one size, the same part of each in a batch
        RandomCrop((224, 224), per='batch')

    Attributes:
        size: (height, width) in pixels.
        border: What continues a picture that is smaller.
        fill: The level, 0 to 255, of a constant border.
        per: Whether every "sample" has a place of its own, or all of a "batch" the same one: the same share of the room
            that each picture leaves.
    """

    size: Size
    _: KW_ONLY
    border: Border = "reflect"
    fill: float = 0.0
    per: Per = "sample"

    def __post_init__(self) -> None:
        check_size("RandomCrop.size", self.size)
        check_border(self)
        check_choice("RandomCrop.per", self.per, get_args(Per))

    def variables(self) -> Mapping[str, Variable]:
        return {"y": Uniform(0, 1, per=self.per), "x": Uniform(0, 1, per=self.per)}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        top = _random_offset(extent[0] - self.size[0], drawn.y, xp)
        left = _random_offset(extent[1] - self.size[1], drawn.x, xp)
        return (moved(self, top, left, fixed_size(self.size, xp), xp),)

    def deterministic(self) -> tuple[Transform, ...]:
        return (CenterCrop(self.size, border=self.border, fill=self.fill),)


def _random_offset(room: Array, uniform: Array, xp: Namespace) -> Array:
    """A whole offset from 0 to `room`, which is negative where the picture is smaller; each as likely."""
    return xp.sign(room) * xp.floor(uniform * (xp.abs(room) + 1.0))


@dataclass(frozen=True, slots=True)
class RandomResizedCrop(Transform):
    """Cut out a part of random area and shape at a random place, and resize it.

    The distribution is that of Szegedy et al., "Going deeper with convolutions" (CVPR 2015), as the field
    samples it: ten candidates of uniform area and log-uniform ratio, rounded to whole pixels; the first that
    fits is put at a uniform place. Where none fits, the largest middle part whose ratio is within the range.

        >>> RandomResizedCrop((224, 224), scale=(0.2, 0.8), interpolation='bicubic')
        RandomResizedCrop((224, 224), scale=(0.2, 0.8), interpolation='bicubic')

    Attributes:
        size: (height, width) of the result in pixels.
        scale: Range of the part's area, as a fraction of the picture's.
        ratio: Range of the part's width divided by its height.
        interpolation: The kernel; Pillow's of the same name.
        antialias: Whether to average over all the pixels that fall into one.
    """

    size: Size
    _: KW_ONLY
    scale: Range = (0.08, 1.0)
    ratio: Range = (3 / 4, 4 / 3)
    interpolation: Interpolation = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        check_size("RandomResizedCrop.size", self.size)
        check_range("RandomResizedCrop.scale", self.scale, 1e-6, 1)
        check_range("RandomResizedCrop.ratio", self.ratio, 1e-3, 1e3)
        check_sampling(self)

    def variables(self) -> Mapping[str, Variable]:
        return {
            "area": Uniform(*self.scale, shape=(10,)),
            "ratio": LogUniform(*self.ratio, shape=(10,)),
            "y": Uniform(0, 1),
            "x": Uniform(0, 1),
        }

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        height, width, none = self._part(drawn, extent, xp)
        y_room, x_room = extent[0] - height, extent[1] - width
        top = xp.floor(xp.where(none, y_room * 0.5, drawn.y * (y_room + 1.0)))
        left = xp.floor(xp.where(none, x_room * 0.5, drawn.x * (x_room + 1.0)))
        y, x = height / self.size[0], width / self.size[1]
        return (resized(self, y, x, fixed_size(self.size, xp), xp, top, left),)

    def _part(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Array, Array, Array]:
        """Height and width of the part in whole pixels, and whether no candidate fits; each (n,)."""
        full_height, full_width = extent[0][:, None], extent[1][:, None]
        area = drawn.area * (full_height * full_width)
        height, width = xp.round(xp.sqrt(area / drawn.ratio)), xp.round(xp.sqrt(area * drawn.ratio))
        fits = (width >= 1.0) & (width <= full_width) & (height >= 1.0) & (height <= full_height)
        none = ~xp.any(fits, axis=1)
        first = xp.argmax(xp.astype(fits, xp.int8), axis=1)
        here = xp.arange(10)[None, :] == first[:, None]
        low, high = self.ratio
        widest = xp.maximum(xp.minimum(xp.round(extent[0] * high), extent[1]), 1.0)
        tallest = xp.maximum(xp.minimum(xp.round(extent[1] / low), extent[0]), 1.0)
        height = xp.where(none, tallest, xp.sum(xp.where(here, height, 0.0), axis=1))
        width = xp.where(none, widest, xp.sum(xp.where(here, width, 0.0), axis=1))
        return height, width, none

    def deterministic(self) -> tuple[Transform, ...]:
        return (Resize(self.size, fit="cover", interpolation=self.interpolation, antialias=self.antialias),)


@dataclass(frozen=True, slots=True)
class SafeCropAroundBoxes(Transform):
    """Cut out a random part that holds all boxes, and resize it. Each of its edges lies anywhere between the boxes and
    the picture's edge; a picture without boxes keeps at least its middle.

    Where boxes are is known before a picture is decoded, so that no more of it is than is needed. It takes pictures
    whose targets have `Boxes`, in a Loader.

        >>> SafeCropAroundBoxes((224, 224), erosion=0.1)
        SafeCropAroundBoxes((224, 224), erosion=0.1)

    Attributes:
        size: (height, width) of the result in pixels.
        erosion: How much of the height and width of what all boxes lie in may be lost, evenly on both sides, 0 to 0.9.
        interpolation: The kernel; Pillow's of the same name.
        antialias: Whether to average over all the pixels that fall into one.
    """

    size: Size
    _: KW_ONLY
    erosion: float = 0.0
    interpolation: Interpolation = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        check_size("SafeCropAroundBoxes.size", self.size)
        check_number("SafeCropAroundBoxes.erosion", self.erosion, 0, 0.9)
        check_sampling(self)

    @property
    def sees_boxes(self) -> bool:
        return True

    def variables(self) -> Mapping[str, Variable]:
        return {"edges": Uniform(0, 1, shape=(4,))}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        starts: list[Array] = []
        lengths: list[Array] = []
        for axis, full in ((0, extent[1]), (1, extent[0])):
            low, high = drawn.boxes[:, axis], drawn.boxes[:, axis + 2]
            lost = (high - low) * (self.erosion * 0.5)
            start = xp.floor(drawn.edges[:, axis] * (low + lost))
            end = high - lost + (1.0 - drawn.edges[:, axis + 2]) * (full - high + lost)
            end = xp.minimum(xp.maximum(xp.ceil(end), start + 1.0), full + start * 0.0)
            start = xp.minimum(start, end - 1.0)
            starts.append(start)
            lengths.append(end - start)
        left, top = starts
        x, y = lengths[0] / self.size[1], lengths[1] / self.size[0]
        return (resized(self, y, x, fixed_size(self.size, xp), xp, top, left),)

    def deterministic(self) -> tuple[Transform, ...]:
        return (Resize(self.size, interpolation=self.interpolation, antialias=self.antialias),)
