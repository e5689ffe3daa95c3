"""Boxes in the form of Pascal VOC: an XML file for each picture."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from imagefeed.checks import check_choice
from imagefeed.decode import Color
from imagefeed.errors import SourceError
from imagefeed.sources.annotated import pictures_in, rows_of_classes
from imagefeed.sources.listed import Labeled, Listed
from imagefeed.targets import Boxes

VocTargets: TypeAlias = Literal["boxes", "multi_label"]

Thing: TypeAlias = tuple[int, list[float], int, int]
"""Class, box, difficult, truncated."""

CLASSES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
"""The twenty classes of Pascal VOC, in their alphabetical order (Everingham and others, 2010)."""


def voc(
    root: str | os.PathLike[str],
    subset: str = "train",
    *,
    targets: VocTargets = "boxes",
    classes: Sequence[str] = CLASSES,
    color: Color = "rgb",
) -> Listed:
    """The pictures of a Pascal VOC folder that a list of it names, in the order of the list.

        >>> from imagefeed import voc
        >>> voc("VOCdevkit/VOC2012", "trainval")  # doctest: +SKIP

    Args:
        root: The folder with JPEGImages, Annotations and ImageSets in it.
        subset: The list: a file in ImageSets/Main, without its suffix.
        targets: "boxes" or "multi_label".
        classes: The names of the classes.
        color: "rgb" or "gray".

    Returns:
        A source whose target is `Boxes` in the format "xyxy", with "difficult" and "truncated" for each; or which
        classes a picture has, float32 (classes,). VOC counts pixels from 1 and means whole ones, so that a box from 1
        to 10 becomes one from 0 to 10.

    Raises:
        SourceError: A file is missing or is not as VOC writes it, or a class is unknown.
    """
    check_choice("voc(color=)", color, ("rgb", "gray"))
    check_choice("voc(targets=)", targets, ("boxes", "multi_label"))
    top = Path(root)
    listed = top / "ImageSets" / "Main" / f"{subset}.txt"
    if not listed.is_file():
        raise SourceError(f"{listed}: there is no such list")
    keys = [line.split()[0] for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
    files, things, owner = list[str](), list[Thing](), list[int]()
    place = {name: k for k, name in enumerate(classes)}
    for number, key in enumerate(keys):
        file, found = _objects(top / "Annotations" / f"{key}.xml", place)
        files.append(file)
        things += found
        owner += [number] * len(found)
    pictures = pictures_in(top / "JPEGImages", files, str(listed))
    labels = np.array([one[0] for one in things], np.int64)
    if targets == "multi_label":
        made = rows_of_classes(np.array(owner, np.int64), labels, len(keys), len(classes))
    else:
        made = Boxes(
            np.array([one[1] for one in things], np.float64).reshape(-1, 4),
            labels=labels,
            attributes={
                "difficult": np.array([one[2] for one in things], np.int64),
                "truncated": np.array([one[3] for one in things], np.int64),
            },
            counts=np.bincount(owner, minlength=len(keys)),
        )
    return Listed(pictures, Labeled(targets=made, classes=tuple(classes)), color=color, title=f"Voc({subset!r})")


def _objects(file: Path, classes: dict[str, int]) -> tuple[str, list[Thing]]:
    """The picture of an XML file, and of each thing in it: class, box, difficult, truncated."""
    try:
        root = ET.parse(file).getroot()
        found: list[Thing] = []
        for one in root.iter("object"):
            x0, y0, x1, y1 = (float(_text(one, f"bndbox/{name}")) for name in ("xmin", "ymin", "xmax", "ymax"))
            name = _text(one, "name")
            if name not in classes:
                raise SourceError(f"{file}: has a thing of class {name!r}; expected one of {', '.join(classes)}")
            difficult, truncated = (int(one.findtext(mark) or 0) for mark in ("difficult", "truncated"))
            found.append((classes[name], [x0 - 1, y0 - 1, x1, y1], difficult, truncated))
        return _text(root, "filename"), found
    except OSError as error:
        raise SourceError(f"{file}: cannot be read ({error.strerror})") from error
    except (ET.ParseError, ValueError) as error:
        raise SourceError(f"{file}: is not as Pascal VOC writes it ({error})") from error


def _text(element: ET.Element, path: str) -> str:
    text = element.findtext(path)
    if text is None:
        raise ValueError(f"no {path} in <{element.tag}>")
    return text.strip()
