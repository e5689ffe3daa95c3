"""Lists of different lengths, one for each picture, in one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import fail
from imagefeed.errors import SpecError
from imagefeed.targets.base import Ints


def flatten(where: str, values: Any, counts: Any, shape: tuple[int, ...], dtype: Any) -> tuple[NDArray[Any], Ints]:
    """One array (total, *shape) of what is given for each picture, and how many each has, int64 (n,).

    Args:
        where: What messages call it.
        values: A list with something array-like for each picture; or, with counts, all of it in one array.
        counts: int64 (n,), or None where `values` is a list.
        shape: Of one entry; -1 for any length.
        dtype: What to convert to.

    Raises:
        SpecError: Something has another shape, or the counts do not add up.
    """
    if counts is not None:
        flat, found = np.asarray(values), np.asarray(counts)
        if found.ndim != 1 or found.dtype.kind not in "iu" or found.sum() != len(flat) or (found < 0).any():
            raise fail(f"{where}.counts", counts, f"expected an integer for each picture, {len(flat)} altogether")
        _check(where, flat, shape)
        return flat.astype(dtype, copy=False), found.astype(np.int64, copy=False)
    parts = [np.asarray(value) for value in values]
    for k, part in enumerate(parts):
        if part.size:
            _check(f"{where}[{k}]", part, shape)
    full = next((part.shape[1:] for part in parts if part.size), tuple(max(extent, 0) for extent in shape))
    for k, part in enumerate(parts):
        if part.size and part.shape[1:] != full:
            raise fail(f"{where}[{k}]", f"shape {part.shape}", f"the first is of shape {('m', *full)}")
    filled = [part if part.size else np.zeros((0, *full)) for part in parts]
    flat = np.concatenate([np.zeros((0, *full)), *filled]).astype(dtype)
    return flat, np.array([len(part) for part in filled], np.int64)


def _check(where: str, part: NDArray[Any], shape: tuple[int, ...]) -> None:
    fits = part.ndim == 1 + len(shape) and all(
        want in (-1, have) for want, have in zip(shape, part.shape[1:], strict=True)
    )
    if not fits or part.dtype.kind not in "iufb":
        expected = ", ".join(["m", *("k" if extent < 0 else str(extent) for extent in shape)])
        raise fail(where, f"{part.dtype} of shape {part.shape}", f"expected numbers ({expected})")


def rows_of(counts: Ints) -> Ints:
    """Which picture each entry belongs to, int64 (total,)."""
    return np.repeat(np.arange(len(counts)), counts)


def entries_of(counts: Ints, rows: Ints) -> Ints:
    """The entries of the pictures at `rows`, one picture after another."""
    starts, lengths = (np.cumsum(counts) - counts)[rows], counts[rows]
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(starts, lengths) + within


def padded(flat: NDArray[Any], counts: Ints, most: int | None, fill: float, where: str) -> NDArray[Any]:
    """(n, most, *shape), with `fill` where a picture has fewer; `most` is by default what one of them has.

    Raises:
        SpecError: A picture has more than `most`.
    """
    largest = int(counts.max(initial=0))
    if most is not None and largest > most:
        raise fail(f"{where}.most", most, f"a picture has {largest}; raise it, or keep fewer")
    width = max(largest, 1) if most is None else most
    result = np.full((len(counts), width, *flat.shape[1:]), fill, flat.dtype)
    place = np.arange(len(flat)) - np.repeat(np.cumsum(counts) - counts, counts)
    result[rows_of(counts), place] = flat
    return result


def check_lengths(where: str, others: Sequence[tuple[str, Any]], total: int) -> None:
    """Raise SpecError unless every one of some named arrays has `total` entries."""
    for name, array in others:
        if len(array) != total:
            what = where.lower()
            raise SpecError(f"{where}.{name}: has {len(array)} entries; expected one for each of the {total} {what}")
