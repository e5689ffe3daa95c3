"""What transforms that sample share: the checks of how they do it, and the warps that cut out, lay in and resize."""

from __future__ import annotations

from typing import Any, get_args

from imagefeed.checks import check_bool, check_choice, check_number
from imagefeed.ops import Warp
from imagefeed.transforms.matrices import affine
from imagefeed.types import Array, Border, Interpolation, Namespace


def check_border(transform: Any) -> None:
    """Raise SpecError unless a transform's `border` and `fill` are right."""
    owner = type(transform).__name__
    check_choice(f"{owner}.border", transform.border, get_args(Border))
    check_number(f"{owner}.fill", transform.fill, 0, 255)


def check_sampling(transform: Any, kinds: Any = Interpolation) -> None:
    """Raise SpecError unless a transform's `interpolation` is one of a literal's, and its `antialias` is right."""
    owner = type(transform).__name__
    check_choice(f"{owner}.interpolation", transform.interpolation, get_args(kinds))
    check_bool(f"{owner}.antialias", transform.antialias)


def moved(transform: Any, top: Array, left: Array, size: Array, xp: Namespace) -> Warp:
    """The op of a transform with a border that puts (left, top) first, in whole pixels, and has a size (n or 1, 2)."""
    return Warp(
        matrix=affine(1.0, 0.0, left, 0.0, 1.0, top, xp),
        size=size,
        interpolation=None,
        border=transform.border,
        fill=float(transform.fill),
    )


def resized(transform: Any, y: Any, x: Any, size: Array, xp: Namespace, top: Any = 0.0, left: Any = 0.0) -> Warp:
    """The op of a transform with an interpolation: from (left, top) on, y rows and x columns of input for one."""
    return Warp(
        matrix=affine(x, 0.0, left, 0.0, y, top, xp),
        size=size,
        interpolation=transform.interpolation,
        border=None,
        antialias=transform.antialias,
    )
