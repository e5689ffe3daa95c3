"""What goes with a picture, and how it moves along.

A source gives, for some records, nothing (None), one target, or a dict of several by name. A target is an array with a
leading axis of the records, or a `Target`. A batch has the same structure, of plain arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.errors import SourceError
from imagefeed.targets.base import Ints, Plain, Target
from imagefeed.targets.boxes import Boxes, BoxFormat, MovingBoxes, unpad
from imagefeed.targets.keypoints import Keypoints, MovingKeypoints
from imagefeed.targets.labels import Label, MultiLabel, Numbers, Value
from imagefeed.targets.layers import Layers
from imagefeed.targets.motion import Bend, Cut, Motion, Move, Projection
from imagefeed.targets.pictures import Image, Mask, MaskKind, PictureTarget, instance_masks

__all__ = [
    "Bend",
    "BoxFormat",
    "Boxes",
    "Cut",
    "Image",
    "Keypoints",
    "Label",
    "Layers",
    "Mask",
    "MaskKind",
    "Motion",
    "Move",
    "Moving",
    "MovingBoxes",
    "MovingKeypoints",
    "MultiLabel",
    "Numbers",
    "PictureTarget",
    "Plain",
    "Projection",
    "Target",
    "TargetLike",
    "Targets",
    "Value",
    "checked",
    "instance_masks",
    "joined",
    "named",
    "renamed",
    "take",
    "unpad",
]

TargetLike: TypeAlias = Target | NDArray[Any]
"""One target for n records: an array with a leading axis of n is left alone and batched as it is."""

Targets: TypeAlias = TargetLike | dict[str, TargetLike] | None
"""All that goes with n records: nothing, one target, or several by name."""

Moving: TypeAlias = MovingBoxes | MovingKeypoints
"""A target on its way through a plan."""


def named(targets: Targets) -> dict[str, TargetLike]:
    """Targets by name; one that has no name is called ""."""
    if targets is None:
        return {}
    return dict(targets) if isinstance(targets, dict) else {"": targets}


def renamed(found: dict[str, Any], like: Targets) -> Any:
    """What `named` took apart, put together as `like` is: None, one thing, or a dict."""
    if like is None:
        return None
    return {name: found[name] for name in like} if isinstance(like, dict) else found[""]


def take(targets: Targets, rows: Ints) -> Targets:
    """The targets of the records at `rows`, int64 (m,), in that order."""
    if isinstance(targets, dict):
        return {name: _take(one, rows) for name, one in targets.items()}
    return None if targets is None else _take(targets, rows)


def joined(parts: Sequence[Targets]) -> Targets:
    """The targets of several groups of records, one group after another.

    Raises:
        SourceError: The groups have targets of different kinds or names.
    """
    every = [named(part) for part in parts]
    first = every[0]
    for other in every[1:]:
        if {k: type(v) for k, v in other.items()} != {k: type(v) for k, v in first.items()}:
            raise SourceError(f"targets differ: some records have {_shown(first)}, others {_shown(other)}")
    return renamed({name: _join([one[name] for one in every]) for name in first}, parts[0])


def checked(where: str, targets: Any, count: int) -> Targets:
    """What a person gave as targets of `count` records: lists become arrays.

    Raises:
        SourceError: Something is no target, or there is another number of it.
    """
    if targets is None:
        return None
    if isinstance(targets, dict):
        return {str(name): _checked(f"{where}[{name!r}]", one, count) for name, one in targets.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return _checked(where, targets, count)


def _checked(where: str, target: Any, count: int) -> TargetLike:
    result = target if isinstance(target, Target) else np.asarray(target)
    if isinstance(result, np.ndarray) and (result.ndim == 0 or result.dtype == object):
        raise SourceError(
            f"{where}: got {target!r}; expected an array with one entry for each record, or Boxes, Mask, Keypoints, ..."
        )
    if len(result) != count:
        raise SourceError(f"{where}: has {len(result)} entries; expected one for each of the {count} records")
    return result


def _take(target: TargetLike, rows: Ints) -> TargetLike:
    return target.take(rows) if isinstance(target, Target) else target[rows]


def _join(parts: Sequence[Any]) -> TargetLike:
    first, *others = parts
    return first.joined(others) if isinstance(first, Target) else np.concatenate(parts)


def _shown(one: dict[str, TargetLike]) -> str:
    kinds = [f"{name or 'one'}: {type(value).__name__}" for name, value in one.items()]
    return ", ".join(kinds) or "none"
