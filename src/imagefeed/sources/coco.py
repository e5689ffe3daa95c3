"""Annotations in the form of COCO: a JSON file beside a folder of pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_bool, check_choice
from imagefeed.decode import Color
from imagefeed.errors import SourceError
from imagefeed.sources.annotated import pictures_in, read_json, rows_of_classes
from imagefeed.sources.base import Ints
from imagefeed.sources.listed import Labeled, Listed
from imagefeed.targets import Boxes, Keypoints, Targets

CocoTargets: TypeAlias = Literal["boxes", "multi_label", "keypoints", "captions"]


def coco(
    annotations: str | os.PathLike[str],
    images: str | os.PathLike[str],
    *,
    targets: CocoTargets = "boxes",
    crowd: bool = True,
    color: Color = "rgb",
) -> Listed:
    """The pictures of a COCO file, in the order of the file, with what it says about them.

    Classes are numbered from 0 in the order of the categories' ids, which need not follow one another. A picture
    without annotations is one without things in it.

        >>> from imagefeed import coco
        >>> photos = coco("instances_val2017.json", "val2017")  # doctest: +SKIP
        >>> photos.targets(np.arange(2)).batch()["boxes"].shape  # doctest: +SKIP
        (2, 14, 4)

    Args:
        annotations: The JSON file.
        images: The folder of the pictures.
        targets: "boxes": `Boxes` as COCO writes them (left, top, width, height), with labels, and for each box its
            "area", "iscrowd" and "id". "multi_label": which classes a picture has, float32 (classes,). "keypoints":
            `Keypoints` of every person, whose left and right are swapped in a mirrored picture. "captions": text,
            (most captions of a picture,), empty where a picture has fewer.
        crowd: Whether boxes around crowds count.
        color: "rgb" or "gray".

    Raises:
        SourceError: The file is none of COCO's, pictures are missing or come twice, or an annotation is of a picture
            or a category that there is not.
    """
    check_choice("coco(targets=)", targets, get_args(CocoTargets))
    check_choice("coco(color=)", color, ("rgb", "gray"))
    check_bool("coco(crowd=)", crowd)
    file = Path(annotations)
    found = _read(file, crowd=crowd or targets == "captions")
    pictures = pictures_in(Path(images), found.files, str(file))
    classes = () if targets == "captions" else found.classes
    return Listed(
        pictures,
        Labeled(targets=_targets(found, targets, str(file)), classes=classes),
        color=color,
        title=f"Coco({file.name!r})",
    )


@dataclass(frozen=True, slots=True)
class Found:
    """A COCO file: its pictures, its classes, and what is in which picture.

    Attributes:
        files: The name of each picture.
        classes: The names of the classes.
        things: The annotations, those of a picture together and otherwise in the order of the file.
        owner: The picture of each, int64 (things,).
        labels: The class of each, int64 (things,); -1 where it has none.
        categories: As they are in the file.
    """

    files: list[str]
    classes: tuple[str, ...]
    things: list[dict[str, Any]]
    owner: Ints
    labels: Ints
    categories: list[dict[str, Any]]


def _read(file: Path, *, crowd: bool) -> Found:
    data: Any = read_json(file)
    try:
        pictures: list[dict[str, Any]] = data["images"]
        things: list[dict[str, Any]] = data["annotations"]
        categories = sorted(data.get("categories", ()), key=lambda one: one["id"])
        place = {one["id"]: k for k, one in enumerate(pictures)}
        number = {one["id"]: k for k, one in enumerate(categories)}
        if len(place) < len(pictures) or len({one["file_name"] for one in pictures}) < len(pictures):
            raise SourceError(f"{file}: a picture comes twice; expected every id and every file_name once")
        things = [one for one in things if crowd or not one.get("iscrowd")]
        owner = _numbers([one["image_id"] for one in things], place, f"{file}: annotations", "images")
        labels = _numbers(
            [one.get("category_id", -1) for one in things], number | {-1: -1}, f"{file}: annotations", "categories"
        )
        order = np.argsort(owner, kind="stable")
        return Found(
            [one["file_name"] for one in pictures],
            tuple(one["name"] for one in categories),
            [things[k] for k in order.tolist()],
            owner[order],
            labels[order],
            categories,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"{file}: is not in the form of COCO ({error!r} is missing or of another kind)") from error


def _targets(found: Found, kind: CocoTargets, where: str) -> Targets:
    count = len(found.files)
    counts = np.bincount(found.owner, minlength=count).astype(np.int64)
    if kind == "captions":
        return _captions(found, counts, where)
    if len(found.labels) and found.labels.min() < 0:
        raise SourceError(f"{where}: an annotation has no category_id; use targets='captions'")
    if kind == "multi_label":
        return rows_of_classes(found.owner, found.labels, count, len(found.classes))
    if kind == "keypoints":
        return _keypoints(found, counts, where)
    extra = {
        "area": np.array(_each(found.things, "area", where), np.float32),
        "iscrowd": np.array([one.get("iscrowd", 0) for one in found.things], np.int64),
        "id": np.array(_each(found.things, "id", where), np.int64),
    }
    values = _table(_each(found.things, "bbox", where), 4, where)
    return Boxes(values, labels=found.labels, attributes=extra, counts=counts, format="xywh")


def _keypoints(found: Found, counts: Ints, where: str) -> Keypoints:
    named = next((one["keypoints"] for one in found.categories if "keypoints" in one), None)
    if named is None:
        raise SourceError(f"{where}: no category has keypoints; it may be the file of instances")
    place = {name: k for k, name in enumerate(named)}
    swaps = [
        (k, place[other])
        for name, k in place.items()
        if (other := re.sub(r"^left", "right", name)) != name and other in place
    ]
    values = _table(_each(found.things, "keypoints", where), 3 * len(named), where)
    return Keypoints(values.reshape(-1, len(named), 3), counts=counts, swaps=tuple(swaps))


def _captions(found: Found, counts: Ints, where: str) -> NDArray[np.str_]:
    texts = _each(found.things, "caption", where)
    longest = max(map(len, texts), default=1)
    rows = np.zeros((len(counts), max(1, int(counts.max()))), f"<U{longest}")
    column = np.arange(len(texts)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows[found.owner, column] = texts
    return rows


def _each(things: Sequence[Mapping[str, Any]], name: str, where: str) -> list[Any]:
    try:
        return [one[name] for one in things]
    except KeyError:
        raise SourceError(f"{where}: an annotation has no {name!r}; it may be a file of another task") from None


def _table(rows: Sequence[Any], width: int, where: str) -> NDArray[np.float64]:
    try:
        return np.array(rows, np.float64).reshape(len(rows), width)
    except ValueError:
        raise SourceError(f"{where}: expected {width} numbers in each annotation's list") from None


def _numbers(ids: Sequence[Any], known: Mapping[Any, int], where: str, what: str) -> Ints:
    for one in ids:
        if one not in known:
            raise SourceError(f"{where}: one is of {one!r}, which is not among the {what}")
    return np.array([known[one] for one in ids], np.int64)
