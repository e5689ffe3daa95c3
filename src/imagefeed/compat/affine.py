"""Affine warps with SciPy's pixels: orders 0 and 1 by the native core, 2 to 5 by SciPy itself."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.compat.draws import Draws
from imagefeed.compat.geometry import index_matrices
from imagefeed.compat.workers import wait, workers

FillMode: TypeAlias = Literal["constant", "nearest", "reflect", "wrap"]

# The numbers that the native core gives SciPy's names.
BORDERS: dict[str, int] = {"constant": 1, "nearest": 2, "reflect": 3, "wrap": 4}
_MOST_CHANNELS = 32


def apply_affine_transform(
    x: NDArray[Any],
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: FillMode = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> NDArray[Any]:
    """An image rotated, shifted, sheared and zoomed, as Keras 3 does it.

    Args:
        x: An image of three axes.
        theta: Degrees.
        tx: Pixels along the columns (Keras's name for it; its generator draws it from the height's range).
        ty: Pixels along the rows.
        shear: Degrees.
        zx: A factor along the columns: above 1 shows more.
        zy: A factor along the rows.
        row_axis: Which axis has the rows.
        col_axis: Which axis has the columns.
        channel_axis: Which axis has the channels.
        fill_mode: What lies outside: "constant", "nearest", "reflect" or "wrap".
        cval: The value for "constant".
        order: Of the interpolating spline: 0 nearest, 1 linear, up to 5.

    Returns:
        The same shape and dtype.

    Raises:
        ValueError: Not an image of three axes, axes that are not its own, or channels in the middle.
    """
    _check_axes(x, row_axis, col_axis, channel_axis)
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    order_of_axes = (row_axis, col_axis, channel_axis)
    image = np.transpose(x, order_of_axes)
    one = [np.array([float(value)]) for value in (theta, tx, ty, shear, zx, zy)]
    never = np.zeros(1, bool)
    drawn = Draws(
        theta=one[0], tx=one[1], ty=one[2], shear=one[3], zx=one[4], zy=one[5],
        flip_horizontal=never, flip_vertical=never, channel_shift=None, brightness=None, crop=None,
    )  # fmt: skip
    matrix = index_matrices(drawn, image.shape[0], image.shape[1], exchanged=True)[0]
    result = transform(image, matrix, size=image.shape[:2], fill_mode=fill_mode, cval=cval, order=order)
    return np.ascontiguousarray(np.transpose(result, np.argsort(order_of_axes)))


def _check_axes(x: NDArray[Any], row_axis: int, col_axis: int, channel_axis: int) -> None:
    if len({row_axis, col_axis, channel_axis}) != 3:
        raise ValueError("'row_axis', 'col_axis', and 'channel_axis' must be distinct")
    strange = {row_axis, col_axis, channel_axis} - {0, 1, 2}
    if strange:
        raise ValueError(f"Invalid axis' indices: {strange}")
    if x.ndim != 3:
        raise ValueError("Input arrays must be multi-channel 2D images.")
    if channel_axis == 1:
        raise ValueError("Channels are allowed and the first and last dimensions.")


def transform(
    image: NDArray[Any],
    matrix: NDArray[np.float64],
    *,
    size: tuple[int, ...],
    fill_mode: FillMode,
    cval: float,
    order: int,
) -> NDArray[Any]:
    """SciPy's `affine_transform` of every channel.

    Args:
        image: (height, width, channels), of any real dtype.
        matrix: float64 (2, 3), from output to input indices.
        size: (height, width) of the result.
        fill_mode: What lies outside.
        cval: The value for "constant".
        order: 0 to 5.

    Returns:
        (*size, channels) of the same dtype.
    """
    if order > 1 or image.shape[2] > _MOST_CHANNELS:
        return by_scipy(image, matrix, size=size, fill_mode=fill_mode, cval=cval, order=order)
    source = np.ascontiguousarray(image if image.dtype == np.uint8 else image.astype(np.float32))
    records = _native.Records(1)
    records.set_array(0, source)
    program = _native.Program(1)
    program.begin_pass()
    program.affine(
        np.ascontiguousarray(matrix[None]), np.array([size], np.int64), order == 1, BORDERS[fill_mode], [cval]
    )
    program.store(2, 0, [1.0], [0.0])
    out = np.empty((1, *size, image.shape[2]), np.float32)
    wait(workers().pool.render(records, program, 0, out))
    return cast_like_scipy(out[0], image.dtype)


def by_scipy(
    image: NDArray[Any],
    matrix: NDArray[np.float64],
    *,
    size: tuple[int, ...],
    fill_mode: FillMode,
    cval: float,
    order: int,
) -> NDArray[Any]:
    """The same as `transform`, by SciPy itself.

    Raises:
        ImportError: SciPy is not installed.
    """
    try:
        from scipy import ndimage  # pyright: ignore[reportMissingTypeStubs, reportMissingImports]
    except ImportError as error:
        raise ImportError(
            f"interpolation_order={order} is computed by SciPy, which is not installed: pip install scipy, "
            "or use interpolation_order=1"
        ) from error
    scipy = cast(Any, ndimage)
    channels = [
        scipy.affine_transform(
            image[..., c], matrix[:, :2], matrix[:, 2], output_shape=tuple(size), order=order, mode=fill_mode, cval=cval
        )
        for c in range(image.shape[2])
    ]
    return np.stack(channels, axis=-1)


def cast_like_scipy(values: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Real numbers as a dtype: to integers by rounding, half away from zero, and clipping."""
    if dtype.kind not in "iu":
        return values.astype(dtype, copy=False)
    bounds = np.iinfo(dtype)
    rounded = np.trunc(values + np.copysign(np.float32(0.5), values))
    return np.clip(rounded, bounds.min, bounds.max).astype(dtype)
