"""Pictures from files and to files, as Keras's image utilities do it: Pillow in between, no EXIF orientation."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from imagefeed.compat import defaults
from imagefeed.compat.defaults import DataFormat

if TYPE_CHECKING:
    from PIL import Image

ColorMode: TypeAlias = Literal["rgb", "rgba", "grayscale"]

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
"""Pillow's filters, by the names of Keras."""

FORMATS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")
"""The endings of the files that iterators take."""

_MODES: dict[int, str] = {1: "L", 3: "RGB", 4: "RGBA"}


def load_img(
    path: str | os.PathLike[str] | io.BytesIO,
    color_mode: ColorMode = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image.Image:
    """A picture as Pillow's.

    Args:
        path: A file, or its bytes as io.BytesIO.
        color_mode: "rgb", "rgba" or "grayscale". 16-bit and 32-bit gray stays what it is for "grayscale".
        target_size: (height, width), or None for its own.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: Whether to resize the largest box in the middle that has the target's proportions.

    Raises:
        ValueError: An argument has a value that it cannot have.
        OSError: The file cannot be read as a picture.
    """
    from PIL import Image  # only when a picture needs it: it takes its time

    if isinstance(path, io.BytesIO):
        source = path
    elif isinstance(path, str | bytes | os.PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]
        source = io.BytesIO(Path(os.fsdecode(path)).read_bytes())
    else:
        raise TypeError(f"path should be path-like or io.BytesIO, not {type(path)}")
    check_interpolation(interpolation)
    image = _converted(Image.open(source), color_mode)
    if target_size is None or (image.height, image.width) == tuple(target_size):
        return image
    height, width = target_size
    box = None
    if keep_aspect_ratio:
        y0, x0, y1, x1 = map(int, central_boxes(np.array([[image.height, image.width]]), (height, width))[0])
        box = (x0, y0, x1, y1)
    return image.resize((width, height), Image.Resampling[interpolation.upper()], box=box)


def check_interpolation(interpolation: str) -> None:
    """Raise ValueError unless Pillow has a filter of that name."""
    if interpolation not in INTERPOLATIONS:
        known = ", ".join(INTERPOLATIONS)
        raise ValueError(f"Invalid interpolation method {interpolation} specified. Supported methods are {known}")


def central_boxes(sizes: NDArray[np.int64], target: tuple[int, int]) -> NDArray[np.int64]:
    """The largest boxes in the middle of pictures that have a target's proportions.

    Args:
        sizes: int64 (n, 2), heights and widths.
        target: (height, width).

    Returns:
        int64 (n, 4): y0, x0, y1, x1.
    """
    heights, widths = sizes[:, 0], sizes[:, 1]
    tall = np.maximum(np.minimum(heights, widths * target[0] // target[1]), 1)
    wide = np.maximum(np.minimum(widths, heights * target[1] // target[0]), 1)
    top, left = (heights - tall) // 2, (widths - wide) // 2
    return np.stack([top, left, top + tall, left + wide], axis=1)


def img_to_array(img: Any, data_format: DataFormat | None = None, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """A picture as an array.

    Args:
        img: Pillow's picture, or anything NumPy takes, of two or three axes.
        data_format: "channels_last" or "channels_first"; by default what Keras is configured for.
        dtype: By default what Keras is configured for, else float32.

    Returns:
        (height, width, channels), or channels first.
    """
    last = _is_last(data_format)
    array = np.asarray(img, dtype=dtype or defaults.float_dtype())
    if array.ndim == 2:
        return array[:, :, None] if last else array[None]
    if array.ndim != 3:
        raise ValueError(f"Unsupported image shape: {array.shape}")
    return array if last else array.transpose(2, 0, 1)


def array_to_img(
    x: Any, data_format: DataFormat | None = None, scale: bool = True, dtype: DTypeLike | None = None
) -> Image.Image:
    """An array as Pillow's picture.

    Args:
        x: (height, width, channels), or channels first, of 1, 3 or 4 channels.
        data_format: "channels_last" or "channels_first"; by default what Keras is configured for.
        scale: Whether to stretch the values to 0..255; otherwise their whole parts are taken as levels.
        dtype: What is computed in; by default what Keras is configured for, else float32.

    Returns:
        A picture of mode "L", "RGB" or "RGBA", or "I" for one channel with values above 255.
    """
    from PIL import Image

    last = _is_last(data_format)
    array = np.asarray(x, dtype=dtype or defaults.float_dtype())
    if array.ndim != 3:
        raise ValueError(f"Expected image array to have rank 3 (single image). Got array with shape: {array.shape}")
    array = array if last else array.transpose(1, 2, 0)
    channels = array.shape[2]
    if channels not in _MODES:
        raise ValueError(f"Unsupported channel number: {channels}")
    if scale:
        array = array - np.min(array)
        largest = np.max(array)
        if largest != 0:
            array /= largest
        array *= 255
    if channels == 1:
        gray = array[:, :, 0]
        return Image.fromarray(gray.astype(np.int32) if np.max(gray) > 255 else _levels(gray))
    return Image.fromarray(_levels(array))


def save_img(
    path: str | os.PathLike[str] | BinaryIO,
    x: Any,
    data_format: DataFormat | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as a picture file.

    Args:
        path: A file's name, or an open file.
        x: As for `array_to_img`.
        data_format: As for `array_to_img`.
        file_format: Pillow's name of the format; by default from the name.
        scale: As for `array_to_img`.
        kwargs: What Pillow's `save` takes.
    """
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode == "RGBA" and (file_format or Path(str(path)).suffix[1:]).lower() in ("jpg", "jpeg"):
        warnings.warn("The JPG format does not support RGBA images, converting to RGB.", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format="jpeg" if file_format == "jpg" else file_format, **kwargs)


def list_pictures(directory: str | os.PathLike[str], ext: str | Collection[str] = FORMATS) -> list[str]:
    """The paths of all the pictures below a folder.

    Args:
        directory: The folder.
        ext: Endings without the dot, in small letters; names may have them in capitals.
    """
    endings = (ext,) if isinstance(ext, str) else tuple(ext)
    return [
        os.path.join(root, file)
        for root, _, files in os.walk(directory)
        for file in files
        if file.lower().endswith(tuple(f".{one}" for one in endings))
    ]


def validate_filename(filename: str, white_list_formats: Sequence[str]) -> bool:
    """Whether there is a file of that name, and it has one of the endings."""
    return filename.lower().endswith(tuple(white_list_formats)) and Path(filename).is_file()


def smart_resize(
    x: NDArray[Any],
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: DataFormat = "channels_last",
) -> NDArray[Any]:
    """The largest part in the middle that has the proportions of `size`, resized to it, without antialiasing.

    Args:
        x: (height, width, channels) or (n, height, width, channels), or channels first.
        size: (height, width).
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        data_format: "channels_last" or "channels_first".

    Returns:
        float32, or the dtype of `x` for "nearest", of the same number of axes.
    """
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers, but got: {size}.")
    if x.ndim not in (3, 4):
        raise ValueError(
            "Expected an image array with shape `(height, width, channels)`, or `(batch_size, height, width, "
            f"channels)`, but got input with incorrect rank, of shape {x.shape}."
        )
    if interpolation not in _KERNELS and interpolation != "nearest":
        raise ValueError(f"Invalid interpolation {interpolation!r}: expected nearest, {', '.join(_KERNELS)}")
    rows = x.ndim - 3 if _is_last(data_format) else x.ndim - 2
    y0, x0, y1, x1 = central_boxes(np.array([x.shape[rows : rows + 2]]), size)[0]
    part = np.moveaxis(x, (rows, rows + 1), (0, 1))[y0:y1, x0:x1]
    for axis in (0, 1):
        part = _resized(part, axis, size[axis], interpolation)
    return np.ascontiguousarray(np.moveaxis(part, (0, 1), (rows, rows + 1)))


def _converted(image: Image.Image, color_mode: str) -> Image.Image:
    if color_mode == "grayscale":
        return image if image.mode in ("L", "I;16", "I") else image.convert("L")
    if color_mode not in ("rgb", "rgba"):
        raise ValueError('color_mode must be "grayscale", "rgb", or "rgba"')
    return image.convert(color_mode.upper()) if image.mode != color_mode.upper() else image


def _is_last(data_format: str | None) -> bool:
    if data_format not in (None, "channels_last", "channels_first"):
        raise ValueError(
            "The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
            f"Received: data_format={data_format}"
        )
    return (data_format or defaults.data_format()) == "channels_last"


def _levels(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Whole parts modulo 256, as a cast from float to integer and then to a byte gives them everywhere."""
    return array.astype(np.int64).astype(np.uint8)


# -------------------------------------------------------------------------------------------------- smart_resize


def _triangle(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(0.0, 1.0 - t)


def _cubic(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -1/2."""
    near, far = (1.5 * t - 2.5) * t * t + 1.0, ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0
    return np.where(t < 1, near, np.where(t < 2, far, 0.0))


def _lanczos3(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(t < 3, np.sinc(t) * np.sinc(t / 3), 0.0)


def _lanczos5(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(t < 5, np.sinc(t) * np.sinc(t / 5), 0.0)


_KERNELS = {"bilinear": _triangle, "bicubic": _cubic, "lanczos3": _lanczos3, "lanczos5": _lanczos5}


def _resized(x: NDArray[Any], axis: int, size: int, interpolation: str) -> NDArray[Any]:
    """One axis sampled at the centers of `size` equal parts; taps beyond the edge are left out."""
    extent = int(x.shape[axis])
    centers = (np.arange(size) + 0.5) * (extent / size) - 0.5
    if interpolation == "nearest":
        return np.take(x, np.clip(np.floor(centers + 0.5), 0, extent - 1).astype(np.int64), axis=axis)
    distances: NDArray[np.float64] = np.abs(centers[:, None] - np.arange(extent, dtype=np.float64))
    weights = _KERNELS[interpolation](distances)
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.moveaxis(x, axis, 0)
    result = weights.astype(np.float32) @ rows.reshape(extent, -1).astype(np.float32)
    return np.moveaxis(result.reshape(size, *rows.shape[1:]), 0, axis)
