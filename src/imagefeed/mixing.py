"""Pictures of several records become one: what a plan's `Mix` says, done to rendered parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.ops import Mix

Pictures = NDArray[Any]
Parts = tuple[list[NDArray[Any] | None], list[int]]


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """The pictures that a mix makes, as far as they have come.

    Attributes:
        pictures: One for each record, (height, width, channels).
        mix: What is made.
    """

    pictures: list[Pictures]
    mix: Mix

    @classmethod
    def of(cls, mix: Mix, channels: int, dtype: np.dtype[Any]) -> Canvas:
        """Black pictures of the sizes of a mix."""
        return cls([np.zeros((int(h), int(w), channels), dtype) for h, w in mix.size], mix)

    @property
    def layers(self) -> int:
        """How many layers a picture has."""
        return self.mix.weight.shape[1]

    def places(self, layer: int) -> tuple[list[Pictures | None], list[int]]:
        """What the renderer is to fill for a layer of every record.

        Returns:
            The place itself where the layer hides what is below; a picture of its own, to be laid by `lay`, where it
            does not; None where nothing of it is seen. And the records of the second kind.
        """
        outs: list[Pictures | None] = []
        apart: list[int] = []
        for row, picture in enumerate(self.pictures):
            weight = self.mix.weight[row, layer]
            place = self._place(picture, row, layer)
            if weight == 0:
                outs.append(None)
            elif weight == 1 and (layer == 0 or self.mix.pasted is None):
                outs.append(place)
            else:
                outs.append(np.empty_like(place))
                apart.append(row)
        return outs, apart

    def lay(self, row: int, layer: int, part: Pictures, mask: Pictures | None) -> None:
        """Put a layer that does not hide what is below into its place.

        Args:
            row: The record.
            layer: From 1.
            part: What was rendered.
            mask: uint8 (height, width, 1), which thing each of its pixels belongs to, where things are pasted.
        """
        place = self._place(self.pictures[row], row, layer)
        if self.mix.pasted is not None and mask is not None:
            np.copyto(place, part, where=self.mix.pasted[row][mask])
            return
        weight = np.float32(self.mix.weight[row, layer])
        mixed = place * (np.float32(1) - weight) + part * weight
        place[...] = mixed if place.dtype.kind == "f" else np.rint(mixed)

    def laid(self, row: int, layer: int, mask: Pictures | None) -> NDArray[np.bool_]:
        """The pixels of the picture that are pasted, bool (height, width, 1)."""
        result = np.zeros((*self.pictures[row].shape[:2], 1), bool)
        if mask is not None:
            self._place(result, row, layer)[...] = self.mix.pasted[row][mask]
        return result

    def _place(self, picture: Pictures, row: int, layer: int) -> Pictures:
        y0, x0, y1, x1 = self.mix.place[row, layer]
        return picture[y0:y1, x0:x1]


def lay_layer(
    canvases: Sequence[Canvas],
    parts: Sequence[Parts],
    masks: Sequence[Pictures | None],
    layer: int,
    spread: Callable[[Callable[[int], None], list[int]], object],
) -> None:
    """Lay what was rendered apart for one layer into pictures, and into all that is mixed like them.

    Args:
        canvases: The pictures, their masks, and so on.
        parts: What `places` gave for each of them.
        masks: For each record which thing each pixel of the layer belongs to, where things are pasted.
        layer: Which one.
        spread: Calls a function for every record of a list, on several threads.
    """

    def lay(row: int) -> None:
        for canvas, (outs, apart) in zip(canvases, parts, strict=True):
            part = outs[row]
            if row in apart and part is not None:
                canvas.lay(row, layer, part, masks[row])

    spread(lay, sorted({row for _, apart in parts for row in apart}))
