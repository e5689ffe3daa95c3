"""Annotations in the form of YOLO: a text file for each picture, a line for each thing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from imagefeed.decode import Color, check_color
from imagefeed.errors import SourceError
from imagefeed.sources.annotated import (
    instances,
    numbers_of_classes,
    numbers_of_things,
    pictures_in,
    rows_of_classes,
    together,
    wanted_targets,
)
from imagefeed.sources.listed import Labeled, Listed
from imagefeed.sources.listing import pictures_below
from imagefeed.sources.shapes import PaintedMasks, Shapes
from imagefeed.targets import Boxes, Mask, TargetLike

YoloTarget: TypeAlias = Literal["boxes", "masks", "semantic", "multi_label"]


def yolo(
    images: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    *,
    classes: Sequence[str],
    targets: YoloTarget | Sequence[YoloTarget] = "boxes",
    color: Color = "rgb",
) -> Listed:
    """The pictures below a folder, in the order of their names, with what text files of the same names say.

    A line is a class number from 0, and then either the center, width and height of a box, or the corners x, y, x, y,
    ... of an outline, at least three; all as shares of the picture's width and height. The box of an outline is the
    upright one around it. A picture without a text file has nothing in it.

        >>> from imagefeed import yolo
        >>> yolo("images/train", "labels/train", classes=["cat", "dog"])  # doctest: +SKIP

    Args:
        images: The folder of the pictures.
        labels: The folder of the text files, with the same folders in it.
        classes: The names of the classes, in the order of their numbers.
        targets: One of these names, for a target; or several, for a dict of them.

            - "boxes": `Boxes` in the format "cxcywh", normalized, with labels, and "instance", the number in the mask.
            - "masks": a `Mask` of the kind "instance", as for `coco`; every line must be an outline.
            - "semantic": a `Mask` of classes, likewise: 0 where there is no thing, else the class number plus one.
            - "multi_label": which classes a picture has, float32 (classes,).
        color: "rgb", "gray", "rgba" or "gray16", as for `read`.

    Raises:
        SourceError: There are no pictures, a line is none of the two, or a mask is asked for where a line is a box.
    """
    wanted = wanted_targets("yolo(targets=)", targets, get_args(YoloTarget))
    check_color("yolo(color=)", color)
    root = Path(images)
    for folder in (root, Path(labels)):
        if not folder.is_dir():
            raise SourceError(f"{folder}: is not a folder")
    files = sorted(pictures_below(root, ""))
    pictures = pictures_in(root, files, str(root))
    things: list[Thing] = []
    counts = np.zeros(len(files), np.int64)
    for k, file in enumerate(files):
        found = _lines(Path(labels) / Path(file).with_suffix(".txt"), len(classes))
        things += found
        counts[k] = len(found)
    made = {name: _target(name, things, counts, files, len(classes)) for name in wanted}
    labeled = Labeled(targets=together(targets, made), classes=tuple(classes))
    return Listed(pictures, labeled, color=color, title=f"Yolo({root.name!r})")


Thing: TypeAlias = tuple[str, list[float]]
"""Where its line is; the numbers in it."""


def _target(
    name: YoloTarget, things: Sequence[Thing], counts: NDArray[np.int64], files: list[str], classes: int
) -> TargetLike:
    labels = np.array([row[0] for _, row in things], np.int64)
    if name == "multi_label":
        return rows_of_classes(np.repeat(np.arange(len(counts)), counts), labels, len(counts), classes)
    if name == "boxes":
        boxes = np.array([_box(row[1:]) for _, row in things], np.float64).reshape(-1, 4)
        more = {"instance": instances(counts)}
        return Boxes(boxes, labels=labels, attributes=more, counts=counts, format="cxcywh", normalized=True)
    where = f"{len(things)} lines"
    numbers = numbers_of_things(counts, where) if name == "masks" else numbers_of_classes(labels, where)
    for place, row in things:
        if len(row) == 5:
            raise SourceError(f"{place}: is a box, but masks need outlines, of at least three corners")
    painted = PaintedMasks(
        Shapes([[row[1:]] for _, row in things], lambda k: things[k][0]),
        numbers.astype(np.uint8),
        counts,
        behind=np.zeros(len(things), bool),
        sizes=[None] * len(files),
        normalized=True,
        names=files,
    )
    return Mask(painted, kind="instance", counts=counts) if name == "masks" else Mask(painted)


def _box(numbers: list[float]) -> list[float]:
    """The center and size of a box that a line gives, or of the one around its corners."""
    if len(numbers) == 4:
        return numbers
    x, y = numbers[::2], numbers[1::2]
    return [(min(x) + max(x)) / 2, (min(y) + max(y)) / 2, max(x) - min(x), max(y) - min(y)]


def _lines(file: Path, classes: int) -> list[Thing]:
    if not file.is_file():
        return []
    found: list[Thing] = []
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
        fits = len(row) == 5 or (len(row) >= 7 and len(row) % 2 == 1)
        if not fits or row[0] not in range(classes) or not all(0 <= one <= 1 for one in row[1:]):
            raise SourceError(
                f"{file}, line {number}: got {line.strip()!r}; expected a class number from 0 to {classes - 1}, and "
                "the center, width and height of a box, or the corners of an outline, each from 0 to 1"
            )
        found.append((f"{file}, line {number}", row))
    return found
