"""A source made of two parts: where the pictures are, and what goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.decode import Color
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints, Source
from imagefeed.sources.columns import Labeled
from imagefeed.sources.pictures import Pictures


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
        return f"{self._title[:-1]}, {self._summary()})"

    def names(self, indices: Ints) -> list[str]:
        return self.pictures.names(indices)

    def keys(self, indices: Ints) -> list[str]:
        return self.pictures.keys(indices)

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        return self.pictures.stage(records, indices)

    def read_ahead(self, indices: Ints) -> None:
        self.pictures.read_ahead(indices)

    def targets(self, indices: Ints) -> Any:
        found = {name: values[indices] for name, values in self._labeled.targets.items()}
        return None if not found else next(iter(found.values())) if len(found) == 1 else found

    def weights(self, indices: Ints) -> NDArray[np.float32] | None:
        return None if self._labeled.weights is None else self._labeled.weights[indices]

    def class_indices(self, indices: Ints) -> Ints | None:
        return None if self._labeled.class_indices is None else self._labeled.class_indices[indices]
