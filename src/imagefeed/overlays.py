"""What can be drawn over a picture of a batch: its boxes, points and masks, whatever form a batch has them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.targets import Boxes, Keypoints, Label, Mask, MultiLabel, Targets, named
from imagefeed.targets.boxes import to_xyxy

MOST_NAMES = 6


@dataclass(slots=True)
class Overlay:
    """What goes with one picture, in its pixels.

    Attributes:
        words: Its labels.
        boxes: float64 (m, 4): left, top, right, bottom.
        names: What each box is called; empty where boxes have no classes.
        points: float64 (k, 2), those that are visible.
        mask: uint8 (height, width), the class of each pixel, or 1 for what is not the background. None without one.
    """

    words: list[str] = field(default_factory=list[str])
    boxes: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4)))
    names: list[str] = field(default_factory=list[str])
    points: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    mask: NDArray[np.uint8] | None = None


def overlays(given: Targets, batch: Any, sizes: Sequence[tuple[int, int]], classes: Sequence[str]) -> list[Overlay]:
    """What is drawn over the pictures of a batch.

    Args:
        given: What the source gives as targets of the records: it says what the batch's arrays are.
        batch: `Batch.targets`.
        sizes: (height, width) of every picture.
        classes: The names that labels count.
    """
    result = [Overlay() for _ in sizes]
    kinds = named(given)
    arrays: dict[str, Any] = batch if isinstance(given, dict) else {"": batch}
    for name, kind in kinds.items():
        if name not in arrays:
            continue
        for row, (overlay, size) in enumerate(zip(result, sizes, strict=True)):
            _add(overlay, kind, arrays[name], row, size, classes)
    return result


def _add(overlay: Overlay, kind: Any, array: Any, row: int, size: tuple[int, int], classes: Sequence[str]) -> None:
    match kind:
        case Boxes():
            count = int(array["count"][row])
            boxes = to_xyxy(array["boxes"][row][:count].astype(np.float64), kind.format)
            if kind.normalized:
                boxes = boxes * np.tile(np.array(size[::-1], np.float64), 2)
            overlay.boxes = boxes
            if "labels" in array:
                overlay.names = [_name(label, classes) for label in array["labels"][row][:count].tolist()]
        case Keypoints():
            sets = array[row][None] if kind.counts is None else array["keypoints"][row][: int(array["count"][row])]
            points = sets.reshape(-1, 3).astype(np.float64)
            scale = np.array(size[::-1], np.float64) if kind.normalized else 1.0
            overlay.points = points[points[:, 2] > 0, :2] * scale
        case Mask():
            mask = array[row]
            overlay.mask = mask if mask.ndim == 2 else (mask.reshape(size) > 0.5).astype(np.uint8)
        case Label() | MultiLabel() | np.ndarray():
            overlay.words += _words(np.asarray(array)[row], classes)
        case _:
            pass


def _words(value: NDArray[Any], classes: Sequence[str]) -> list[str]:
    """Labels as names: a class number, or a row with a share for each class."""
    if value.ndim == 0:
        whole = float(value) == int(value)
        return [_name(int(value), classes)] if whole else [f"{float(value):.3g}"]
    if value.ndim == 1 and len(value) == len(classes):
        found = [k for k in np.argsort(-value, kind="stable").tolist() if value[k] > 0]
        shown = [_name(k, classes) if value[k] == 1 else f"{_name(k, classes)} {value[k]:.0%}" for k in found]
        return shown[:MOST_NAMES] + (["…"] if len(shown) > MOST_NAMES else [])
    return []


def _name(label: int, classes: Sequence[str]) -> str:
    return classes[label] if 0 <= label < len(classes) else str(label)
