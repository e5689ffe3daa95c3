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

from imagefeed.checks import check_bool, fail
from imagefeed.decode import Color, check_color
from imagefeed.errors import SourceError
from imagefeed.sources.annotated import (
    instances,
    numbers_of_classes,
    numbers_of_things,
    pictures_in,
    read_json,
    rows_of_classes,
    together,
    wanted_targets,
)
from imagefeed.sources.base import Ints
from imagefeed.sources.listed import Labeled, Listed
from imagefeed.sources.segments import SegmentMasks
from imagefeed.sources.shapes import PaintedMasks, Shapes
from imagefeed.targets import Boxes, Keypoints, Mask, TargetLike

CocoTarget: TypeAlias = Literal["boxes", "masks", "semantic", "multi_label", "keypoints", "captions"]


def coco(
    annotations: str | os.PathLike[str],
    images: str | os.PathLike[str],
    *,
    targets: CocoTarget | Sequence[CocoTarget] = "boxes",
    crowd: bool = True,
    panoptic: str | os.PathLike[str] | None = None,
    color: Color = "rgb",
) -> Listed:
    """The pictures of a COCO file, in the order of the file, with what it says about them.

    Classes are numbered from 0 in the order of the categories' ids, which need not follow one another. A picture
    without annotations is one without things in it.

        >>> from imagefeed import coco
        >>> photos = coco("instances_val2017.json", "val2017", targets=["boxes", "masks"])  # doctest: +SKIP
        >>> photos.targets(np.arange(2))["boxes"].batch()["boxes"].shape  # doctest: +SKIP
        (2, 14, 4)

    A pixel of a mask belongs to one thing. Where outlines overlap, it is that of the smaller area; crowds lie behind
    all. A pixel is in an outline if its center is.

    Args:
        annotations: The JSON file: of instances, person keypoints, captions, or panoptic segments.
        images: The folder of the pictures.
        targets: One of these names, for a target; or several, for a dict of them.

            - "boxes": `Boxes` as COCO writes them (left, top, width, height), with labels, and for each box its "area",
              "iscrowd" and "id"; and "instance", its number in the mask.
            - "masks": a `Mask` of the kind "instance": the things in a picture are numbered from 1, in the order of
              the boxes. `instance_masks` makes a mask for each of them.
            - "semantic": a `Mask` of classes: 0 where there is no thing, else the class number plus one.
            - "multi_label": which classes a picture has, float32 (classes,).
            - "keypoints": `Keypoints` of every person, whose left and right are swapped in a mirrored picture.
            - "captions": text, (most captions of a picture,), empty where a picture has fewer.
        crowd: Whether crowds count. Their pixels are listed in runs, the boxes around them are large.
        panoptic: The folder of PNGs that a file of panoptic segments speaks of; needed for its masks.
        color: "rgb", "gray", "rgba" or "gray16", as for `read`.

    Raises:
        SourceError: The file is none of COCO's, pictures are missing or come twice, or an annotation is of a picture
            or a category that there is not, or lacks what is asked for.
    """
    wanted = wanted_targets("coco(targets=)", targets, get_args(CocoTarget))
    check_color("coco(color=)", color)
    check_bool("coco(crowd=)", crowd)
    file = Path(annotations)
    found = _read(file, crowd=crowd or "captions" in wanted)
    if panoptic is not None and not found.segments:
        raise fail("coco(panoptic=)", os.fspath(panoptic), f"{file} is no file of panoptic segments")
    pictures = pictures_in(Path(images), found.files, str(file))
    made = {name: _target(found, name, None if panoptic is None else Path(panoptic)) for name in wanted}
    return Listed(
        pictures,
        Labeled(targets=together(targets, made), classes=() if "captions" in wanted else found.classes),
        color=color,
        title=f"Coco({file.name!r})",
    )


@dataclass(frozen=True, slots=True)
class Found:
    """A COCO file: its pictures, its classes, and what is in which picture.

    Attributes:
        where: What messages call it.
        files: The name of each picture.
        sizes: (height, width) of each, where the file says it.
        classes: The names of the classes.
        things: The annotations, those of a picture together and otherwise in the order of the file.
        owner: The picture of each, int64 (things,).
        labels: The class of each, int64 (things,); -1 where it has none.
        categories: As they are in the file.
        segments: The PNG of each picture, in a file of panoptic segments.
    """

    where: str
    files: list[str]
    sizes: list[tuple[int, int] | None]
    classes: tuple[str, ...]
    things: list[dict[str, Any]]
    owner: Ints
    labels: Ints
    categories: list[dict[str, Any]]
    segments: list[str]

    @property
    def counts(self) -> Ints:
        """How many things each picture has, int64 (n,)."""
        return np.bincount(self.owner, minlength=len(self.files)).astype(np.int64)

    def each(self, name: str) -> list[Any]:
        """One field of all things.

        Raises:
            SourceError: A thing has none.
        """
        try:
            return [one[name] for one in self.things]
        except KeyError:
            raise SourceError(
                f"{self.where}: an annotation has no {name!r}; it may be a file of another task"
            ) from None


def _read(file: Path, *, crowd: bool) -> Found:
    data: Any = read_json(file)
    try:
        pictures: list[dict[str, Any]] = data["images"]
        categories = sorted(data.get("categories", ()), key=lambda one: one["id"])
        place = {one["id"]: k for k, one in enumerate(pictures)}
        number = {one["id"]: k for k, one in enumerate(categories)}
        if len(place) < len(pictures) or len({one["file_name"] for one in pictures}) < len(pictures):
            raise SourceError(f"{file}: a picture comes twice; expected every id and every file_name once")
        things, segments = _parted(data["annotations"], place, str(file))
        things = [one for one in things if crowd or not one.get("iscrowd")]
        owner = _numbers([one["image_id"] for one in things], place, f"{file}: annotations", "images")
        labels = _numbers(
            [one.get("category_id", -1) for one in things], number | {-1: -1}, f"{file}: annotations", "categories"
        )
        order = np.argsort(owner, kind="stable")
        return Found(
            str(file),
            [one["file_name"] for one in pictures],
            [(int(one["height"]), int(one["width"])) if {"height", "width"} <= set(one) else None for one in pictures],
            tuple(one["name"] for one in categories),
            [things[k] for k in order.tolist()],
            owner[order],
            labels[order],
            categories,
            segments,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"{file}: is not in the form of COCO ({error!r} is missing or of another kind)") from error


def _parted(
    given: list[dict[str, Any]], place: Mapping[Any, int], where: str
) -> tuple[list[dict[str, Any]], list[str]]:
    """The things of a file, and the PNG of each picture where they are panoptic segments, which stand in one list for
    each picture.
    """
    if not any("segments_info" in one for one in given):
        return given, []
    files = [""] * len(place)
    owner = _numbers([one["image_id"] for one in given], place, f"{where}: annotations", "images")
    for k, one in zip(owner.tolist(), given, strict=True):
        files[k] = one["file_name"]
    if "" in files:
        raise SourceError(f"{where}: {files.count('')} pictures have no annotation, and so no PNG of segments")
    return [{**thing, "image_id": one["image_id"]} for one in given for thing in one["segments_info"]], files


def _target(found: Found, kind: CocoTarget, panoptic: Path | None) -> TargetLike:
    if kind == "captions":
        return _captions(found)
    if len(found.labels) and found.labels.min() < 0:
        raise SourceError(f"{found.where}: an annotation has no category_id; use targets='captions'")
    if kind == "multi_label":
        return rows_of_classes(found.owner, found.labels, len(found.files), len(found.classes))
    if kind == "keypoints":
        return _keypoints(found)
    return _boxes(found) if kind == "boxes" else _masks(found, kind, panoptic)


def _boxes(found: Found) -> Boxes:
    extra = {
        "area": np.array(found.each("area"), np.float32),
        "iscrowd": np.array([one.get("iscrowd", 0) for one in found.things], np.int64),
        "id": np.array(found.each("id"), np.int64),
        "instance": instances(found.counts),
    }
    values = _table(found.each("bbox"), 4, found.where)
    return Boxes(values, labels=found.labels, attributes=extra, counts=found.counts, format="xywh")


def _masks(found: Found, kind: Literal["masks", "semantic"], panoptic: Path | None) -> Mask:
    counts = found.counts
    if kind == "masks":
        numbers = numbers_of_things(counts, found.where)
    else:
        numbers = numbers_of_classes(found.labels, found.where)
    painted: Sequence[Any]
    if found.segments:
        if panoptic is None:
            raise fail("coco(panoptic=)", None, f"the masks of {found.where} need the folder of its PNGs")
        files = pictures_in(panoptic, found.segments, found.where).names(np.arange(len(found.segments)))
        painted = SegmentMasks(files, np.array(found.each("id"), np.int64), numbers.astype(np.uint8), counts)
    else:
        behind = np.array([bool(one.get("iscrowd")) for one in found.things], bool)
        painted = PaintedMasks(
            Shapes(found.each("segmentation"), lambda k: f"{found.where}: annotation {found.things[k].get('id')}"),
            numbers.astype(np.uint8),
            counts,
            behind=behind,
            sizes=found.sizes,
            names=found.files,
        )
    return Mask(painted, kind="instance", counts=counts) if kind == "masks" else Mask(painted)


def _keypoints(found: Found) -> Keypoints:
    named = next((one["keypoints"] for one in found.categories if "keypoints" in one), None)
    if named is None:
        raise SourceError(f"{found.where}: no category has keypoints; it may be the file of instances")
    place = {name: k for k, name in enumerate(named)}
    swaps = [
        (k, place[other])
        for name, k in place.items()
        if (other := re.sub(r"^left", "right", name)) != name and other in place
    ]
    values = _table(found.each("keypoints"), 3 * len(named), found.where)
    return Keypoints(values.reshape(-1, len(named), 3), counts=found.counts, swaps=tuple(swaps))


def _captions(found: Found) -> NDArray[np.str_]:
    texts, counts = found.each("caption"), found.counts
    longest = max(map(len, texts), default=1)
    rows = np.zeros((len(counts), max(1, int(counts.max()))), f"<U{longest}")
    rows[found.owner, instances(counts) - 1] = texts
    return rows


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
