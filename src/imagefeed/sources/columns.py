"""Columns of labels and numbers, as the targets of records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import fail
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints
from imagefeed.sources.listed import Labeled
from imagefeed.targets import Label, MultiLabel, TargetLike, Value

Wanted: TypeAlias = str | Sequence[str] | None
"""The name of a column, of several, or none."""

Classes: TypeAlias = Sequence[str] | Mapping[str, Sequence[str]] | None
"""The classes of the labels, or of each column of labels; found in the column where they are not given."""

Read: TypeAlias = Callable[[str], list[Any]]
"""The values of a column; raises KeyError where there is none of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns become which targets.

    One column is the target itself; several become a dict by the columns' names.

    Attributes:
        label: Columns with one class for each record: names, or numbers from 0.
        multi_label: Columns with several classes: lists of names or numbers, or text with a separator in between.
        value: Columns with numbers, or lists of numbers, all of one length.
        weight: A column that says how much each record counts in the loss.
        classes: The classes of the labels.
        separator: What stands between the names of a multi-label text.
    """

    label: Wanted = None
    multi_label: Wanted = None
    value: Wanted = None
    weight: str | None = None
    classes: Classes = None
    separator: str = " "

    @property
    def names(self) -> list[str]:
        """Every column that is needed."""
        every = [*_several(self.label), *_several(self.multi_label), *_several(self.value), *_several(self.weight)]
        if doubled := [name for name in every if every.count(name) > 1]:
            raise fail("columns", doubled[0], "is asked for twice; give every column one role")
        return every

    def read(self, read: Read, where: str) -> Labeled:
        """The targets.

        Args:
            read: Gives the values of a column.
            where: What messages call the whole.

        Raises:
            SourceError: There is no such column, a value is missing, or it is of the wrong kind.
        """
        targets: dict[str, TargetLike] = {}
        class_indices: Ints | None = None
        classes: list[tuple[str, ...]] = []
        weights: NDArray[np.float32] | None = None
        for name in self.names:
            place = f"{where}: column {name!r}"
            try:
                values = read(name)
            except KeyError:
                raise SourceError(f"{where}: has no column {name!r}") from None
            if name in _several(self.label):
                found, names = labels(values, self._classes(name), place)
                targets[name] = Label(found, classes=len(names))
                class_indices = found if class_indices is None else class_indices
                classes.append(names)
            elif name in _several(self.multi_label):
                rows, names = multi_labels(values, self._classes(name), place, self.separator)
                targets[name] = MultiLabel(rows)
                classes.append(names)
            elif name == self.weight:
                weights = sample_weights(values, place)
            else:
                targets[name] = Value(numbers(values, place))
        return Labeled(
            targets=next(iter(targets.values())) if len(targets) == 1 else targets or None,
            class_indices=class_indices,
            classes=classes[0] if classes else (),
            sample_weights=weights,
        )

    def _classes(self, name: str) -> Sequence[str] | None:
        return self.classes.get(name) if isinstance(self.classes, Mapping) else self.classes


def labels(values: Sequence[Any], classes: Sequence[str] | None, where: str) -> tuple[Ints, tuple[str, ...]]:
    """The class number of each value, int64 (n,), and the names of the classes.

    Names are numbered as `classes` says, or else in sorted order. Numbers are kept; they count from 0.

    Raises:
        SourceError: A value is missing, of the wrong kind, or no class.
    """
    found = [_plain(value) for value in values]
    _refuse_missing(found, where)
    kinds: set[type[Any]] = {type(value) for value in found}
    if kinds <= {int, bool}:
        known = range(len(classes)) if classes is not None else range(max(found, default=-1) + 1)
        names = tuple(map(str, known)) if classes is None else tuple(classes)
        _refuse_unknown(found, known, where, f"class numbers from 0 to {len(names) - 1}")
        return np.array(found, np.int64), names
    if kinds == {str}:
        names = tuple(sorted(set(found))) if classes is None else tuple(classes)
        place = {name: k for k, name in enumerate(names)}
        _refuse_unknown(found, place, where, f"one of the classes {_few(names)}")
        return np.array([place[value] for value in found], np.int64), names
    wrong = next(k for k, value in enumerate(found) if not isinstance(value, str))
    raise SourceError(f"{where}, row {wrong}: got {found[wrong]!r}; expected class names, or class numbers from 0")


def multi_labels(
    values: Sequence[Any], classes: Sequence[str] | None, where: str, separator: str
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """A row of zeros and ones for each value, float32 (n, classes), and the names of the classes.

    A value that is missing or empty is a record without any of the classes.

    Raises:
        SourceError: A value is no list or text, or names what is no class.
    """
    lists = [_listed(value, separator, f"{where}, row {k}") for k, value in enumerate(values)]
    flat, names = labels([one for several in lists for one in several], classes, where)
    rows = np.zeros((len(lists), len(names)), np.float32)
    rows[np.repeat(np.arange(len(lists)), [len(several) for several in lists]), flat] = 1
    return rows, names


def numbers(values: Sequence[Any], where: str) -> NDArray[np.float32]:
    """Numbers, float32 (n,), or lists of k numbers, float32 (n, k).

    Raises:
        SourceError: A value is missing or no number, or the lists have several lengths.
    """
    found = [_plain(value) for value in values]
    _refuse_missing(found, where)
    lengths = {len(value) if isinstance(value, list | tuple) else -1 for value in found}  # pyright: ignore[reportUnknownArgumentType]
    if len(lengths) > 1:
        raise SourceError(f"{where}: holds lists of several lengths; expected as many numbers in every row")
    try:
        return np.array(found, np.float32)
    except (TypeError, ValueError):
        wrong = next(k for k, value in enumerate(found) if not _is_numeric(value))
        raise SourceError(f"{where}, row {wrong}: got {found[wrong]!r}; expected numbers") from None


def sample_weights(values: Sequence[Any], where: str) -> NDArray[np.float32]:
    """Weights, float32 (n,): none negative.

    Raises:
        SourceError: A value is missing, no number, or negative.
    """
    found = numbers(values, where)
    if found.ndim != 1 or (found < 0).any() or not np.isfinite(found).all():
        raise SourceError(f"{where}: expected one finite number of at least 0 for every record")
    return found


def _several(wanted: Wanted) -> list[str]:
    return [] if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)


def _plain(value: Any) -> Any:
    """A scalar or array of NumPy as Python's own; a number that is not one (NaN) as None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    elif hasattr(value, "to_list"):  # a series inside a frame
        value = value.to_list()
    return None if isinstance(value, float) and math.isnan(value) else value


def _listed(value: Any, separator: str, where: str) -> list[Any]:
    value = _plain(value)
    if value is None:
        return []
    if isinstance(value, str):
        return [part for part in value.split(separator) if part]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    raise SourceError(f"{where}: got {value!r}; expected a list of labels, or text with {separator!r} between them")


def _is_numeric(value: Any) -> bool:
    try:
        np.array(value, np.float32)
    except (TypeError, ValueError):
        return False
    return True


def _refuse_missing(values: Sequence[Any], where: str) -> None:
    missing = [k for k, value in enumerate(values) if value is None]
    if missing:
        raise SourceError(
            f"{where}: has no value in {len(missing)} of {len(values)} rows, the first is row {missing[0]}; "
            "fill it, or leave these rows out"
        )


def _refuse_unknown(values: Sequence[Any], known: Any, where: str, expected: str) -> None:
    for k, value in enumerate(values):
        if value not in known:
            raise SourceError(f"{where}, row {k}: got {value!r}; expected {expected}")


def _few(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:8]) + (f", … {len(every) - 8} more" if len(every) > 8 else "")
