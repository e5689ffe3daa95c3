"""What Keras does to the levels of one picture: channel shift and brightness."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.defaults import DataFormat, float_dtype
from imagefeed.compat.images import array_to_img, img_to_array


def apply_channel_shift(x: NDArray[Any], intensity: float, channel_axis: int = 0) -> NDArray[Any]:
    """All channels raised by one number, held within what the picture's least and greatest values were.

    Args:
        x: An image of three axes.
        intensity: What is added.
        channel_axis: Which axis has the channels. The result does not depend on it.

    Returns:
        The same shape; float32 and float64 stay what they are.
    """
    return np.clip(x + float(intensity), np.min(x), np.max(x))


def shift_channels(batch: NDArray[np.floating], intensity: NDArray[np.float64]) -> None:
    """`apply_channel_shift` for every picture of a batch, in place.

    Args:
        batch: float (n, ...).
        intensity: (n,).
    """
    axes = (1, 2, 3)
    low, high = batch.min(axis=axes, keepdims=True), batch.max(axis=axes, keepdims=True)
    batch += intensity.astype(batch.dtype)[:, None, None, None]
    np.clip(batch, low, high, out=batch)


def apply_brightness_shift(
    x: NDArray[Any], brightness: float, scale: bool = True, *, data_format: DataFormat | None = None
) -> NDArray[Any]:
    """A picture in whole levels, multiplied by a factor as Pillow does it.

    Args:
        x: (height, width, channels), or channels first.
        brightness: The factor: 0 is black, 1 the picture.
        scale: Whether the values are stretched to 0..255 first. Values outside of 0..255 are stretched in any case, and
            without `scale` brought back.
        data_format: "channels_last" or "channels_first"; by default what Keras is configured for.

    Returns:
        The same shape, of the dtype that Keras is configured for, else float32.
    """
    from PIL import ImageEnhance

    low, high = np.min(x), np.max(x)
    beyond = bool(low < 0 or high > 255)
    image = array_to_img(x, data_format, scale=beyond or scale)
    result = img_to_array(ImageEnhance.Brightness(image).enhance(brightness), data_format)
    if beyond and not scale:
        result = result / 255 * (high - low) + low
    return result


def brighten(batch: NDArray[np.floating], factors: NDArray[np.float64], data_format: DataFormat) -> NDArray[Any]:
    """`apply_brightness_shift` without `scale` for every picture of a batch.

    Args:
        batch: float (n, ...), n above 0.
        factors: (n,).
        data_format: Where the channels are.
    """
    if np.min(batch) < 0 or np.max(batch) > 255 or 4 in (batch.shape[1], batch.shape[-1]):
        pairs = zip(batch, factors.tolist(), strict=True)
        return np.stack(
            [apply_brightness_shift(image, one, scale=False, data_format=data_format) for image, one in pairs]
        )
    tables, levels = _tables(factors), batch.astype(np.uint8)
    result = np.empty(batch.shape, tables.dtype)
    for table, level, image in zip(tables, levels, result, strict=True):
        np.take(table, level, out=image, mode="clip")  # a mode that needs no buffer: no level is out of bounds
    return result


def _tables(factors: NDArray[np.float64]) -> NDArray[Any]:
    """What Pillow makes of every level: (n, 256), of the dtype that Keras is configured for, else float32."""
    levels = factors.astype(np.float32)[:, None] * np.arange(256, dtype=np.float32)
    return np.trunc(np.clip(levels, 0, 255)).astype(float_dtype(), copy=False)
