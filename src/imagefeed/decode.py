"""Bytes to pixels for what the native decoder leaves: every format but ordinary JPEG, by Pillow.

An allow-list of formats, by magic bytes: a picture is never opened because of its name, and formats that hand their
bytes to other programs (EPS) or that nobody trains on are not opened at all.
"""

from __future__ import annotations

import io
import os
import warnings
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from imagefeed import _native
from imagefeed.errors import DecodeError

Color: TypeAlias = Literal["rgb", "gray"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")

MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 89_478_485
"""The default limit on width times height: Pillow's own, a quarter of a gigabyte in RGB."""

_MODES: dict[Color, str] = {"rgb": "RGB", "gray": "L"}


def read(
    picture: str | os.PathLike[str] | bytes, *, color: Color = "rgb", most_pixels: int = MOST_PIXELS
) -> NDArray[np.uint8]:
    """One whole picture, upright as its EXIF orientation says.

        >>> from imagefeed import read
        >>> read(tiny_jpeg).shape
        (48, 64, 3)

    Args:
        picture: A file's path, or the bytes of one.
        color: "rgb", or "gray" for luma alone.
        most_pixels: The limit on width times height, checked before anything is decoded.

    Returns:
        uint8 (height, width, 3), or (height, width, 1) for gray: the pixels that Pillow gives.

    Raises:
        DecodeError: The file cannot be read, or is not a picture, or is too large.
    """
    records = _native.Records(1)
    if isinstance(picture, bytes):
        name, files = "<bytes>", []
        records.set_bytes(0, picture)
    else:
        name = os.fspath(picture)
        files = [name]
    pool = _native.Pool(1)
    job = pool.fetch(records, files, most_pixels)
    while not job.wait(1000):
        continue
    for _, _, message in records.faults():
        raise DecodeError(name, message)
    data = records.bytes(0)
    if records.foreign():
        return decode_foreign(data, name, color=color, most_pixels=most_pixels)
    try:
        pixels = _native.decode_jpeg(data, color=color == "rgb")[0]
    except ValueError as error:
        raise DecodeError(name, str(error)) from error
    return np.ascontiguousarray(_upright(pixels[..., :3], records.orientation(0)))


def decode_foreign(data: bytes, name: str, *, color: Color, most_pixels: int) -> NDArray[np.uint8]:
    """A picture that is no ordinary JPEG; arguments and errors as for `read`."""
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


def _levels(image: Image.Image, name: str, color: Color) -> NDArray[np.uint8]:
    """The picture's first frame as 8-bit levels."""
    if image.mode == "F":
        raise DecodeError(name, "holds floating-point numbers, whose range nobody knows; load them as arrays")
    if image.mode.startswith("I"):
        image = _eight_bits(image)
    with warnings.catch_warnings():
        # A palette with transparency given as bytes loses it in RGB, which is what is asked for.
        warnings.filterwarnings("ignore", "Palette images with Transparency", UserWarning)
        pixels = np.asarray(image.convert(_MODES[color]))
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit gray to 8-bit by its high byte, as PNG's own libraries do; Pillow's conversion would cut it off at 255."""
    values = np.asarray(cast(Any, image)).astype(np.int64)
    return Image.fromarray(np.clip(values >> 8, 0, 255).astype(np.uint8))


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turned as the EXIF orientation (2 to 8) says: mirrored, then rows and columns exchanged."""
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    return pixels.swapaxes(0, 1) if orientation >= 5 else pixels
