"""Annotations in the form of Pascal VOC: an XML file for each picture, and PNGs of what each pixel is."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from imagefeed.decode import Color, check_color
from imagefeed.errors import SourceError
from imagefeed.sources.annotated import (
    instances,
    numbers_of_things,
    pictures_in,
    rows_of_classes,
    together,
    wanted_targets,
)
from imagefeed.sources.base import Ints
from imagefeed.sources.listed import Labeled, Listed
from imagefeed.targets import Boxes, Mask, TargetLike

VocTarget: TypeAlias = Literal["boxes", "masks", "semantic", "multi_label"]

Thing: TypeAlias = tuple[int, list[float], int, int]
"""Class, box, difficult, truncated."""

_MASKS = {"masks": "SegmentationObject", "semantic": "SegmentationClass"}

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
    targets: VocTarget | Sequence[VocTarget] = "boxes",
    classes: Sequence[str] = CLASSES,
    color: Color = "rgb",
) -> Listed:
    """The pictures of a Pascal VOC folder that a list of it names, in the order of the list.

        >>> from imagefeed import voc
        >>> voc("VOCdevkit/VOC2012", "trainval")  # doctest: +SKIP

    Args:
        root: The folder with JPEGImages, Annotations and ImageSets in it.
        subset: The list, without its suffix: a file in ImageSets/Segmentation where masks are asked for, else in
            ImageSets/Main.
        targets: One of these names, for a target; or several, for a dict of them.

            - "boxes": `Boxes` in the format "xyxy", with "difficult" and "truncated" for each, and "instance", its
              number in the mask. VOC counts pixels from 1 and means whole ones, so that a box from 1 to 10 becomes one
              from 0 to 10.
            - "masks": a `Mask` of the kind "instance" from SegmentationObject; 255 is not known.
            - "semantic": a `Mask` of classes from SegmentationClass: 0 where there is no thing, else the class number
              plus one; 255 is not known.
            - "multi_label": which classes a picture has, float32 (classes,).
        classes: The names of the classes.
        color: "rgb", "gray", "rgba" or "gray16", as for `read`.

    Raises:
        SourceError: A file is missing or is not as VOC writes it, or a class is unknown.
    """
    wanted = wanted_targets("voc(targets=)", targets, get_args(VocTarget))
    check_color("voc(color=)", color)
    top = Path(root)
    listed = top / "ImageSets" / ("Segmentation" if _MASKS.keys() & set(wanted) else "Main") / f"{subset}.txt"
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
    counts = np.bincount(owner, minlength=len(keys)).astype(np.int64)
    made: dict[str, TargetLike] = {}
    for name in wanted:
        if name == "multi_label":
            labels = np.array([one[0] for one in things], np.int64)
            made[name] = rows_of_classes(np.array(owner, np.int64), labels, len(keys), len(classes))
        elif name == "boxes":
            made[name] = _boxes(things, counts)
        else:
            made[name] = _mask(top, name, keys, counts, str(listed))
    labeled = Labeled(targets=together(targets, made), classes=tuple(classes))
    return Listed(pictures, labeled, color=color, title=f"Voc({subset!r})")


def _boxes(things: Sequence[Thing], counts: Ints) -> Boxes:
    return Boxes(
        np.array([one[1] for one in things], np.float64).reshape(-1, 4),
        labels=np.array([one[0] for one in things], np.int64),
        attributes={
            "difficult": np.array([one[2] for one in things], np.int64),
            "truncated": np.array([one[3] for one in things], np.int64),
            "instance": instances(counts),
        },
        counts=counts,
    )


def _mask(top: Path, name: Literal["masks", "semantic"], keys: Sequence[str], counts: Ints, where: str) -> Mask:
    found = pictures_in(top / _MASKS[name], [f"{key}.png" for key in keys], where)
    paths = found.names(np.arange(len(keys)))
    if name == "semantic":
        return Mask(paths)
    numbers_of_things(counts, where)
    return Mask(paths, kind="instance", counts=counts)


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
