"""Sources that are made of others: some of the records, several sources as one, other names for the classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.checks import fail
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints, Source
from imagefeed.stored import LevelsDtype
from imagefeed.targets import Label, MultiLabel, Numbers, Targets, joined, named, take


class Subset(Source):
    """Some records of another source, in a given order; a record may stand in it several times."""

    def __init__(self, source: Source, indices: Ints) -> None:
        self.source = source
        self.indices = np.ascontiguousarray(indices, np.int64)
        self.indices.setflags(write=False)
        self.classes = source.classes
        self.color = source.color
        self.in_memory = source.in_memory

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"Subset({self._summary()})"

    @property
    def channels(self) -> int:
        return self.source.channels

    @property
    def levels_dtype(self) -> LevelsDtype:
        return self.source.levels_dtype

    def names(self, indices: Ints) -> list[str]:
        return self.source.names(self.indices[indices])

    def keys(self, indices: Ints) -> list[str]:
        return self.source.keys(self.indices[indices])

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        return self.source.stage(records, self.indices[indices])

    def targets(self, indices: Ints) -> Targets:
        return self.source.targets(self.indices[indices])

    def sample_weights(self, indices: Ints) -> NDArray[np.float32] | None:
        return self.source.sample_weights(self.indices[indices])

    def class_indices(self, indices: Ints) -> Ints | None:
        return self.source.class_indices(self.indices[indices])


class Relabeled(Subset):
    """The records of another source with other classes."""

    def __init__(self, source: Source, indices: Ints, classes: tuple[str, ...], becomes: Ints) -> None:
        super().__init__(source, indices)
        self.classes = classes
        self._becomes = becomes  # the new number of each old class; -1 for one that is left out

    def __repr__(self) -> str:
        return f"Relabeled({self._summary()})"

    def targets(self, indices: Ints) -> Targets:
        targets = super().targets(indices)
        old = _label_values(targets)
        assert old is not None  # `relabel` has seen to that
        if old.ndim == 1:
            new = self._becomes[old.astype(np.int64)].astype(old.dtype)
            return Label(new, classes=len(self.classes)) if isinstance(targets, Label) else new
        new = np.zeros((len(old), len(self.classes)), old.dtype)
        for k, number in enumerate(self._becomes.tolist()):
            if number >= 0:
                new[:, number] = np.maximum(new[:, number], old[:, k])
        return MultiLabel(new) if isinstance(targets, MultiLabel) else new

    def class_indices(self, indices: Ints) -> Ints | None:
        old = super().class_indices(indices)
        return None if old is None else self._becomes[old]


class Concat(Source):
    """The records of several sources, one source after another."""

    def __init__(self, sources: Sequence[Source]) -> None:
        if not sources:
            raise SourceError("concat: expected at least one source, got none")
        first = sources[0]
        for number, source in enumerate(sources[1:], 1):
            _check_alike(first, source, number)
        self.sources = tuple(sources)
        self.classes = first.classes
        self.color = first.color
        self.in_memory = all(source.in_memory for source in sources)
        self._ends: Ints = np.cumsum([len(source) for source in sources], dtype=np.int64)
        self._starts: Ints = self._ends - np.array([len(source) for source in sources], np.int64)
        self._weighted = any(source.sample_weights(np.zeros(0, np.int64)) is not None for source in sources)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __repr__(self) -> str:
        return f"Concat({len(self.sources)} sources, {self._summary()})"

    @property
    def channels(self) -> int:
        return self.sources[0].channels

    @property
    def levels_dtype(self) -> LevelsDtype:
        return self.sources[0].levels_dtype

    def names(self, indices: Ints) -> list[str]:
        return self._each(indices, lambda source, inside: source.names(inside))

    def keys(self, indices: Ints) -> list[str]:
        return self._each(indices, lambda source, inside: source.keys(inside))

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        paths = [""] * len(indices)
        for source, places, inside in self._parts(indices):
            part = _native.Records(len(places))
            for place, path in zip(places.tolist(), source.stage(part, inside), strict=False):  # none: all are filled
                paths[place] = path
            records.adopt(part, places)
        return paths

    def targets(self, indices: Ints) -> Targets:
        parts = self._parts(indices)
        if not parts:
            return self.sources[0].targets(indices)
        together = joined([source.targets(inside) for source, _, inside in parts])
        return take(together, np.argsort(np.concatenate([places for _, places, _ in parts])))

    def sample_weights(self, indices: Ints) -> NDArray[np.float32] | None:
        if not self._weighted:
            return None
        made = np.ones(len(indices), np.float32)  # the weight of a record that has none
        for source, places, inside in self._parts(indices):
            if (weights := source.sample_weights(inside)) is not None:
                made[places] = weights
        return made

    def class_indices(self, indices: Ints) -> Ints | None:
        if self.sources[0].class_indices(np.zeros(0, np.int64)) is None:
            return None
        made = np.empty(len(indices), np.int64)
        for source, places, inside in self._parts(indices):
            if (found := source.class_indices(inside)) is not None:  # as those of the first are not
                made[places] = found
        return made

    def _parts(self, indices: Ints) -> list[tuple[Source, Ints, Ints]]:
        """Each source that holds some of the records, their places among `indices`, and their indices inside it."""
        owner = np.searchsorted(self._ends, indices, side="right")
        found: list[tuple[Source, Ints, Ints]] = []
        for number, source in enumerate(self.sources):
            places: Ints = np.flatnonzero(owner == number).astype(np.int64)
            if len(places):
                found.append((source, places, indices[places] - self._starts[number]))
        return found

    def _each(self, indices: Ints, ask: Callable[[Source, Ints], list[str]]) -> list[str]:
        answers = [""] * len(indices)
        for source, places, inside in self._parts(indices):
            for place, answer in zip(places.tolist(), ask(source, inside), strict=True):
                answers[place] = answer
        return answers


def concat(*sources: Source) -> Concat:
    """Several sources as one, one after another. They must have the same classes, color and kind of targets.

        >>> from imagefeed import concat
        >>> train, val = photos.split(validation=0.5)
        >>> concat(train, val)
        Concat(2 sources, 12 records: cats 6, dogs 6)

    Args:
        *sources: One or more. Where some have weights and others have none, those weigh 1.

    Raises:
        SourceError: They do not fit together; `map_labels` gives classes other names.
    """
    return Concat(sources)


def relabel(source: Source, names: Mapping[str, str | None] | Callable[[str], str | None]) -> Relabeled:
    """See `Source.map_labels`."""
    if not source.classes:
        raise SourceError(f"{source!r} has no classes that could be given other names")
    chosen: list[str | None]
    if not callable(names):
        if unknown := sorted(set(names) - set(source.classes)):
            raise fail("map_labels(names=)", unknown[0], f"expected classes of the source: {', '.join(source.classes)}")
        chosen = [names.get(one, one) for one in source.classes]
    else:
        chosen = [names(one) for one in source.classes]
    for old, new in zip(source.classes, chosen, strict=True):
        if new is not None and not isinstance(new, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise fail("map_labels(names=)", new, f"expected a name for {old!r}, or None to leave it out")
    classes = tuple(dict.fromkeys(new for new in chosen if new is not None))
    numbers = {name: k for k, name in enumerate(classes)}
    becomes = np.array([-1 if new is None else numbers[new] for new in chosen], np.int64)
    indices = np.arange(len(source))
    _check_labels(source)
    if (old := source.class_indices(indices)) is not None:
        indices = indices[becomes[old] >= 0]
    if not classes or not len(indices):
        raise SourceError(f"map_labels leaves no record of {source!r}; give at least one class a name")
    return Relabeled(source, indices, classes, becomes)


def _check_labels(source: Source) -> None:
    values = _label_values(source.targets(np.zeros(0, np.int64)))
    if values is None or values.ndim > 2 or (values.ndim == 2 and values.shape[1] != len(source.classes)):
        raise SourceError(f"map_labels: the targets of {source!r} are not the numbers or rows of its classes")


def _label_values(targets: Targets) -> NDArray[Any] | None:
    """The numbers or rows of classes that targets are; None if they are something else."""
    if isinstance(targets, Label | MultiLabel):
        return targets.values
    return targets if isinstance(targets, np.ndarray) else None


def _check_alike(first: Source, other: Source, number: int) -> None:
    for what in ("classes", "color", "channels", "levels_dtype"):
        ours, theirs = getattr(first, what), getattr(other, what)
        if ours != theirs:
            hint = "; give its classes the same names by map_labels" if what == "classes" else ""
            raise SourceError(f"concat: sources[{number}] has {what} {theirs!r}, but sources[0] has {ours!r}{hint}")
    none = np.zeros(0, np.int64)
    kinds = [_kind(source.targets(none)) for source in (first, other)]
    if kinds[0] != kinds[1]:
        raise SourceError(f"concat: sources[{number}] has {kinds[1]} for targets, but sources[0] has {kinds[0]}")


def _kind(targets: Targets) -> str:
    """What targets are, for the comparison with others and for messages."""
    kinds: list[str] = []
    for name, one in named(targets).items():
        shape: tuple[int, ...] = np.shape(one.values) if isinstance(one, Numbers) else getattr(one, "shape", ())
        rows = f" of rows {shape[1:]}" if len(shape) > 1 else ""
        kinds.append(f"{name}: " * bool(name) + type(one).__name__ + rows)
    return ", ".join(kinds) or "nothing"
