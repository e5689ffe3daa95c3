"""Keras's functions for one picture with random parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.affine import FillMode, apply_affine_transform
from imagefeed.compat.effects import apply_brightness_shift, apply_channel_shift

Image = NDArray[Any]

# NumPy's global numbers are nobody's business but the user's.
_random = np.random.RandomState()


def random_rotation(
    x: Image,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: FillMode = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
    *,
    seed: int | None = None,
) -> Image:
    """A picture rotated by up to `rg` degrees to either side; other arguments as for `apply_affine_transform`."""
    theta = _stream(seed).uniform(-rg, rg)
    return apply_affine_transform(
        x, theta=theta, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval,
        order=interpolation_order,
    )  # fmt: skip


def random_shift(
    x: Image,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: FillMode = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
    *,
    seed: int | None = None,
) -> Image:
    """A picture shifted by up to the fractions `wrg` of its width and `hrg` of its height, which Keras 3 exchanges."""
    random = _stream(seed)
    tx = random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(
        x, tx=tx, ty=ty, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, fill_mode=fill_mode,
        cval=cval, order=interpolation_order,
    )  # fmt: skip


def random_shear(
    x: Image,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: FillMode = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
    *,
    seed: int | None = None,
) -> Image:
    """A picture sheared by up to `intensity` degrees to either side."""
    shear = _stream(seed).uniform(-intensity, intensity)
    return apply_affine_transform(
        x, shear=shear, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval,
        order=interpolation_order,
    )  # fmt: skip


def random_zoom(
    x: Image,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: FillMode = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
    *,
    seed: int | None = None,
) -> Image:
    """A picture zoomed by factors drawn from `zoom_range`, (low, high), for either axis."""
    if len(zoom_range) != 2:
        raise ValueError(f"`zoom_range` should be a tuple or list of two floats. Received: {zoom_range}")
    low, high = zoom_range
    zx, zy = (1, 1) if low == high == 1 else _stream(seed).uniform(low, high, 2).tolist()
    return apply_affine_transform(
        x, zx=zx, zy=zy, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, fill_mode=fill_mode,
        cval=cval, order=interpolation_order,
    )  # fmt: skip


def random_channel_shift(x: Image, intensity_range: float, channel_axis: int = 0, *, seed: int | None = None) -> Image:
    """A picture with all its channels raised or lowered by up to `intensity_range`."""
    return apply_channel_shift(x, _stream(seed).uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(
    x: Image, brightness_range: Sequence[float], scale: bool = True, *, seed: int | None = None
) -> Image:
    """A picture with a brightness drawn from `brightness_range`, (low, high); see `apply_brightness_shift`."""
    if len(brightness_range) != 2:
        raise ValueError(f"`brightness_range should be tuple or list of two floats. Received: {brightness_range}")
    return apply_brightness_shift(x, _stream(seed).uniform(brightness_range[0], brightness_range[1]), scale)


def _stream(seed: int | None) -> np.random.RandomState:
    return _random if seed is None else np.random.RandomState(seed)
