"""One picture, whole: ordinary JPEGs and PNGs by the native decoders, all else by Pillow."""

from __future__ import annotations

import os
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.checks import check_choice
from imagefeed.errors import DecodeError

Color: TypeAlias = Literal["rgb", "gray", "rgba", "gray16", "index"]
"""What encoded pictures become: red, green and blue; luma; with an opacity; luma of up to 16 bits; or, of a mask, the
numbers as they are stored."""

CHANNELS: dict[Color, int] = {"rgb": 3, "gray": 1, "rgba": 4, "gray16": 1, "index": 1}
"""How many channels they get."""

_PNG = b"\x89PNG"

MOST_PIXELS = 89_478_485
"""The default limit on width times height: Pillow's own, a quarter of a gigabyte in RGB."""


def read(
    picture: str | os.PathLike[str] | bytes, *, color: Color = "rgb", most_pixels: int = MOST_PIXELS
) -> NDArray[Any]:
    """One whole picture, upright as its EXIF orientation says.

        >>> from imagefeed import read
        >>> read(tiny_jpeg).shape
        (48, 64, 3)

    Args:
        picture: A file's path, or the bytes of one.
        color: "rgb"; "gray" for luma alone; "rgba" with the opacity, 255 where a file has none; "gray16" for luma with
            all the bits of a 16-bit file; or "index" for a palette's own numbers, as masks have them.
        most_pixels: The limit on width times height, checked before anything is decoded.

    Returns:
        uint8 (height, width, channels): the pixels that Pillow gives. Of a 16-bit file as "gray16" float32: levels from
        0 to 255, in steps of 1/257.

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
    job = pool.fetch(records, files, most_pixels, png_form(color))
    while not job.wait(1000):
        continue
    for _, _, message in records.faults():
        raise DecodeError(name, message)
    data = records.bytes(0)
    if records.foreign() or not is_native(color):
        from imagefeed.foreign import decode_foreign  # Pillow: not before it is needed

        return decode_foreign(data, name, color=color, most_pixels=most_pixels)
    try:
        pixels = _native.decode_png(data, color) if data[:4] == _PNG else None
        if pixels is None:
            pixels = _native.decode_jpeg(data, color=color == "rgb")[0]
    except ValueError as error:
        raise DecodeError(name, str(error)) from error
    return np.ascontiguousarray(_upright(pixels[..., :3], records.orientation(0)))


def is_native(color: Color) -> bool:
    """Whether the native core decodes pictures to it; others take Pillow's way, whole."""
    return color != "rgba"


def png_form(color: Color) -> str | None:
    """What the native core is to make of a PNG; None where it is to leave it."""
    return color if is_native(color) else None


def check_color(where: str, color: Any) -> None:
    """Raise SpecError unless it is what a picture, and not a mask, can become."""
    check_choice(where, color, [one for one in CHANNELS if one != "index"])


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turned as the EXIF orientation (2 to 8) says: mirrored, then rows and columns exchanged."""
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    return pixels.swapaxes(0, 1) if orientation >= 5 else pixels
