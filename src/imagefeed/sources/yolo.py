"""Boxes in the form of YOLO: a text file for each picture, a line for each box."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imagefeed.checks import check_choice
from imagefeed.decode import Color
from imagefeed.errors import SourceError
from imagefeed.sources.annotated import pictures_in
from imagefeed.sources.listed import Labeled, Listed
from imagefeed.sources.listing import pictures_below
from imagefeed.targets import Boxes


def yolo(
    images: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    *,
    classes: Sequence[str],
    color: Color = "rgb",
) -> Listed:
    """The pictures below a folder, in the order of their names, with boxes from text files of the same names.

    A line is a class number from 0, and the center, width and height of a box as shares of the picture's. A picture
    without a text file has no boxes.

        >>> from imagefeed import yolo
        >>> yolo("images/train", "labels/train", classes=["cat", "dog"])  # doctest: +SKIP

    Args:
        images: The folder of the pictures.
        labels: The folder of the text files, with the same folders in it.
        classes: The names of the classes, in the order of their numbers.
        color: "rgb" or "gray".

    Returns:
        A source whose target is `Boxes` in the format "cxcywh", normalized.

    Raises:
        SourceError: There are no pictures, or a line is not a class and four shares.
    """
    check_choice("yolo(color=)", color, ("rgb", "gray"))
    root = Path(images)
    for folder in (root, Path(labels)):
        if not folder.is_dir():
            raise SourceError(f"{folder}: is not a folder")
    files = sorted(pictures_below(root, ""))
    pictures = pictures_in(root, files, str(root))
    rows: list[list[float]] = []
    counts: list[int] = []
    for file in files:
        found = _lines(Path(labels) / Path(file).with_suffix(".txt"), len(classes))
        rows += found
        counts.append(len(found))
    table = np.array(rows, np.float64).reshape(-1, 5)
    boxes = Boxes(
        table[:, 1:], labels=table[:, 0].astype(np.int64), counts=np.array(counts), format="cxcywh", normalized=True
    )
    return Listed(pictures, Labeled(targets=boxes, classes=tuple(classes)), color=color, title=f"Yolo({root.name!r})")


def _lines(file: Path, classes: int) -> list[list[float]]:
    if not file.is_file():
        return []
    found: list[list[float]] = []
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{file}: is not text ({error.reason})") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            row = []
        if len(row) != 5 or row[0] not in range(classes) or not all(0 <= one <= 1 for one in row[1:]):
            raise SourceError(
                f"{file}, line {number}: got {line.strip()!r}; expected a class number from 0 to {classes - 1}, and "
                "the center, width and height of a box, each from 0 to 1"
            )
        found.append(row)
    return found
