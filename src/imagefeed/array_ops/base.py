"""What the array ops share: sizes that may not be known yet, and the row of an op."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from imagefeed.ops import Blend, Normalize, Whiten
from imagefeed.types import Array, Namespace

T = TypeVar("T")


def dims(images: Array, xp: Namespace) -> tuple[Any, ...]:
    """The sizes of all axes. One that a graph does not know yet is a whole number of that graph."""
    shape = tuple(images.shape)
    return tuple(xp.shape(images)[k] if n is None else n for k, n in enumerate(shape)) if None in shape else shape


def namespace_of(array: Array, xp: Namespace) -> Namespace:
    """NumPy for what is known beforehand, whatever the pictures belong to: it is computed once, in float64."""
    return np if isinstance(array, np.ndarray) else xp


def _pass_row(one: Any, row: int) -> Any:
    warp = None if one.warp is None else row_of(one.warp, row)
    return type(one)(warp, tuple(row_of(op, row) for op in one.ops))


def row_of(op: T, row: int) -> T:
    """The op of one record: its arrays have a leading axis of 1."""
    if isinstance(op, Normalize | Whiten):  # all records share their arrays
        return op
    if isinstance(op, Blend):
        rows = tuple(tuple(_pass_row(one, row) for one in branch) for branch in op.branches)
        op = replace(op, branches=rows)
    arrays: dict[str, Any] = {f.name: getattr(op, f.name) for f in fields(op) if hasattr(getattr(op, f.name), "shape")}  # type: ignore[arg-type]
    return replace(op, **{name: a if a.shape[0] == 1 else a[row : row + 1] for name, a in arrays.items()})  # type: ignore[type-var]
