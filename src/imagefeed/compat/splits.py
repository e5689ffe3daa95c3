"""Which pictures are for training and which for validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from imagefeed.compat.generator import ImageDataGenerator

Ints = NDArray[np.int64]


def check_subset(subset: str) -> None:
    """Raise ValueError for the name of a subset that is none."""
    if subset not in ("training", "validation"):
        raise ValueError(f'Invalid subset name: {subset}; expected "training" or "validation".')


def ordered_split(count: int, share: float, subset: str) -> Ints:
    """As Keras splits: the first pictures are for validation."""
    first = int(count * share)
    return np.arange(first) if subset == "validation" else np.arange(first, count)


def shuffled_split(groups: Sequence[Any] | NDArray[Any], share: float, subset: str) -> Ints:
    """The same share of every group, chosen at random but always the same.

    Args:
        groups: The class of every picture.
        share: Of the validation subset.
        subset: "training" or "validation".
    """
    random = np.random.RandomState(0)
    _, members = np.unique(np.asarray(groups), return_inverse=True)
    chosen = np.zeros(len(members), bool)
    for group in range(int(members.max(initial=-1)) + 1):
        own = random.permutation(np.flatnonzero(members == group))
        chosen[own[: round(len(own) * share)]] = True
    return np.flatnonzero(chosen if subset == "validation" else ~chosen)


def split_arrays(
    generator: ImageDataGenerator, count: int, y: NDArray[Any] | None, subset: str, *, ignore_class_split: bool
) -> Any:
    """What of n pictures belongs to a subset: a slice, or indices in mode "fixed".

    Raises:
        ValueError: The subsets have different numbers of classes.
    """
    if generator.mode == "fixed":
        return shuffled_split(_groups(count, y), generator.validation_split, subset)
    first = int(count * generator.validation_split)
    if y is not None and not ignore_class_split and len(np.unique(y[:first])) != len(np.unique(y[first:])):
        raise ValueError(
            "Training and validation subsets have different number of classes after the split. If your numpy arrays "
            "are sorted by the label, you might want to shuffle them."
        )
    return slice(0, first) if subset == "validation" else slice(first, count)


def _groups(count: int, y: NDArray[Any] | None) -> NDArray[Any]:
    """The class of every picture, where targets are class numbers or one-hot rows; else one group."""
    if y is None or y.dtype.kind not in "iufb":
        return np.zeros(count, np.int64)
    if y.ndim == 2 and y.shape[1] > 1 and np.array_equal(y.sum(axis=1), np.ones(count)):
        return np.argmax(y, axis=1)
    flat = y.reshape(count, -1)
    return (
        flat[:, 0] if flat.shape[1] == 1 and len(np.unique(flat)) <= max(2, count // 2) else np.zeros(count, np.int64)
    )
