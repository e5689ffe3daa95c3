"""Records chosen by what they are, and classes weighed against one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_choice, fail
from imagefeed.errors import SourceError
from imagefeed.sources.base import Source
from imagefeed.sources.parts import Subset
from imagefeed.sources.split import check_seed
from imagefeed.targets import Numbers, Targets, named, renamed, take

Keep: TypeAlias = Sequence[bool] | NDArray[np.bool_] | Callable[[str, Any], bool]
To: TypeAlias = Literal["largest", "smallest"]


def subset(source: Source, indices: Any) -> Subset:
    """See `Source.subset`."""
    chosen = np.asarray(indices)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
        raise fail("subset(indices=)", indices, "expected a sequence of record numbers")
    if len(chosen) and not (chosen.min() >= 0 and chosen.max() < len(source)):
        worst = int(chosen.min() if chosen.min() < 0 else chosen.max())
        raise fail("subset(indices=)", worst, f"expected numbers from 0 to {len(source) - 1}")
    return Subset(source, chosen.astype(np.int64))


def filtered(source: Source, keep: Keep) -> Subset:
    """See `Source.filter`."""
    count = len(source)
    if callable(keep):
        indices = np.arange(count)
        keys, targets = source.keys(indices), source.targets(indices)
        chosen = np.array([bool(keep(keys[k], _one(targets, k))) for k in range(count)], bool)
    else:
        chosen = np.asarray(keep)
        if chosen.dtype != bool or chosen.shape != (count,):
            raise fail("filter(keep=)", keep, f"expected a function of key and target, or {count} times True or False")
    if not chosen.any():
        raise SourceError(f"filter leaves no record of {source!r}")
    return Subset(source, np.flatnonzero(chosen))


def class_weights(source: Source) -> NDArray[np.float32]:
    """See `Source.class_weights`."""
    counts = np.array(list(_counted(source, "class_weights").values()))
    if 0 in counts:
        empty = source.classes[int(np.argmin(counts))]
        raise SourceError(f"class_weights: class {empty!r} of {source!r} has no records; leave it out by map_labels")
    return (len(source) / (len(counts) * counts)).astype(np.float32)


def balanced(source: Source, *, to: To, seed: int) -> Subset:
    """See `Source.balanced`."""
    check_choice("balanced(to=)", to, ("largest", "smallest"))
    check_seed("balanced(seed=)", seed)
    _counted(source, "balanced")
    labels = source.class_indices(np.arange(len(source)))
    assert labels is not None  # _counted has seen to that
    members = [np.flatnonzero(labels == k) for k in range(len(source.classes))]
    members = [one for one in members if len(one)]
    size = (max if to == "largest" else min)(len(one) for one in members)
    generator = np.random.Generator(np.random.Philox(key=seed))
    chosen = [np.resize(generator.permutation(one), size) for one in members]  # every record before any comes again
    return Subset(source, np.sort(np.concatenate(chosen)))


def _counted(source: Source, what: str) -> dict[str, int]:
    if not source.classes or source.class_indices(np.zeros(0, np.int64)) is None:
        raise SourceError(f"{what}: every record needs one class, and those of {source!r} have none")
    return source.class_counts


def _one(targets: Targets, index: int) -> Any:
    """What goes with one record: a number or a row, or a `Target` for one picture; a dict of several."""
    found: dict[str, Any] = {}
    for name, one in named(take(targets, np.array([index]))).items():
        values: Any = one.values if isinstance(one, Numbers) else one
        found[name] = values[0] if isinstance(values, np.ndarray) else values
    return renamed(found, targets)
