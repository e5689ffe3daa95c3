"""Points on things in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_bool, fail, is_tuple
from imagefeed.errors import SourceError, SpecError
from imagefeed.targets.base import Floats, Ints, Plain, Target
from imagefeed.targets.layers import Layers
from imagefeed.targets.motion import Motion
from imagefeed.targets.ragged import entries_of, flatten, padded, rows_of

# As far beyond the picture's edge as this, a point is no mistake: it is only not seen.
SLACK = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints(Target):
    """The places of k named points: landmarks of each picture, or of each of several things in it.

    A point has x, y and a visibility: 0 not labeled or outside the picture, 1 labeled but hidden, 2 seen (as in COCO).
    A point that leaves the picture gets visibility 0.

    In a batch: where every picture has one set of points, float32 (b, k, 3) of x, y and visibility; where pictures have
    lists of sets, a dict of "keypoints", float32 (b, most, k, 3), and "count", int64 (b,).

        >>> from imagefeed import Keypoints
        >>> Keypoints([[[4, 5], [8, 5]]], swaps=((0, 1),)).batch()
        array([[[4., 5., 2.],
                [8., 5., 2.]]], dtype=float32)

    Attributes:
        values: An array (n, k, 2) or (n, k, 3) for one set a picture, or a list of n arrays (m, k, 2 or 3). Kept as
            float64 (total, k, 3).
        counts: int64 (n,), how many sets each picture has, where lists of sets are given in one array.
        swaps: Pairs of points that are each other's mirror image, such as the left and the right eye: they change
            places where a picture is mirrored.
        normalized: Whether x and y are fractions of the picture's width and height, or pixels.
        most: How many sets a batch has room for; by default as many as one of its pictures has.

    Raises:
        SpecError: Something has the wrong shape, or a swap names a point that is not there.
    """

    values: Any
    _: KW_ONLY
    counts: Any = None
    swaps: tuple[tuple[int, int], ...] = ()
    normalized: bool = False
    most: int | None = None

    def __post_init__(self) -> None:
        check_bool("Keypoints.normalized", self.normalized)
        if self.counts is None and (array := _one_set(self.values)) is not None:
            values, counts = array, None
        else:
            values, counts = flatten("Keypoints", self.values, self.counts, (-1, -1), np.float64)
        if values.shape[2] == 2:
            values = np.concatenate([values, np.full((*values.shape[:2], 1), 2.0)], axis=2)
        if values.shape[2] not in (0, 3):
            raise fail("Keypoints.values", f"shape {values.shape}", "expected x and y, or x, y and visibility, last")
        points = values.shape[1]
        for pair in self.swaps:
            if not is_tuple(pair) or len(pair) != 2 or not all(0 <= k < points for k in pair):
                raise fail("Keypoints.swaps", pair, f"expected a pair of numbers from 0 to {points - 1}")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "counts", counts)

    def __len__(self) -> int:
        return len(self.values if self.counts is None else self.counts)

    def take(self, rows: Ints) -> Self:
        if self.counts is None:
            return replace(self, values=self.values[rows])
        return replace(self, values=self.values[entries_of(self.counts, rows)], counts=self.counts[rows])

    def joined(self, others: Sequence[Any]) -> Self:
        every = [self, *others]
        counts = None if self.counts is None else np.concatenate([one.counts for one in every])
        return replace(self, values=np.concatenate([one.values for one in every]), counts=counts)

    def batch(self) -> Plain:
        """What a batch holds of them."""
        values = self.values.astype(np.float32)
        if self.counts is None:
            return values
        return {"keypoints": padded(values, self.counts, self.most, 0.0, "Keypoints"), "count": self.counts}

    def rows(self) -> Ints:
        """Which picture each set belongs to, int64 (total,)."""
        return np.arange(len(self.values)) if self.counts is None else rows_of(self.counts)

    def begin(self, sizes: Ints, names: Sequence[str]) -> MovingKeypoints:
        """The points in pictures of these sizes, int64 (n, 2), ready to be moved.

        Raises:
            SourceError: A labeled point lies outside its picture.
        """
        rows = self.rows()
        extent = sizes[rows][:, None, ::-1].astype(np.float64)
        places = self.values[..., :2] * extent if self.normalized else self.values[..., :2]
        beyond = ((places < -SLACK) | (places > extent + SLACK)).any(axis=2) & (self.values[..., 2] > 0)
        if beyond.any():
            one, k = np.argwhere(beyond)[0].tolist()
            row = int(rows[one])
            height, width = sizes[row]
            x, y = self.values[one, k, :2]
            raise SourceError(
                f"{names[row]}: keypoint {k} ({x:g}, {y:g}) lies outside the picture, which is {height} high and "
                f"{width} wide; give it visibility 0, or say whether the points are normalized"
            )
        return MovingKeypoints(self, places, self.values[..., 2])


@dataclass(frozen=True, slots=True, eq=False)
class MovingKeypoints:
    """Keypoints on their way through a plan.

    Attributes:
        keypoints: What they were; its numbers are those of the beginning.
        places: float64 (total, k, 2), in pixels.
        visibility: float64 (total, k).
    """

    keypoints: Keypoints
    places: Floats
    visibility: Floats

    def moved(self, motion: Motion) -> MovingKeypoints:
        """The points after a motion: in a mirrored picture, left is right."""
        rows = self.keypoints.rows()
        places, seen = motion.points(self.places, rows)
        visibility = np.where(seen, self.visibility, 0.0)
        order = list(range(places.shape[1]))
        for one, other in self.keypoints.swaps:
            order[one], order[other] = order[other], order[one]
        mirrored = motion.mirrored(rows)
        return replace(
            self,
            places=np.where(mirrored[:, None, None], places[:, order], places),
            visibility=np.where(mirrored[:, None], visibility[:, order], visibility),
        )

    def mixed(self, sizes: Ints, layers: Layers) -> MovingKeypoints:
        """The sets of points of several records in one picture; a point that a later layer hides is not seen.

        Args:
            sizes: int64 (n·k, 2), of the parts that are seen of each layer.
            layers: Where they lie.

        Raises:
            SpecError: Each picture has one set of points, or things are pasted.
        """
        if self.keypoints.counts is None:
            raise SpecError("Keypoints: each picture has one set of points, but a mix has several; give lists of sets")
        if layers.pasted is not None:
            raise SpecError("CopyPaste: keypoints do not say which things they belong to; leave them out")
        rows = self.keypoints.rows()
        picture, layer = layers.where(rows)
        extent = sizes[rows][:, None, ::-1]
        inside: Any = ((self.places >= 0) & (self.places <= extent)).all(axis=2)
        places = self.places + layers.place[picture, layer][:, None, 1::-1]
        for k in range(places.shape[1]):
            point = np.tile(places[:, k], 2) + np.array([-0.5, -0.5, 0.5, 0.5])
            inside[:, k] &= layers.hidden(point, picture, layer) < 0.5
        entries = np.flatnonzero(layers.weight[picture, layer] > 0)
        entries = entries[np.argsort(picture[entries], kind="stable")]
        counts = np.bincount(picture[entries], minlength=layers.count)
        chosen = replace(self.keypoints, values=self.keypoints.values[entries], counts=counts)
        return MovingKeypoints(chosen, places[entries], np.where(inside, self.visibility, 0.0)[entries])

    def finished(self, sizes: Ints) -> Keypoints:
        """Keypoints as they were given, in pictures that have come to these sizes, int64 (n, 2)."""
        extent = sizes[self.keypoints.rows()][:, None, ::-1].astype(np.float64)
        inside = ((self.places >= 0) & (self.places <= extent)).all(axis=2)
        places = self.places / extent if self.keypoints.normalized else self.places
        visibility = np.where(inside, self.visibility, 0.0)
        return replace(self.keypoints, values=np.concatenate([places, visibility[..., None]], axis=2))


def _one_set(values: Any) -> NDArray[np.float64] | None:
    """The values as one array (n, k, 2 or 3), if that is what they are."""
    try:
        array = np.asarray(values, np.float64)
    except ValueError:  # lists of different lengths
        return None
    return array if array.ndim == 3 else None
