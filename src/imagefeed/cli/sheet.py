"""A contact sheet: photographs as they are stored, and beside each what a pipeline makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from imagefeed.decode import read
from imagefeed.loader import Loader
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source, Subset

_MARGIN, _GAP, _LABEL = 24, 8, 22  # pixels
_PAPER, _INK, _FAINT = "#ffffff", "#1b1f24", "#6a737d"
_LARGEST_CELL = 320  # pixels; what a pipeline makes larger is shown smaller


def contact_sheet(
    source: Source,
    pipeline: Pipeline,
    *,
    title: str,
    photographs: int,
    draws: int,
    seed: int = 0,
    advance: Callable[[int], None] = lambda total: None,
) -> Image.Image:
    """Rows of photographs: the original, then several draws of the pipeline.

    Args:
        source: Where the photographs come from. The rows are spread evenly over it, and so over its classes.
        pipeline: What is drawn from. Steps that leave the levels 0 to 255, such as Rescale, are left out:
            they would show nothing.
        title: What stands above.
        photographs: How many rows, at most.
        draws: How many draws of each.
        seed: Of the draws.
        advance: Called after each draw with the number of all.
    """
    visible = pipeline.levels()
    rows = min(photographs, len(source))
    shown = Subset(source, ((np.arange(rows) + 0.5) * len(source) / rows).astype(np.int64))
    loader = Loader(shown, visible, batch_size=1, shuffle=False, seed=seed)
    columns: list[list[Image.Image]] = []
    for epoch in range(draws):
        columns.append([_picture(batch.images[0]) for batch in loader.batches(epoch)])
        advance(draws)
    height = max(picture.height for column in columns for picture in column)
    width = max(picture.width for column in columns for picture in column)
    originals = [_original(name, source.color, (round(height * 1.5), height)) for name in shown.files]
    return _lay_out([originals, *columns], _names(shown), title, _footer(visible), (width, height))


def _picture(pixels: NDArray[Any]) -> Image.Image:
    picture = _image(pixels)
    picture.thumbnail((_LARGEST_CELL, _LARGEST_CELL))
    return picture


def _image(pixels: NDArray[Any]) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")


def _original(file: str, color: Any, box: tuple[int, int]) -> Image.Image:
    picture = _image(read(file, color=color))
    scale = min(box[0] / picture.width, box[1] / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _names(source: Subset) -> list[str]:
    """What stands below each row: the class and the file."""
    files = [file.replace("\\", "/").rsplit("/", 1)[-1] for file in source.files]
    labels = source.labels
    if labels is None:
        return files
    return [f"{source.classes[label]} · {file}" for label, file in zip(labels.tolist(), files, strict=True)]


def _footer(pipeline: Pipeline) -> list[str]:
    return [repr(step) for step in pipeline] or ["no steps"]


def _lay_out(
    columns: list[list[Image.Image]], names: list[str], title: str, footer: list[str], cell: tuple[int, int]
) -> Image.Image:
    width, height = cell
    first = max(picture.width for picture in columns[0])
    lefts = [_MARGIN, *(_MARGIN + first + 2 * _GAP + k * (width + _GAP) for k in range(len(columns) - 1))]
    top = _MARGIN + 2 * _LABEL + _GAP
    pitch = height + _LABEL + _GAP
    bottom = top + len(names) * pitch
    small, large = ImageFont.load_default(13), ImageFont.load_default(18)
    right = max(lefts[-1] + width, _MARGIN + round(large.getlength(title)))
    sheet = Image.new("RGB", (right + _MARGIN, bottom + _MARGIN + 18 * len(footer)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), title, _INK, large, anchor="lm")
    for k, (left, column) in enumerate(zip(lefts, columns, strict=True)):
        heading = "original" if k == 0 else f"draw {k}"
        draw.text((left, top - _LABEL / 2 - 2), heading, _FAINT, small, anchor="lm")
        for row, picture in enumerate(column):
            sheet.paste(picture, (left, top + row * pitch))
    for row, name in enumerate(names):
        y = top + row * pitch + height + _LABEL / 2
        draw.text((_MARGIN, y), _fitted(name, small, right - _MARGIN), _INK, small, anchor="lm")
    for row, line in enumerate(footer):
        y = bottom + _LABEL / 2 + 18 * row
        draw.text((_MARGIN, y), _fitted(line, small, right - _MARGIN), _FAINT, small, anchor="lm")
    return sheet


def _fitted(text: str, font: Any, width: float) -> str:
    """The text, cut short where it is too wide."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
