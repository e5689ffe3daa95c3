"""What is done to one record, in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from imagefeed.ops import ColorMatrix, Effect, Host, Lut, Mix, Normalize, Op, Warp, Whiten
from imagefeed.transforms.base import Drawn, Transform

# Of longer values, such as the candidates of a crop, the first and last are enough.
MOST_SHOWN = 8


def step_words(number: int, transform: Transform, drawn: Drawn, row: int) -> str:
    """One line: the step and what it drew for one record."""
    values = ", ".join(f"{name} {_value(value[row])}" for name, value in vars(drawn).items())
    return f"steps[{number}] {transform!r}" + (f": {values}" if values else "")


def op_words(op: Op, row: int) -> str:
    """One line: what an op does to one record."""
    match op:
        case Warp():
            return _warp_words(op, row)
        case ColorMatrix():
            return f"color matrix {_rows(_at(op.matrix, row))}"
        case Lut():
            return "table of levels"
        case Normalize():
            order = "red and blue exchanged, " if op.reverse else ""
            return f"{order}value * {_value(op.scale)} + {_value(op.bias)}"
        case Whiten():
            return f"whitening by {op.analysis.shape[1]} of {op.analysis.shape[0]} directions"
        case Effect():
            return _effect_words(op, row)
        case Host():
            return f"Python function {getattr(op.function, '__qualname__', op.function)}"


def _effect_words(op: Effect, row: int) -> str:
    if op.active is not None and not _at(op.active, row):
        return f"{type(op).__name__.lower()}: not here"
    values = ", ".join(f"{name} {_value(_at(getattr(op, name), row))}" for name in op.DTYPES)
    return f"{type(op).__name__.lower()}: {values}"


def mix_words(mix: Mix, row: int) -> str:
    """One line: how the pictures of one record and its partners become one."""
    layers = [
        f"{weight:.3g} of rows {y0} to {y1}, columns {x0} to {x1}"
        for (y0, x0, y1, x1), weight in zip(mix.place[row].tolist(), mix.weight[row].tolist(), strict=True)
    ]
    height, width = mix.size[row]
    return f"mix {len(layers)} pictures to {height}x{width}: " + "; ".join(layers)


def _warp_words(warp: Warp, row: int) -> str:
    height, width = _at(warp.size, row)
    kind = warp.interpolation or "whole pixels"
    if warp.antialias and warp.interpolation not in (None, "nearest"):
        kind += ", antialiased"
    outside = f"{warp.fill:g}" if warp.border == "constant" else warp.border
    border = f"{outside} outside" if outside else "stays inside"
    return f"warp to {height}x{width} ({kind}; {border}) by {_rows(_at(warp.matrix, row))}"


def _at(array: Any, row: int) -> Any:
    """A record's own entry, or the one that all share."""
    return array[row if len(array) > 1 else 0]


def _rows(matrix: Any) -> str:
    return "[" + "; ".join(" ".join(f"{entry:.6g}" for entry in row) for row in matrix) + "]"


def _value(value: Any) -> str:
    array = np.asarray(value)
    flat = [str(entry) if array.dtype == np.bool_ else f"{entry:.6g}" for entry in array.ravel()]
    if len(flat) == 1:
        return flat[0]
    shown = flat if len(flat) <= MOST_SHOWN else [*flat[:2], "…", flat[-1]]
    return f"({', '.join(shown)})"
