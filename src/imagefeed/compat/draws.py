"""What Keras's generator draws for a picture, in its order, for many pictures at once.

Keras takes its numbers one by one from one stream. Uniform numbers drawn in a row are one vector of the same
stream, so a batch costs one call here; only shifts that are chosen from a list are drawn picture by picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Shift: TypeAlias = float | int | Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """What a generator draws from: its arguments of these names.

    Attributes:
        rotation: Degrees to either side.
        width_shift: A fraction or pixels to either side, or a list of choices.
        height_shift: The same.
        shear: Degrees to either side.
        zoom: (low, high).
        horizontal_flip: Whether a picture may be mirrored.
        vertical_flip: Whether it may stand on its head.
        channel_shift: Levels to either side.
        brightness: (low, high), or None.
        crop: Whether a place is drawn for a crop.
    """

    rotation: float = 0.0
    width_shift: Shift = 0.0
    height_shift: Shift = 0.0
    shear: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    horizontal_flip: bool = False
    vertical_flip: bool = False
    channel_shift: float = 0.0
    brightness: tuple[float, float] | None = None
    crop: bool = False
    columns: tuple[Any, ...] = field(init=False, repr=False, compare=False)
    """One entry for every number of a picture, in order: None for a uniform one, or what is chosen from."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(_columns(self)))

    @property
    def between_pixels(self) -> bool:
        """Whether a warp may read between pixels; shifts by whole ones do not."""
        shifts = (self.height_shift, self.width_shift)
        fractions = any(_is_set(one) and not np.issubdtype(np.asarray(one).dtype, np.integer) for one in shifts)
        return bool(fractions or self.rotation or self.shear or self.zoom != (1, 1))

    @property
    def warp(self) -> bool:
        """Whether pictures are moved other than by flips and crops."""
        return bool(
            self.rotation
            or _is_set(self.width_shift)
            or _is_set(self.height_shift)
            or self.shear
            or self.zoom != (1, 1)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """The drawn values of n pictures, under the names of Keras's transform parameters.

    Attributes:
        theta: Degrees, (n,).
        tx: Pixels, from the height's range, (n,).
        ty: Pixels, from the width's range, (n,).
        shear: Degrees, (n,).
        zx: A factor above 1 shows more of the picture, (n,).
        zy: The same, (n,).
        flip_horizontal: bool (n,).
        flip_vertical: bool (n,).
        channel_shift: Levels, (n,), or None.
        brightness: Factors, (n,), or None.
        crop: Where between the first and the last place a crop begins, along height and width, from 0 to 1: (n, 2), or
            None.
    """

    theta: Floats
    tx: Floats
    ty: Floats
    shear: Floats
    zx: Floats
    zy: Floats
    flip_horizontal: NDArray[np.bool_]
    flip_vertical: NDArray[np.bool_]
    channel_shift: Floats | None
    brightness: Floats | None
    crop: Floats | None


def numbers(ranges: Ranges, count: int, random: np.random.RandomState) -> Floats:
    """Take from the stream what `count` pictures need.

    Returns:
        (count, columns): uniform numbers in [0, 1), or signed choices, which `draws` understands.
    """
    columns = ranges.columns
    if not any(choices is not None for choices in columns):
        return random.random_sample((count, len(columns)))
    rows = np.empty((count, len(columns)))
    for row in rows:
        for k, choices in enumerate(columns):
            row[k] = random.random_sample() if choices is None else random.choice(choices) * random.choice([-1, 1])
    return rows


def draws(ranges: Ranges, rows: Floats, height: int, width: int) -> Draws:
    """The values that `numbers` stand for.

    Args:
        ranges: The same as for `numbers`.
        rows: (n, columns).
        height: Of the pictures, of which shifts below 1 are fractions.
        width: The same.
    """
    count = len(rows)
    taken = iter(rows.T)
    zeros, ones = np.zeros(count), np.ones(count)
    theta = _between(-ranges.rotation, ranges.rotation, next(taken)) if ranges.rotation else zeros
    tx = _shifts(ranges.height_shift, next(taken), height) if _is_set(ranges.height_shift) else zeros
    ty = _shifts(ranges.width_shift, next(taken), width) if _is_set(ranges.width_shift) else zeros
    shear = _between(-ranges.shear, ranges.shear, next(taken)) if ranges.shear else zeros
    zooms = ranges.zoom != (1, 1)
    zx = _between(*ranges.zoom, next(taken)) if zooms else ones
    zy = _between(*ranges.zoom, next(taken)) if zooms else ones
    mirrored, upside_down = next(taken) < 0.5, next(taken) < 0.5
    shift = ranges.channel_shift
    return Draws(
        theta=theta, tx=tx, ty=ty, shear=shear, zx=zx, zy=zy,
        flip_horizontal=mirrored & bool(ranges.horizontal_flip),
        flip_vertical=upside_down & bool(ranges.vertical_flip),
        channel_shift=_between(-shift, shift, next(taken)) if shift else None,
        brightness=_between(*ranges.brightness, next(taken)) if ranges.brightness is not None else None,
        crop=np.stack([next(taken), next(taken)], axis=1) if ranges.crop else None,
    )  # fmt: skip


def still(ranges: Ranges, count: int) -> Draws:
    """The draws that change nothing; a crop is taken from the middle."""
    zeros, ones, never = np.zeros(count), np.ones(count), np.zeros(count, bool)
    return Draws(
        theta=zeros, tx=zeros, ty=zeros, shear=zeros, zx=ones, zy=ones, flip_horizontal=never, flip_vertical=never,
        channel_shift=None, brightness=None, crop=np.full((count, 2), 0.5) if ranges.crop else None,
    )  # fmt: skip


def _columns(ranges: Ranges) -> list[Any]:
    columns: list[Any] = [None] if ranges.rotation else []
    columns += [_choices(one) for one in (ranges.height_shift, ranges.width_shift) if _is_set(one)]
    columns += [None] if ranges.shear else []
    columns += [None, None] if ranges.zoom != (1, 1) else []
    columns += [None, None]  # the flips, drawn whether or not they are asked for
    columns += [None] if ranges.channel_shift else []
    columns += [None] if ranges.brightness is not None else []
    return columns + ([None, None] if ranges.crop else [])


def _is_set(shift: Shift) -> bool:
    return bool(shift) if np.ndim(cast(Any, shift)) == 0 else True


def _choices(shift: Shift) -> Any:
    """What NumPy's `choice` takes: a list, or a whole number of pixels for those below it; None for a float."""
    if np.ndim(cast(Any, shift)):
        return shift
    return int(shift) if isinstance(shift, int | np.integer) and shift > 0 else None


def _shifts(shift: Shift, column: Floats, extent: int) -> Floats:
    if _choices(shift) is None:
        limit = cast(float, shift)
        column = _between(-limit, limit, column)
    return column * extent if np.max(cast(Any, shift)) < 1 else column


def _between(low: float, high: float, column: Floats) -> Floats:
    """As NumPy's legacy `uniform` computes it, to the bit."""
    return low + (high - low) * column
