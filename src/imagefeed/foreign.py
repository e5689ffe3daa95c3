"""Bytes to pixels for what the native decoder leaves: every format but ordinary JPEG and PNG, by Pillow.

An allow-list of formats, by magic bytes: a picture is never opened because of its name, and formats that hand their
bytes to other programs (EPS) or that nobody trains on are not opened at all.
"""

from __future__ import annotations

import io
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from imagefeed.decode import Color
from imagefeed.errors import DecodeError
from imagefeed.stored import levels_of

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")

_MODES = {"rgb": "RGB", "gray": "L", "rgba": "RGBA", "gray16": "L"}


def decode_foreign(data: bytes, name: str, *, color: Color, most_pixels: int) -> NDArray[Any]:
    """A picture that is no ordinary JPEG or PNG; arguments and errors as for `imagefeed.read`."""
    if not data:
        raise DecodeError(name, "the file is empty")
    known = [kind for kind in FORMATS if kind in _formats()]
    try:
        with Image.open(io.BytesIO(data), formats=known) as image:
            width, height = image.size
            if width * height > most_pixels:
                raise DecodeError(name, f"{width}x{height} is {width * height} pixels, over the limit of {most_pixels}")
            return _levels(ImageOps.exif_transpose(image), name, color)
    except DecodeError:
        raise
    except UnidentifiedImageError as error:
        raise DecodeError(name, f"not a picture in a format that is read here ({', '.join(known)})") from error
    except Image.DecompressionBombError as error:
        raise DecodeError(name, str(error)) from error
    except Exception as error:  # Pillow's decoders raise whatever broken bytes lead them to; each is this file's fault
        raise DecodeError(name, f"{type(error).__name__}: {error}") from error


def _formats() -> set[str]:
    Image.init()
    return set(Image.OPEN)


def _levels(image: Image.Image, name: str, color: Color) -> NDArray[Any]:
    """The picture's first frame as levels: float32 where 16 bits are asked for and there, else uint8."""
    if image.mode == "F":
        raise DecodeError(name, "holds floating-point numbers, whose range nobody knows; load them as arrays")
    if color == "index":
        return _numbers(image, name)
    if image.mode.startswith("I"):
        if color == "gray16":
            return levels_of(np.clip(np.asarray(cast(Any, image)), 0, 65535).astype(np.uint16))[..., None]
        image = _eight_bits(image)
    if color != "rgba":
        # A palette's transparency is lost in RGB, which is what is asked for; Pillow would warn of it.
        image.info.pop("transparency", None)
    pixels = np.asarray(image.convert(_MODES[color]))
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))


def _numbers(image: Image.Image, name: str) -> NDArray[np.uint8]:
    """What is stored for each pixel: the entry of its palette, or its gray level."""
    values = np.asarray(cast(Any, image))
    if values.ndim == 3 and values.shape[2] == 2:  # gray and alpha
        values = values[..., 0]
    if values.ndim == 3:
        raise DecodeError(
            name,
            f"is {image.mode}, but a mask has one number for each pixel; turn its colors into class numbers",
        )
    if values.size and not 0 <= values.min() <= values.max() <= 255:
        raise DecodeError(name, f"holds numbers from {values.min()} to {values.max()}; a mask has 0 to 255")
    return np.ascontiguousarray(values.astype(np.uint8)[..., None])


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit gray to 8-bit by its high byte, as PNG's own libraries do; Pillow's conversion would cut it off at 255."""
    values = np.asarray(cast(Any, image)).astype(np.int64)
    return Image.fromarray(np.clip(values >> 8, 0, 255).astype(np.uint8))
