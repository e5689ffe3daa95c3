"""A plan in the form that the native core runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imagefeed import _native
from imagefeed.errors import PlanError
from imagefeed.ops import Blend, ColorMatrix, Effect, Lut, Normalize, Remap, Warp, Whiten
from imagefeed.plan import Pass, Plan, Pointwise
from imagefeed.types import Dtype, Layout

# The numbers that the native enumerations give these names.
_INTERPOLATIONS = {None: 0, "nearest": 0, "box": 1, "bilinear": 2, "hamming": 3, "bicubic": 4, "lanczos": 5}
_BORDERS = {None: 0, "constant": 1, "replicate": 2, "reflect": 3, "wrap": 4}
_DTYPES: dict[Dtype, int] = {"uint8": 0, "float16": 1, "float32": 2, "bfloat16": 3}
_LAYOUTS: dict[Layout, int] = {"nhwc": 0, "nchw": 1}

PLAIN = Pass(None, ())
"""A pass that only stores what there is."""


def program(plan: Plan, *, color: bool, dtype: Dtype, layout: Layout) -> _native.Program:
    """The native program of a plan.

    Args:
        plan: For n records.
        color: Whether JPEGs are decoded to RGB, or else to gray.
        dtype: What is stored.
        layout: How it is stored.

    Raises:
        PlanError: An op of the plan has no native form.
    """
    result = store(plan.passes, len(plan.records), color=color, dtype=dtype, layout=layout)
    result.region(np.ascontiguousarray(plan.region), np.ascontiguousarray(plan.denominator))
    return result


def store(passes: Sequence[Pass], count: int, *, color: bool, dtype: Dtype, layout: Layout) -> _native.Program:
    """The native program of some passes over whole pictures; arguments as for `program`."""
    result = _native.Program(count, color)
    _add_passes(result, passes)
    _add_store(result, passes[-1].ops, dtype, layout)
    return result


def _add_passes(result: _native.Program, passes: Sequence[Pass]) -> None:
    for one in passes:
        result.begin_pass()
        if one.warp is not None:
            _add_warp(result, one.warp)
        for op in one.ops:
            match op:
                case ColorMatrix():
                    result.color_matrix(op.matrix, op.low, op.high, op.diagonal)
                case Lut():
                    result.lut(op.table)
                case Remap():
                    bilinear = op.interpolation == "bilinear"
                    result.remap(op.field, op.smooth, bilinear, _BORDERS[op.border], float(op.fill), op.active)
                case Blend():
                    _add_branches(result, op)
                case Effect():
                    op.add_to(result)
                case Normalize() | Whiten():
                    pass  # what is stored: they can only be the last ops


def _add_store(result: _native.Program, ops: Sequence[Pointwise], dtype: Dtype, layout: Layout) -> None:
    line = next((op for op in ops if isinstance(op, Normalize)), Normalize(scale=np.ones(1), bias=np.zeros(1)))
    for_channels = line.scale.ndim == 1
    scale, bias = (line.scale.tolist(), line.bias.tolist()) if for_channels else ([1.0], [0.0])
    result.store(_DTYPES[dtype], _LAYOUTS[layout], scale, bias, line.reverse)
    if not for_channels:
        # The native core multiplies planes, before they are put in their order.
        arrays = [array[..., ::-1] if line.reverse else array for array in (line.scale, line.bias)]
        scales, biases = (np.ascontiguousarray(array.transpose(2, 0, 1)) for array in arrays)
        result.store_each(scales, biases)
    for op in ops:
        if isinstance(op, Whiten):
            result.whiten(op.analysis, op.synthesis, op.rest)


def _add_warp(result: _native.Program, warp: Warp) -> None:
    if warp.size is None:
        raise PlanError("a warp was not given a size before it was to be run")
    fill = [float(warp.fill)]
    result.warp(
        warp.matrix,
        warp.size,
        _INTERPOLATIONS[warp.interpolation],
        _BORDERS[warp.border],
        fill,
        warp.antialias,
    )


def _add_branches(result: _native.Program, op: Blend) -> None:
    result.fork(op.weights)
    for k, branch in enumerate(op.branches):
        _add_passes(result, branch)
        result.join(k + 1, op.weights, k + 1 == len(op.branches))
