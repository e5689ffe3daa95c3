"""Transforms that make one picture of several records.

The other records are drawn by key (seed, epoch, record, step) from the whole source, and not from what happens to be in
the batch: so the result is the same for any batch size. Each comes as this epoch's draws make it by the steps before.
Mixing cuts a pipeline: what comes after it works on the mixed picture, whose levels are whole numbers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from imagefeed.checks import check_number, check_range, check_size, fail
from imagefeed.errors import SpecError
from imagefeed.ops import Extent, Mix, Op
from imagefeed.transforms.base import Drawn, Role, Transform
from imagefeed.transforms.crop import Resize
from imagefeed.transforms.matrices import affine
from imagefeed.types import Array, Namespace, Range, Size
from imagefeed.variables import Bernoulli, Beta, Uniform, Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixing(Transform):
    """A transform that takes other records: a subclass says how many, and how the pictures lie on one another."""

    @property
    def role(self) -> Role:
        return "mix"

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        """Raises SpecError: a single picture cannot be mixed."""
        raise SpecError("takes other records, which only a Loader has; leave it out here, as .deterministic() does")

    @abstractmethod
    def mix(self, drawn: Drawn, extent: Extent, xp: Namespace) -> Mix:
        """How the pictures of each record and its partners become one.

        Args:
            drawn: As for `lower`.
            extent: Height and width of the record's own picture and of its partners', (n, 1 + partners) each.
            xp: The array API namespace.
        """


def _stretched(extent: Extent, xp: Namespace) -> Array:
    """Matrices (n, k, 3, 3) that stretch every picture to the size of the first."""
    height, width = extent
    count, layers = height.shape
    y, x = height / height[:, :1], width / width[:, :1]
    matrix = affine(xp.reshape(x, (-1,)), 0.0, 0.0, 0.0, xp.reshape(y, (-1,)), 0.0, xp)
    return xp.reshape(matrix, (count, layers, 3, 3))


def _whole(extent: Extent, xp: Namespace) -> Array:
    """The whole of the first picture, as a place (n, 1, 4)."""
    height, width = extent[0][:, :1], extent[1][:, :1]
    return xp.stack([height * 0.0, width * 0.0, height, width], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixUp(Mixing):
    """Blend each picture with another: Zhang et al., "mixup: Beyond empirical risk minimization" (ICLR 2018).

    The picture gets a share drawn from Beta(alpha, alpha), the other the rest, and so do their labels. The other is
    stretched to the size of the picture. Boxes of both are kept. Class numbers of a `Mask` cannot be blended, which is
    an error.

    Attributes:
        alpha: The parameter of the distribution; near 0 nearly everything of one of the two.
    """

    alpha: float = 0.2

    def __post_init__(self) -> None:
        check_number("MixUp.alpha", self.alpha, 0.01, 100)

    @property
    def partners(self) -> int:
        return 1

    def variables(self) -> Mapping[str, Variable]:
        return {"partner": Uniform(0, 1, shape=(1,)), "share": Beta(self.alpha)}

    def mix(self, drawn: Drawn, extent: Extent, xp: Namespace) -> Mix:
        own = drawn.share
        weight = xp.stack([own * 0.0 + 1.0, 1.0 - own], axis=-1)
        place = xp.concat([_whole(extent, xp)] * 2, axis=1)
        share = xp.stack([own, 1.0 - own], axis=-1)
        return Mix(matrix=_stretched(extent, xp), place=place, weight=weight, share=share, blends=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutMix(Mixing):
    """Put a part of another picture in its place: Yun et al., "CutMix: Regularization strategy to train strong
    classifiers with localizable features" (ICCV 2019).

    The part has 1 - s of the area, where s is drawn from Beta(alpha, alpha), the shape of the picture and a uniform
    center; what lies outside the picture is cut off. Labels count by the area that is seen. A `Mask` is cut like the
    picture; boxes are clipped to the part, and left out where it covers them.

    Attributes:
        alpha: The parameter of the distribution; 1 for a uniform one.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        check_number("CutMix.alpha", self.alpha, 0.01, 100)

    @property
    def partners(self) -> int:
        return 1

    def variables(self) -> Mapping[str, Variable]:
        return {"partner": Uniform(0, 1, shape=(1,)), "share": Beta(self.alpha), "center": Uniform(0, 1, shape=(2,))}

    def mix(self, drawn: Drawn, extent: Extent, xp: Namespace) -> Mix:
        height, width = extent[0][:, 0], extent[1][:, 0]
        half = xp.sqrt(1.0 - drawn.share) * 0.5
        sides: list[Array] = []
        for sign in (-1.0, 1.0):
            for k, length in enumerate((height, width)):
                edge = xp.round((drawn.center[:, k] + sign * half) * length)
                sides.append(xp.minimum(xp.maximum(edge, 0.0), length))
        part = xp.stack(sides, axis=-1)
        area = (part[:, 2] - part[:, 0]) * (part[:, 3] - part[:, 1]) / (height * width)
        return Mix(
            matrix=_stretched(extent, xp),
            place=xp.concat([_whole(extent, xp), part[:, None, :]], axis=1),
            weight=xp.ones((area.shape[0], 2), dtype=area.dtype),
            share=xp.stack([1.0 - area, area], axis=-1),
        )


@dataclass(frozen=True, slots=True)
class Mosaic(Mixing):
    """Four pictures around a point: Bochkovskiy, Wang and Liao, "YOLOv4: Optimal speed and accuracy of object
    detection" (2020).

    Each covers its quarter, evenly cut off where it has another shape. Boxes are clipped to their quarter. A `Label`
    becomes shares by area; a `MultiLabel` what is in any of the four. Validation letterboxes one picture to the size.

    Attributes:
        size: (height, width) of the result in pixels.
        center: Range of the point, as a fraction of the height and, drawn by itself, of the width.
        antialias: Whether to average over all the pixels that fall into one.
    """

    size: Size
    _: KW_ONLY
    center: Range = (0.25, 0.75)
    antialias: bool = True

    def __post_init__(self) -> None:
        check_size("Mosaic.size", self.size)
        check_range("Mosaic.center", self.center, 0, 1)

    @property
    def partners(self) -> int:
        return 3

    def variables(self) -> Mapping[str, Variable]:
        return {"partner": Uniform(0, 1, shape=(3,)), "center": Uniform(*self.center, shape=(2,))}

    def mix(self, drawn: Drawn, extent: Extent, xp: Namespace) -> Mix:
        height, width = self.size
        middle_y, middle_x = (xp.round(drawn.center[:, k] * (height, width)[k]) for k in range(2))
        zero = middle_y * 0.0
        rows = ((zero, middle_y), (zero, middle_y), (middle_y, zero + height), (middle_y, zero + height))
        columns = ((zero, middle_x), (middle_x, zero + width), (zero, middle_x), (middle_x, zero + width))
        places, matrices = [], []  # pyright: ignore[reportUnknownVariableType]
        for layer, ((y0, y1), (x0, x1)) in enumerate(zip(rows, columns, strict=True)):
            places.append(xp.stack([y0, x0, y1, x1], axis=-1))  # pyright: ignore[reportUnknownMemberType]
            part = extent[0][:, layer], extent[1][:, layer]
            matrices.append(_covering(part, (y0, x0, y1, x1), xp))  # pyright: ignore[reportUnknownMemberType]
        place: Any = xp.stack(places, axis=1)
        area = (place[:, :, 2] - place[:, :, 0]) * (place[:, :, 3] - place[:, :, 1])
        return Mix(
            size=xp.asarray([self.size], dtype=xp.int64),
            matrix=xp.stack(matrices, axis=1),
            place=place,
            weight=xp.ones(area.shape, dtype=area.dtype),
            share=area / (height * width),
            union=True,
            antialias=self.antialias,
        )

    def deterministic(self) -> tuple[Transform, ...]:
        return (Resize(self.size, fit="contain", antialias=self.antialias),)


def _covering(extent: Extent, place: tuple[Array, ...], xp: Namespace) -> Array:
    """The matrix (n, 3, 3) by which a picture covers a place, its middle in the middle."""
    y0, x0, y1, x1 = place
    height, width = extent
    # Input pixels for an output pixel; an empty place is never looked at.
    factor = xp.minimum(height / xp.maximum(y1 - y0, 1.0), width / xp.maximum(x1 - x0, 1.0))
    left, top = (width - factor * (x0 + x1)) * 0.5, (height - factor * (y0 + y1)) * 0.5
    return affine(factor, 0.0, left, 0.0, factor, top, xp)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPaste(Mixing):
    """Paste things that are cut out of another picture: Ghiasi et al., "Simple copy-paste is a strong data
    augmentation method for instance segmentation" (CVPR 2021).

    A mask says what each pixel belongs to: a number for each thing (or class), 0 for the background. What is of one
    number is pasted, or left out. The other picture keeps its shape, and is scaled to fit inside. Boxes come along
    by their attribute `ids`, or by their labels where the mask's numbers are classes; those that are covered too much
    are left out. Labels stay those of the picture itself.

    Attributes:
        mask: The name of the `Mask` among the targets, of the kind "instance" or "index"; ""
            where it is the only target.
        ids: The attribute of the boxes that says which number of the mask is theirs; None for their labels.
        probability: How likely each number is pasted.
    """

    mask: str = "mask"
    ids: str | None = None
    probability: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.mask, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise fail("CopyPaste.mask", self.mask, "expected the name of a target")
        check_number("CopyPaste.probability", self.probability, 0, 1)

    @property
    def partners(self) -> int:
        return 1

    def variables(self) -> Mapping[str, Variable]:
        return {"partner": Uniform(0, 1, shape=(1,)), "pasted": Bernoulli(self.probability, shape=(256,))}

    def mix(self, drawn: Drawn, extent: Extent, xp: Namespace) -> Mix:
        height, width = extent
        factor = xp.maximum(height[:, 1] / height[:, 0], width[:, 1] / width[:, 0])
        top = xp.floor((height[:, 0] - height[:, 1] / factor) * 0.5)
        left = xp.floor((width[:, 0] - width[:, 1] / factor) * 0.5)
        bottom = xp.minimum(xp.floor(top + height[:, 1] / factor), height[:, 0])
        right = xp.minimum(xp.floor(left + width[:, 1] / factor), width[:, 0])
        moved = affine(factor, 0.0, -left * factor, 0.0, factor, -top * factor, xp)
        part = xp.stack([top, left, bottom, right], axis=-1)
        ones = factor * 0.0 + 1.0
        return Mix(
            matrix=xp.stack([_stretched(extent, xp)[:, 0, ...], moved], axis=1),
            place=xp.concat([_whole(extent, xp), part[:, None, :]], axis=1),
            weight=xp.stack([ones, ones], axis=-1),
            share=xp.stack([ones, ones * 0.0], axis=-1),
            pasted=drawn.pasted & (xp.arange(256) > 0)[None, :],
            through=self.mask,
            ids=self.ids,
        )

    @property
    def pastes(self) -> bool:
        return True
