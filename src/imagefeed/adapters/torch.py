"""A pipeline as a torch module."""

# The framework's classes are the bases of those here, and nothing is known of their types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from importlib import import_module
from typing import Any

import numpy as np

from imagefeed.errors import SpecError
from imagefeed.inmodel import InFramework, Prepared
from imagefeed.pipeline import Pipeline
from imagefeed.plan import Pass
from imagefeed.types import Array, Layout, Size

torch: Any = import_module("torch")

# Names of the array API standard that torch has under the same name, with the same meaning for tensors.
SAME = frozenset(
    [
        "abs",
        "cos",
        "exp",
        "flip",
        "floor",
        "ceil",
        "full_like",
        "log",
        "log2",
        "matmul",
        "ones_like",
        "round",
        "sign",
        "sin",
        "sqrt",
        "square",
        "tan",
        "tanh",
        "where",
        "zeros_like",
        "reshape",
        "stack",
        "isnan",
        "expm1",
        "int32",
        "int64",
        "float32",
        "uint8",
        "int8",
        "bool",
    ]
)


# So many channels a picture has at most, and hardly any is so narrow.
_CHANNELS = 4


class TorchNamespace:
    """The part of the array API standard that transforms and array ops use, with arrays on one device.

    It is a thin layer, since torch.compile traces through it.
    """

    __name__ = "torch"

    def __init__(self, device: Any) -> None:
        self._device = device
        # Metal has no double precision.
        self.float64 = torch.float32 if device.type == "mps" else torch.float64

    def __getattr__(self, name: str) -> Any:
        if name in SAME:
            return getattr(torch, name)
        raise AttributeError(f"a transform uses {name!r}, which a torch module does not know")

    def asarray(self, value: Any, dtype: Any = None) -> Array:
        return torch.as_tensor(value, dtype=dtype, device=self._device)

    def arange(self, *bounds: Any, dtype: Any = None) -> Array:
        return torch.arange(*bounds, dtype=dtype, device=self._device)

    def astype(self, array: Array, dtype: Any) -> Array:
        return array.to(dtype)

    def clip(self, array: Array, low: Any, high: Any) -> Array:
        return self.minimum(self.maximum(array, low), high)

    def minimum(self, a: Array, b: Any) -> Array:
        return torch.minimum(a, b) if torch.is_tensor(b) else torch.clamp(a, max=b)

    def maximum(self, a: Array, b: Any) -> Array:
        return torch.maximum(a, b) if torch.is_tensor(b) else torch.clamp(a, min=b)

    def concat(self, arrays: Sequence[Array], axis: int = 0) -> Array:
        return torch.cat(list(arrays), dim=axis)

    def stack(self, arrays: Sequence[Array], axis: int = 0) -> Array:
        return torch.stack(list(arrays), dim=axis)

    def flip(self, array: Array, axis: int) -> Array:
        return torch.flip(array, (axis,))

    def take(self, array: Array, index: Array, axis: int) -> Array:
        return torch.index_select(array, axis, index)

    def permute_dims(self, array: Array, axes: Sequence[int]) -> Array:
        return array.permute(*axes)

    def matrix_transpose(self, array: Array) -> Array:
        return array.transpose(-1, -2)

    def sum(self, array: Array, axis: Any = None, keepdims: bool = False) -> Array:
        return torch.sum(array) if axis is None else torch.sum(array, dim=axis, keepdim=keepdims)

    def mean(self, array: Array, axis: Any = None, keepdims: bool = False) -> Array:
        return torch.mean(array) if axis is None else torch.mean(array, dim=axis, keepdim=keepdims)

    def max(self, array: Array, axis: int) -> Array:
        return torch.amax(array, dim=axis)

    def min(self, array: Array, axis: int) -> Array:
        return torch.amin(array, dim=axis)

    def sort(self, array: Array, axis: int = -1) -> Array:
        return torch.sort(array, dim=axis).values

    def zeros(self, shape: Sequence[int], dtype: Any) -> Array:
        return torch.zeros(tuple(shape), dtype=dtype, device=self._device)

    def any(self, array: Array, axis: int) -> Array:
        return torch.any(array, dim=axis)

    def all(self, array: Array, axis: int) -> Array:
        return torch.all(array, dim=axis)

    def argmax(self, array: Array, axis: int) -> Array:
        return torch.argmax(array, dim=axis)

    def argsort(self, array: Array, axis: int = -1) -> Array:
        return torch.argsort(array, dim=axis, stable=True)

    def cumulative_sum(self, array: Array, axis: int) -> Array:
        return torch.cumsum(array, dim=axis)

    def broadcast_arrays(self, *arrays: Array) -> list[Array]:
        return list(torch.broadcast_tensors(*arrays))

    def broadcast_to(self, array: Array, shape: Sequence[int]) -> Array:
        return torch.broadcast_to(array, tuple(shape))


class TorchForm(InFramework):
    """The function, which tells torch.compile what it found out beforehand, instead of being traced for it."""

    @torch.compiler.assume_constant_result
    def prepare(self, size: Size | None) -> tuple[Prepared, ...]:
        found = super().prepare(size)
        return tuple(
            replace(one, known=Pass(_tensors(one.known.warp), tuple(map(_tensors, one.known.ops)))) for one in found
        )


def _tensors(op: Any) -> Any:
    """The op with tensors for arrays."""
    if op is None:
        return None
    arrays = {f.name: getattr(op, f.name) for f in fields(op)}
    return replace(op, **{name: torch.from_numpy(a) for name, a in arrays.items() if isinstance(a, np.ndarray)})


class Preprocess(torch.nn.Module):
    """What `Pipeline.to_torch` gives: see there.

    Attributes:
        pipeline: What it does.
        layout: The order of axes of what comes in and goes out.
    """

    def __init__(self, pipeline: Pipeline, layout: Layout) -> None:
        super().__init__()
        self.pipeline = pipeline
        self.layout = layout
        self._random, self._fixed = TorchForm(pipeline), TorchForm(pipeline.deterministic())
        for name, array in self._fixed.statistics.items():
            self.register_buffer(name, torch.from_numpy(array.copy()))

    def forward(self, images: Array) -> Array:
        """The pictures after all steps, float32: at random in training mode, else deterministically.

        Args:
            images: (n, height, width, channels), or channels first, as `layout` says; uint8 or floats in 0..255.
        """
        if images.ndim != 4:
            raise SpecError(f"to_torch: got pictures of shape {tuple(images.shape)}; expected a batch of four axes")
        first = self.layout == "nchw"
        if first and images.shape[1] > _CHANNELS >= images.shape[3]:
            expected = 'expected (n, channels, height, width), or to_torch(layout="nhwc")'
            raise SpecError(f"to_torch: got pictures of shape {tuple(images.shape)}; {expected}")
        if first:
            images = images.permute(0, 2, 3, 1)
        form = self._random if self.training else self._fixed
        xp = TorchNamespace(images.device)
        numbers = None
        if form.count:
            numbers = torch.rand((images.shape[0], form.count), dtype=xp.float64, device=images.device)
        result = form(images, numbers, xp, dict(self.named_buffers()))
        return result.permute(0, 3, 1, 2) if first else result
