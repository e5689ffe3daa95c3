"""Which records are for training, which for validation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_choice, fail
from imagefeed.errors import SourceError
from imagefeed.sources.base import Source
from imagefeed.sources.parts import Subset

By: TypeAlias = Literal["random", "stratified", "group", "hash", "sorted"]
Groups: TypeAlias = Sequence[Hashable] | Callable[[str], Hashable]

_WAYS = ("random", "stratified", "group", "hash", "sorted")


def split(
    source: Source, *, validation: float, seed: int, by: By | None, groups: Groups | None
) -> tuple[Subset, Subset]:
    """Two subsets of a source; see `Source.split`."""
    if not 0 < validation < 1:
        raise fail("split(validation=)", validation, "expected a share above 0 and below 1")
    way = _way(source, "split", by, groups)
    check_seed("split(seed=)", seed)
    rank, size = _ranks(source, way, seed, groups)
    chosen = rank < np.where(size > 0, np.rint(size * validation) / np.maximum(size, 1), validation)
    if chosen.all() or not chosen.any():
        raise SourceError(
            f"a share of {validation} of {source!r} leaves one side without records; choose another share"
        )
    return Subset(source, np.flatnonzero(~chosen)), Subset(source, np.flatnonzero(chosen))


def folds(
    source: Source, count: int, *, seed: int, by: By | None, groups: Groups | None
) -> Iterator[tuple[Subset, Subset]]:
    """Pairs of subsets of a source; see `Source.folds`."""
    if not isinstance(count, int) or isinstance(count, bool) or count < 2:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise fail("folds(count=)", count, "expected an integer above 1")
    way = _way(source, "folds", by, groups)
    check_seed("folds(seed=)", seed)
    rank, _ = _ranks(source, way, seed, groups)
    fold = (rank * count).astype(np.int64)
    if len(np.unique(fold)) < count:
        raise SourceError(f"{count} folds of {source!r} leave one without records; ask for fewer")
    return (
        (Subset(source, np.flatnonzero(fold != k)), Subset(source, np.flatnonzero(fold == k))) for k in range(count)
    )


def check_seed(where: str, seed: Any) -> None:
    """Raise SpecError unless `seed` is an integer from 0 to 2**64 - 1."""
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**64:
        raise fail(where, seed, "expected an integer from 0 to 2**64 - 1")


def _way(source: Source, name: str, by: By | None, groups: Groups | None) -> By:
    """How to share out: what was asked for, if it can be done."""
    if by is None:
        by = "group" if groups is not None else "random" if source.class_indices(_NONE) is None else "stratified"
    check_choice(f"{name}(by=)", by, _WAYS)
    if by == "stratified" and source.class_indices(_NONE) is None:
        raise SourceError(f"{source!r} has no classes to stratify by; use by='random'")
    if by == "group" and groups is None:
        raise fail(f"{name}(groups=)", None, "by='group' needs the group of every record, or a function of its key")
    if groups is not None and by not in ("group", "hash"):
        raise fail(f"{name}(by=)", by, "groups are kept together by 'group' and 'hash'")
    return by


def _ranks(source: Source, by: By, seed: int, groups: Groups | None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Where each record stands in [0, 1), lowest first chosen; and of how many a whole number is to be chosen.

    Where that number is 0, whoever stands below the share is chosen, however many these are.
    """
    count = len(source)
    free = np.zeros(count, np.int64)
    if by == "sorted":
        return np.arange(count)[::-1] / count, np.full(count, count)
    if by == "hash":
        return _hashed(source.keys(np.arange(count)) if groups is None else _groups(source, groups), seed), free
    generator = np.random.Generator(np.random.Philox(key=seed))
    if by == "group" and groups is not None:
        return _by_group(_groups(source, groups), generator), free
    strata = source.class_indices(np.arange(count)) if by == "stratified" else None
    if strata is None:
        strata = np.zeros(count, np.int64)
    rank, size = np.empty(count), np.empty(count, np.int64)
    for stratum in np.unique(strata):
        members = generator.permutation(np.flatnonzero(strata == stratum))
        rank[members], size[members] = np.arange(len(members)) / len(members), len(members)
    return rank, size


def _by_group(groups: Sequence[Hashable], generator: np.random.Generator) -> NDArray[np.float64]:
    """Groups in a random order, each at the middle of the records that it takes."""
    numbers: dict[Hashable, int] = {}
    member = np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int64)
    order = generator.permutation(len(numbers))
    sizes = np.bincount(member, minlength=len(numbers))[order]
    middle = np.empty(len(numbers))
    middle[order] = (np.cumsum(sizes) - sizes / 2) / len(member)
    return middle[member]


def _hashed(keys: Sequence[Hashable], seed: int) -> NDArray[np.float64]:
    """The first 53 bits of the BLAKE2b digest (RFC 7693) of each key, keyed by the seed, as a number in [0, 1)."""
    secret = seed.to_bytes(8, "little")
    digests = b"".join(
        hashlib.blake2b(str(key).encode("utf-8", "surrogateescape"), digest_size=8, key=secret).digest() for key in keys
    )
    return (np.frombuffer(digests, "<u8") >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _groups(source: Source, groups: Groups) -> Sequence[Hashable]:
    found = [groups(key) for key in source.keys(np.arange(len(source)))] if callable(groups) else list(groups)
    if len(found) != len(source):
        raise SourceError(f"groups: got {len(found)} of them; expected one for each of the {len(source)} records")
    return found


_NONE = np.zeros(0, np.int64)
