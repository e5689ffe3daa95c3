"""How the pictures of several records lie in one, as far as targets are concerned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.targets.base import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layers:
    """k layers in each of n pictures. Targets come for n·k records: all first layers, all second ones, and so on.

    Attributes:
        place: int64 (n, k, 4), the part (y0, x0, y1, x1) of the picture where each layer is.
        weight: float64 (n, k), how much is seen there of each layer.
        share: float64 (n, k), how much each layer counts for labels.
        union: bool (n,), or one for all: whether several labels are those that any layer has.
        pasted: bool (n, 256), which numbers of a mask are laid over the first layer; None for whole layers.
        ids: The attribute by which boxes belong to these numbers; None for their labels.
        laid: For each picture the pixels that are pasted, bool (height, width, 1); None for whole layers.
    """

    place: Ints
    weight: Floats
    share: Floats
    union: NDArray[np.bool_] | bool
    pasted: NDArray[np.bool_] | None
    ids: str | None
    laid: Sequence[NDArray[np.bool_]] | None

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return len(self.place)

    def where(self, rows: Ints) -> tuple[Ints, Ints]:
        """The picture and the layer of some of the n·k records."""
        return rows % self.count, rows // self.count

    def hidden(self, boxes: Floats, picture: Ints, layer: Ints) -> Floats:
        """The share of some upright boxes (m, 4) of left, top, right, bottom that later layers cover: float64 (m,)."""
        area = np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1e-9)
        covered = np.zeros(len(boxes))
        if self.laid is not None:
            for k in np.flatnonzero(layer == 0).tolist():
                x0, y0, x1, y1 = np.rint(boxes[k]).astype(np.int64).tolist()
                part: Any = self.laid[int(picture[k])][y0:y1, x0:x1]
                covered[k] = part.mean() if part.size else 0.0
            return covered
        for other in range(1, self.place.shape[1]):
            y0, x0, y1, x1 = self.place[picture, other].T
            width = np.minimum(boxes[:, 2], x1) - np.maximum(boxes[:, 0], x0)
            height = np.minimum(boxes[:, 3], y1) - np.maximum(boxes[:, 1], y0)
            hides = (other > layer) & (self.weight[picture, other] == 1)
            covered += np.where(hides, np.maximum(width, 0) * np.maximum(height, 0), 0.0)
        return covered / area
