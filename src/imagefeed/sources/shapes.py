"""Outlines of things, and masks that are painted from them when a picture's turn comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.errors import DecodeError, SourceError
from imagefeed.sources.base import Ints

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """The pixels of a thing as COCO lists them: column by column, how many in a row are outside, inside, outside, ...

    Attributes:
        lengths: int64 (k,), the first is of pixels outside.
        size: (height, width) of the picture.
    """

    lengths: Ints
    size: tuple[int, int]

    def mask(self) -> NDArray[np.bool_]:
        """Which pixels are inside, bool (height, width)."""
        inside = np.arange(len(self.lengths)) % 2 == 1
        return np.repeat(inside, self.lengths).reshape(self.size[::-1]).T


@dataclass(frozen=True, slots=True, eq=False)
class Polygons:
    """The outline of a thing: the areas of its polygons are joined.

    Attributes:
        points: x and y of all corners, float32 (p, 2).
        ends: Where the corners of each polygon end, int64 (polygons,).
    """

    points: Floats
    ends: Ints


class Shapes:
    """The outlines of very many things, in a few arrays.

    Args:
        outlines: Of each thing its polygons, each a list x, y, x, y, ..., or COCO's runs: {"counts": ..., "size": ...}.
        name: What messages call a thing.

    Raises:
        SourceError: An outline is something else.
    """

    def __init__(self, outlines: Sequence[Any], name: Callable[[int], str]) -> None:
        outline: Any
        parts: list[Sequence[float]] = []
        counts = np.zeros(len(outlines), np.int64)
        self._runs: dict[int, Runs] = {}
        for k, outline in enumerate(outlines):
            if isinstance(outline, dict):
                found = cast("dict[str, Any]", outline)
                self._runs[k] = runs(found.get("counts"), found.get("size"), name(k))
            elif _are_polygons(outline):
                parts += outline
                counts[k] = len(outline)
            else:
                raise SourceError(f"{name(k)}: expected polygons of at least three corners: lists of x, y, x, y, ...")
        lengths = np.array([len(part) for part in parts], np.int64)
        try:
            flat = np.fromiter(chain.from_iterable(parts), np.float32, count=int(lengths.sum()))
        except (TypeError, ValueError) as error:
            raise SourceError(f"{name(0)} and on: a corner of a polygon is no number ({error})") from error
        if not np.isfinite(flat).all():
            raise SourceError(f"{name(0)} and on: a corner of a polygon is not finite")
        self._points = flat.reshape(-1, 2)
        self._part_ends = np.cumsum(lengths // 2)
        self._ends = np.cumsum(counts)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> Polygons | Runs:
        if index in self._runs:
            return self._runs[index]
        last, first = int(self._ends[index]), int(self._ends[index - 1]) if index else 0
        begin = int(self._part_ends[first - 1]) if first else 0
        ends = self._part_ends[first:last]
        return Polygons(self._points[begin : int(ends[-1])], ends - begin)

    def areas(self) -> NDArray[np.float64]:
        """How large each thing is, in the unit of its points, float64 (things,). Overlaps of its parts count twice."""
        result = np.zeros(len(self))
        if len(self._points):
            x, y = self._points.astype(np.float64).T
            after = np.arange(1, len(x) + 1)
            starts = np.concatenate([np.zeros(1, np.int64), self._part_ends[:-1]])
            after[self._part_ends - 1] = starts
            parts = np.abs(np.add.reduceat(x * y[after] - x[after] * y, starts)) / 2  # the shoelace formula
            owner = np.repeat(np.arange(len(self)), np.diff(self._ends, prepend=0))
            result += np.bincount(owner, parts, minlength=len(self))
        for k, one in self._runs.items():
            result[k] = one.lengths[1::2].sum()
        return result


def runs(counts: Any, size: Any, where: str) -> Runs:
    """A thing of listed pixels: COCO's lists of run lengths, plain or as text.

    Raises:
        SourceError: They do not fill the picture.
    """
    try:
        height, width = (int(one) for one in size)
        lengths = _from_text(counts) if isinstance(counts, str | bytes) else np.asarray(counts, np.int64)
        fits = lengths.ndim == 1 and (lengths >= 0).all() and lengths.sum() == height * width
    except (TypeError, ValueError, OverflowError, IndexError):
        fits, lengths, height, width = False, np.zeros(0, np.int64), 0, 0
    if not fits:
        raise SourceError(f"{where}: the run lengths of a mask do not fill its size {size!r}")
    return Runs(lengths, (height, width))


def _are_polygons(outline: Any) -> TypeGuard[list[list[float]]]:
    if not isinstance(outline, list) or not outline:
        return False
    parts = cast("list[list[float]]", outline)
    return all(isinstance(part, list) and len(part) >= 6 and len(part) % 2 == 0 for part in parts)  # pyright: ignore[reportUnnecessaryIsInstance]


def _from_text(text: str | bytes) -> Ints:
    """Run lengths from COCO's text: six bits a character, the lowest five of them part of a number, the sixth says that
    more follow. From the fourth number on each is the difference to the last but one.
    """
    data = text.encode() if isinstance(text, str) else text
    found: list[int] = []
    place = 0
    while place < len(data):
        value = shift = 0
        while True:
            six = data[place] - 48
            place += 1
            value |= (six & 31) << shift
            shift += 5
            if not six & 32:
                break
        if six & 16:  # negative
            value -= 1 << shift
        found.append(value + found[-2] if len(found) > 2 else value)
    return np.array(found, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """A mask that is painted from the things in a picture: called with its height and width, by `Mask`.

    Attributes:
        shapes: The things, from the hindmost to the foremost.
        numbers: What their pixels become, uint8 (things,).
        size: (height, width) that their file says the picture has; None where it says nothing.
        normalized: Whether corners are shares of the picture's width and height, or pixels.
        name: What messages call the picture.
    """

    shapes: tuple[Polygons | Runs, ...]
    numbers: NDArray[np.uint8]
    size: tuple[int, int] | None
    normalized: bool
    name: str

    def __call__(self, height: int, width: int) -> NDArray[np.uint8]:
        """The mask, uint8 (height, width).

        Raises:
            DecodeError: The things are those of a picture of another size.
        """
        said = {one.size for one in self.shapes if isinstance(one, Runs)}
        if self.size is not None:
            said.add(self.size)
        if other := said - {(height, width)}:
            shown = " and ".join(f"{h}x{w}" for h, w in sorted(other))
            raise DecodeError(self.name, f"is {height}x{width}, but its annotations are of a picture of {shown}")
        result = np.zeros((height, width), np.uint8)
        scale = np.array((width, height) if self.normalized else (1, 1), np.float32)
        for shape, number in zip(self.shapes, self.numbers, strict=True):
            if isinstance(shape, Runs):
                result[shape.mask()] = number
            else:
                numbers = np.full(len(shape.ends), number, np.uint8)
                _native.fill_polygons(result, shape.points * scale, shape.ends, numbers)
        return result


class PaintedMasks(Sequence[Painted]):
    """The masks of all records of a source, each put together when it is asked for.

    Large things lie behind small ones, and what has no certain outline (a crowd) behind all.

    Args:
        shapes: Of all things, those of a record together.
        numbers: What the pixels of each become, uint8 (things,).
        counts: How many things each record has, int64 (n,).
        behind: Whether each thing is one of no certain outline, bool (things,).
        sizes: As for `Painted`, of each record.
        normalized: As for `Painted`.
        names: What messages call each record.
    """

    def __init__(
        self,
        shapes: Shapes,
        numbers: NDArray[np.uint8],
        counts: Ints,
        *,
        behind: NDArray[np.bool_],
        sizes: Sequence[tuple[int, int] | None],
        normalized: bool = False,
        names: Sequence[str],
    ) -> None:
        owner = np.repeat(np.arange(len(counts)), counts)
        self._order = np.lexsort((-shapes.areas(), ~behind, owner))
        self._shapes = shapes
        self._numbers = numbers
        self._ends = np.cumsum(counts)
        self._counts = counts
        self._sizes = sizes
        self._normalized = normalized
        self._names = names

    def __len__(self) -> int:
        return len(self._counts)

    def __getitem__(self, index: int) -> Painted:  # pyright: ignore[reportIncompatibleMethodOverride]
        end = int(self._ends[index])
        begin = end - int(self._counts[index])
        things = self._order[begin:end]
        shapes = tuple(self._shapes[k] for k in things.tolist())
        return Painted(shapes, self._numbers[things], self._sizes[index], self._normalized, self._names[index])
