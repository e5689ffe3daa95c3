"""A source made of two parts: where the pictures are, and what goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.decode import Color
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints, Source
from imagefeed.sources.pictures import Pictures
from imagefeed.targets import Targets, take


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeled:
    """What goes with the pictures of a source.

    Attributes:
        targets: As `Source.targets` gives them, for every record.
        class_indices: The class of each record, int64 (n,); None where records have none, or several.
        classes: The names of the classes.
        sample_weights: How much each record counts in the loss, float32 (n,); None where all count alike.
    """

    targets: Targets = None
    class_indices: Ints | None = None
    classes: tuple[str, ...] = ()
    sample_weights: NDArray[np.float32] | None = None


class Listed(Source):
    """What `table`, `shards`, `hub` and the annotation formats return."""

    def __init__(self, pictures: Pictures, labeled: Labeled, *, color: Color, title: str) -> None:
        if not len(pictures):
            raise SourceError(f"{title}: holds no records")
        self.pictures = pictures
        self.classes = labeled.classes
        self.color = color
        self._labeled = labeled
        self._title = title

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        start = self._title if self._title.endswith("()") else f"{self._title[:-1]}, )"
        return f"{start[:-1]}{self._summary()})"

    def names(self, indices: Ints) -> list[str]:
        return self.pictures.names(indices)

    def keys(self, indices: Ints) -> list[str]:
        return self.pictures.keys(indices)

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        return self.pictures.stage(records, indices)

    def read_ahead(self, indices: Ints) -> None:
        self.pictures.read_ahead(indices)

    def targets(self, indices: Ints) -> Targets:
        return take(self._labeled.targets, indices)

    def sample_weights(self, indices: Ints) -> NDArray[np.float32] | None:
        return None if self._labeled.sample_weights is None else self._labeled.sample_weights[indices]

    def class_indices(self, indices: Ints) -> Ints | None:
        return None if self._labeled.class_indices is None else self._labeled.class_indices[indices]
