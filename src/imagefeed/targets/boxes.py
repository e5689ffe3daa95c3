"""Boxes around things in a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_bool, check_choice, check_number, fail
from imagefeed.errors import SourceError, SpecError
from imagefeed.targets.base import Floats, Ints, Target
from imagefeed.targets.layers import Layers
from imagefeed.targets.motion import Bend, Cut, Motion
from imagefeed.targets.ragged import check_lengths, entries_of, flatten, padded, rows_of

BoxFormat: TypeAlias = Literal["xyxy", "xywh", "cxcywh"]

# Boxes were often rounded outward: this much beyond the picture's edge is no mistake.
SLACK = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Boxes(Target):
    """Boxes around things, with a label each; every picture has its own number of them.

    A box moves by its corners, and is then the smallest upright box around them: what was inside stays inside. It is
    clipped to the picture, and left out, with all that belongs to it, where too little of it is left.

    In a batch, a dict: "boxes", float32 (b, most, 4), in the format in which they were given; "labels", int64
    (b, most), -1 where a picture has no more; "count", int64 (b,); and every attribute by its name. That is what Keras
    losses and metrics take; `unpad` makes the list of dicts that torchvision's detectors take.

        >>> from imagefeed import Boxes
        >>> boxes = Boxes([[[10, 20, 30, 40]], [[0, 0, 5, 5], [2, 2, 9, 9]]], labels=[[7], [1, 2]], format="xywh")
        >>> boxes.batch()["labels"]
        array([[ 7, -1],
               [ 1,  2]])

    Attributes:
        values: For each of n pictures, (m, 4) numbers. Kept as one float64 array (total, 4).
        labels: For each picture, (m,) class numbers. Kept as int64 (total,). None for boxes without classes.
        attributes: More that belongs to each box, by name; as for the labels.
        counts: int64 (n,), how many boxes each picture has, where all that is above is given in one array each.
        format: "xyxy" (left, top, right, bottom), "xywh" (left, top, width, height) or "cxcywh" (center, size).
        normalized: Whether the numbers are fractions of the picture's width and height, or pixels.
        min_visible: The share of a box's area that must remain in the picture.
        clip: Whether boxes are cut off at the picture's edge.
        most: How many boxes a batch has room for; by default as many as one of its pictures has.

    Raises:
        SpecError: Something has the wrong shape, another length, or a box a negative width or height.
    """

    values: Any
    _: KW_ONLY
    labels: Any = None
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    counts: Any = None
    format: BoxFormat = "xyxy"
    normalized: bool = False
    min_visible: float = 0.1
    clip: bool = True
    most: int | None = None

    def __post_init__(self) -> None:
        check_choice("Boxes.format", self.format, get_args(BoxFormat))
        check_bool("Boxes.normalized", self.normalized)
        check_bool("Boxes.clip", self.clip)
        check_number("Boxes.min_visible", self.min_visible, 0, 1)
        values, counts = flatten("Boxes", self.values, self.counts, (4,), np.float64)
        corners = to_xyxy(values, self.format)
        bad = np.flatnonzero((corners[:, 2:] < corners[:, :2]).any(axis=1))
        if bad.size:
            hint = "; is the format 'xywh'?" if self.format == "xyxy" else ""
            raise fail("Boxes.values", values[bad[0]].tolist(), f"width and height must not be negative{hint}")
        given = {} if self.labels is None else {"labels": self.labels}
        extra: dict[str, NDArray[Any]] = {}
        for name, array in (given | dict(self.attributes)).items():
            whole = np.asarray(array) if self.counts is not None else _flat(array)
            extra[name] = whole
        check_lengths("Boxes", list(extra.items()), len(values))
        labels = extra.pop("labels").astype(np.int64) if given else None
        for name, value in (
            ("values", values),
            ("counts", counts),
            ("labels", labels),
            ("attributes", extra),
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.counts)

    def take(self, rows: Ints) -> Self:
        return self.chosen(entries_of(self.counts, rows), self.counts[rows])

    def joined(self, others: Sequence[Any]) -> Self:
        every = [self, *others]
        names = list(self.attributes)
        return replace(
            self,
            values=np.concatenate([one.values for one in every]),
            labels=None if self.labels is None else np.concatenate([one.labels for one in every]),
            attributes={name: np.concatenate([one.attributes[name] for one in every]) for name in names},
            counts=np.concatenate([one.counts for one in every]),
        )

    def as_format(self, to: BoxFormat) -> Self:
        """The same boxes in another format."""
        return replace(self, values=from_xyxy(to_xyxy(self.values, self.format), to), format=to)

    def batch(self) -> dict[str, NDArray[Any]]:
        """What a batch holds of them."""

        def pad(array: NDArray[Any], fill: float) -> NDArray[Any]:
            return padded(array, self.counts, self.most, fill, "Boxes")

        result = {"boxes": pad(self.values.astype(np.float32), 0.0)}
        if self.labels is not None:
            result["labels"] = pad(self.labels, -1)
        result["count"] = self.counts
        return result | {name: pad(array, 0) for name, array in self.attributes.items()}

    # -------------------------------------------------------------------------------------------- motion

    def begin(self, sizes: Ints, names: Sequence[str]) -> MovingBoxes:
        """The boxes in pictures of these sizes, int64 (n, 2), ready to be moved.

        Raises:
            SourceError: A box lies outside its picture.
        """
        rows = rows_of(self.counts)
        extent = sizes[rows][:, ::-1].astype(np.float64)
        corners = to_xyxy(self.values, self.format)
        if self.normalized:
            corners = corners * np.tile(extent, 2)
        bad = np.flatnonzero((corners[:, :2] < -SLACK).any(axis=1) | (corners[:, 2:] > extent + SLACK).any(axis=1))
        if bad.size:
            row = int(rows[bad[0]])
            shown = ", ".join(f"{number:g}" for number in self.values[bad[0]])
            kind = f"{self.format}, {'normalized' if self.normalized else 'in pixels'}"
            height, width = sizes[row]
            raise SourceError(
                f"{names[row]}: a box ({shown}) ({kind}) lies outside the picture, which is {height} high and {width} "
                "wide; is that the format of the boxes?"
            )
        places = corners_of(np.clip(corners, 0.0, np.tile(extent, 2)))
        return MovingBoxes(self, places, np.ones(len(places)))

    def chosen(self, entries: NDArray[Any], counts: Ints) -> Self:
        """Some of the boxes, with all that belongs to them; `counts` says how many of them each picture has."""
        return replace(
            self,
            values=self.values[entries],
            labels=None if self.labels is None else self.labels[entries],
            attributes={name: array[entries] for name, array in self.attributes.items()},
            counts=counts,
        )


@dataclass(frozen=True, slots=True, eq=False)
class MovingBoxes:
    """Boxes on their way through a plan: their corners, in pixels, so that a second turn undoes the first.

    Attributes:
        boxes: What they were; its numbers are those of the beginning.
        corners: float64 (total, 4, 2); of boxes that have been bent, more points of their outlines.
        share: float64 (total,), how much of each has remained; 0 for a box that is lost.
    """

    boxes: Boxes
    corners: Floats
    share: Floats

    def moved(self, motion: Motion) -> MovingBoxes:
        """The boxes after a motion. One that reaches behind the horizon of a perspective is lost."""
        rows = rows_of(self.boxes.counts)
        corners, share = self.corners, self.share
        for move in motion.moves:
            if isinstance(move, Cut):
                extent = np.tile(move.sizes[rows][:, ::-1].astype(np.float64), 2)
                _, clipped, share = replace(self, corners=corners, share=share)._clipped(extent)
                inside = (corners == np.clip(corners, 0.0, extent[:, None, :2])).all(axis=(1, 2))
                cut = corners_of(clipped) if corners.shape[1] == 4 else refined(corners_of(clipped))
                corners = np.where(inside[:, None, None], corners, cut)
                continue
            if isinstance(move, Bend) and corners.shape[1] == 4:
                corners = refined(corners)
            corners, seen = move.points(corners, rows)
            share = np.where(seen.all(axis=1), share, 0.0)
        return replace(self, corners=corners, share=share)

    def renumbered(self, offsets: Ints) -> MovingBoxes:
        """The boxes, with the numbers of their things in a mask ("instance") raised by int64 (n,) for each picture."""
        if "instance" not in self.boxes.attributes:
            return self
        old: NDArray[np.int64] = self.boxes.attributes["instance"]
        raised: NDArray[np.int64] = np.where(old > 0, old + offsets[rows_of(self.boxes.counts)], old)
        attributes = {**self.boxes.attributes, "instance": raised}
        return replace(self, boxes=replace(self.boxes, attributes=attributes))

    def hulls(self, sizes: Ints) -> Floats:
        """What all boxes that are left lie in, of each picture of these sizes (n, 2): left, top, right, bottom (n, 4).

        Infinite, and right of left, where there are none.
        """
        rows = rows_of(self.boxes.counts)
        _, clipped, share = self._clipped(np.tile(sizes[rows][:, ::-1].astype(np.float64), 2))
        kept = (share >= self.boxes.min_visible) & (share > 0)
        result = np.tile(np.array([np.inf, np.inf, -np.inf, -np.inf]), (len(sizes), 1))
        np.minimum.at(result[:, :2], rows[kept], clipped[kept, :2])
        np.maximum.at(result[:, 2:], rows[kept], clipped[kept, 2:])
        return result

    def mixed(self, sizes: Ints, layers: Layers) -> MovingBoxes:
        """The boxes of several records in one picture, each clipped to its layer and, where it must, left out.

        Args:
            sizes: int64 (n·k, 2), of the parts that are seen of each layer.
            layers: Where they lie.

        Raises:
            SpecError: Things are pasted, but the boxes do not say which of them is theirs.
        """
        rows = rows_of(self.boxes.counts)
        picture, layer = layers.where(rows)
        _, clipped, share = self._clipped(np.tile(sizes[rows][:, ::-1].astype(np.float64), 2))
        placed = clipped + np.tile(layers.place[picture, layer][:, 1::-1], 2)
        share = share * (1.0 - layers.hidden(placed, picture, layer)) * (layers.weight[picture, layer] > 0)
        if layers.pasted is not None:
            mine = self.boxes.labels if layers.ids is None else self.boxes.attributes.get(layers.ids)
            if mine is None:
                what = "labels" if layers.ids is None else f"attribute {layers.ids!r}"
                raise SpecError(f"CopyPaste: the boxes have no {what} to say which number of the mask is theirs")
            known = (mine >= 0) & (mine < layers.pasted.shape[1])
            chosen = known & layers.pasted[picture, np.where(known, mine, 0).astype(np.int64)]
            share = np.where((layer == 0) | chosen, share, 0.0)
        entries = np.flatnonzero((share >= self.boxes.min_visible) & (share > 0))
        entries = entries[np.argsort(picture[entries], kind="stable")]
        counts = np.bincount(picture[entries], minlength=layers.count)
        return MovingBoxes(self.boxes.chosen(entries, counts), corners_of(placed[entries]), share[entries])

    def finished(self, sizes: Ints) -> Boxes:
        """Boxes as they were given, in pictures that have come to these sizes, int64 (n, 2)."""
        rows = rows_of(self.boxes.counts)
        extent = np.tile(sizes[rows][:, ::-1].astype(np.float64), 2)
        whole, clipped, share = self._clipped(extent)
        keep = (share >= self.boxes.min_visible) & (share > 0)
        values = clipped if self.boxes.clip else whole
        if self.boxes.normalized:
            values = values / extent
        changed = replace(self.boxes, values=from_xyxy(values, self.boxes.format))
        return changed.chosen(np.flatnonzero(keep), np.bincount(rows[keep], minlength=len(sizes)))

    def _clipped(self, extent: Floats) -> tuple[Floats, Floats, Floats]:
        """Upright boxes, the same clipped to limits (total, 4), and the share of each that is left."""
        whole = np.concatenate([self.corners.min(axis=1), self.corners.max(axis=1)], axis=1)
        clipped = np.clip(whole, 0.0, extent)
        before = area(whole)
        return whole, clipped, self.share * area(clipped) / np.where(before > 0, before, 1.0)


def to_xyxy(values: Floats, kind: BoxFormat) -> Floats:
    """Left, top, right, bottom of boxes (total, 4) in a format."""
    first, second = values[:, :2], values[:, 2:]
    if kind == "xyxy":
        return values
    if kind == "cxcywh":
        first = first - second * 0.5
    return np.concatenate([first, first + second], axis=1)


def from_xyxy(values: Floats, kind: BoxFormat) -> Floats:
    """Boxes (total, 4) of left, top, right, bottom in another format."""
    first, last = values[:, :2], values[:, 2:]
    if kind == "xyxy":
        return values
    return np.concatenate([first if kind == "xywh" else (first + last) * 0.5, last - first], axis=1)


def corners_of(boxes: Floats) -> Floats:
    """The corners (total, 4, 2), in order around it, of boxes (total, 4) of left, top, right, bottom."""
    x0, y0, x1, y1 = boxes.T
    return np.stack([x0, y0, x1, y0, x1, y1, x0, y1], axis=-1).reshape(-1, 4, 2)


def refined(corners: Floats, pieces: int = 12) -> Floats:
    """More points (total, 4 * pieces, 2) of the outlines of quadrangles (total, 4, 2), each side in equal pieces."""
    parts = (np.arange(pieces) / pieces)[None, None, :, None]
    sides = corners[:, :, None] * (1 - parts) + np.roll(corners, -1, axis=1)[:, :, None] * parts
    return sides.reshape(len(corners), 4 * pieces, 2)


def area(corners: Floats) -> Floats:
    """The area of boxes (total, 4) of left, top, right, bottom."""
    return (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])


def unpad(batch: Mapping[str, NDArray[Any]]) -> list[dict[str, NDArray[Any]]]:
    """A batch of boxes or keypoints as a list with a dict for each picture, as torchvision's detectors take it.

        >>> from imagefeed import Boxes, unpad
        >>> batch = Boxes([[[10, 20, 30, 40]], []], labels=[[7], []]).batch()
        >>> [one["labels"].tolist() for one in unpad(batch)]
        [[7], []]

    Args:
        batch: What a batch holds of `Boxes`, or of `Keypoints` with lists of different lengths.

    Raises:
        SpecError: It has no "count".
    """
    if "count" not in batch:
        raise SpecError(f"unpad: got a dict of {', '.join(batch) or 'nothing'}; expected what a batch holds of Boxes")
    names = [name for name in batch if name != "count"]
    return [{name: batch[name][row, :count] for name in names} for row, count in enumerate(batch["count"])]


def _flat(values: Any) -> NDArray[Any]:
    parts = [np.asarray(value) for value in values]
    filled = [part for part in parts if part.size]
    return np.concatenate(filled) if filled else np.zeros(0, np.int64)
