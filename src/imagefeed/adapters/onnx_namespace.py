"""An array API namespace that writes down what is done as an ONNX graph.

Lowering a pipeline and running its array ops over it gives the graph of the pipeline: a third reading of the one
definition, after NumPy's and the frameworks'.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from importlib import import_module
from typing import Any, cast

import numpy as np

onnx: Any = import_module("onnx")

OPSET = 17
"""The version of the operators: of 2022, which every runtime since then knows."""

_UNARY = {
    "abs": "Abs",
    "floor": "Floor",
    "ceil": "Ceil",
    "round": "Round",
    "sign": "Sign",
    "sqrt": "Sqrt",
    "exp": "Exp",
    "log": "Log",
    "sin": "Sin",
    "cos": "Cos",
    "tan": "Tan",
}


class Graph:
    """The nodes and constants of a graph that is being written."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._count = 0

    def name(self) -> str:
        """A new name."""
        self._count += 1
        return f"v{self._count}"

    def constant(self, value: Any, dtype: Any) -> Tensor:
        """A tensor whose value is known."""
        array = np.asarray(value, dtype)
        name = self.name()
        self.constants.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return Tensor(self, name, array.dtype, array.shape)

    def add(
        self, operator: str, inputs: Sequence[Tensor], dtype: Any, shape: Sequence[int | None], **options: Any
    ) -> Tensor:
        """The result of an operator."""
        name = self.name()
        self.nodes.append(onnx.helper.make_node(operator, [one.name for one in inputs], [name], **options))
        return Tensor(self, name, np.dtype(dtype), tuple(shape))


class Tensor:
    """A tensor of a graph: its dtype is known, and of its sizes those that do not depend on the input.

    Attributes:
        shape: The sizes; None for one that is not known.
    """

    __array_priority__ = 1000  # NumPy leaves an operator with a tensor to the tensor

    def __init__(self, graph: Graph, name: str, dtype: Any, shape: tuple[int | None, ...]) -> None:
        self.graph, self.name, self.dtype, self.shape = graph, name, np.dtype(dtype), tuple(shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def like(self, value: Any) -> Tensor:
        """A number, or another tensor, in this tensor's dtype."""
        return value if isinstance(value, Tensor) else self.graph.constant(value, self.dtype)

    def two(self, operator: str, a: Any, b: Any, dtype: Any = None) -> Tensor:
        a, b = self.like(a), self.like(b)
        if a.dtype != b.dtype:
            raise TypeError(f"{operator} of {a.dtype} and {b.dtype}: cast one of them")
        return self.graph.add(operator, [a, b], a.dtype if dtype is None else dtype, _together(a.shape, b.shape))

    def __add__(self, other: Any) -> Tensor:
        return self.two("Add", self, other)

    def __radd__(self, other: Any) -> Tensor:
        return self.two("Add", other, self)

    def __sub__(self, other: Any) -> Tensor:
        return self.two("Sub", self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return self.two("Sub", other, self)

    def __mul__(self, other: Any) -> Tensor:
        return self.two("Mul", self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return self.two("Mul", other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return self.two("Div", self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return self.two("Div", other, self)

    def __neg__(self) -> Tensor:
        return self.graph.add("Neg", [self], self.dtype, self.shape)

    def __mod__(self, other: Any) -> Tensor:
        return self.two("Mod", self, other)  # of integers; the sign is the divisor's, as in Python

    def __matmul__(self, other: Tensor) -> Tensor:
        batch = _together(self.shape[:-2], other.shape[:-2])
        return self.graph.add("MatMul", [self, other], self.dtype, (*batch, self.shape[-2], other.shape[-1]))

    def __lt__(self, other: Any) -> Tensor:
        return self.two("Less", self, other, bool)

    def __le__(self, other: Any) -> Tensor:
        return self.two("LessOrEqual", self, other, bool)

    def __gt__(self, other: Any) -> Tensor:
        return self.two("Greater", self, other, bool)

    def __ge__(self, other: Any) -> Tensor:
        return self.two("GreaterOrEqual", self, other, bool)

    def __eq__(self, other: Any) -> Tensor:  # type: ignore[override]
        return self.two("Equal", self, other, bool)

    def __ne__(self, other: Any) -> Tensor:  # type: ignore[override]
        return ~(self == other)

    __hash__ = None  # type: ignore[assignment]

    def __and__(self, other: Tensor) -> Tensor:
        return self.two("And", self, other, bool)

    def __or__(self, other: Tensor) -> Tensor:
        return self.two("Or", self, other, bool)

    def __invert__(self) -> Tensor:
        return self.graph.add("Not", [self], bool, self.shape)

    def __getitem__(self, key: Any) -> Tensor:
        """Numbers, slices by one, ... and None."""
        keys: list[Any] = list(cast(Any, key)) if isinstance(key, tuple) else [key]
        if not any(one is Ellipsis for one in keys):
            keys.append(Ellipsis)
        at = next(k for k, one in enumerate(keys) if one is Ellipsis)
        taken = sum(1 for one in keys if one is not None and one is not Ellipsis)
        keys[at : at + 1] = [slice(None)] * (self.ndim - taken)
        result, axis = self, 0
        dropped: list[int] = []
        added: list[int] = []
        for one in keys:
            if one is None:
                added.append(axis - len(dropped) + len(added))
                continue
            if isinstance(one, slice):
                result = result._slice(axis, cast("slice[Any, Any, Any]", one))
            else:
                result = result._slice(axis, slice(one, None if one == -1 else one + 1))
                dropped.append(axis)
            axis += 1
        return result._squeeze(dropped).expanded(added)

    def _slice(self, axis: int, part: slice[Any, Any, Any]) -> Tensor:
        if part.start is None and part.stop is None:
            return self
        if part.step not in (None, 1):
            raise TypeError("a slice by steps has no form in this graph")
        whole = np.iinfo(np.int64).max
        start, end = (0 if part.start is None else part.start), (whole if part.stop is None else part.stop)
        size = self.shape[axis]
        known = isinstance(start, int) and isinstance(end, int) and size is not None
        length = len(range(size)[start : min(end, whole)]) if known and size is not None else None
        if known and length == size:
            return self
        bounds = [self.graph.constant([b], np.int64) if isinstance(b, int) else b.as_vector() for b in (start, end)]
        shape = [length if k == axis else n for k, n in enumerate(self.shape)]
        axes = self.graph.constant([axis], np.int64)
        return self.graph.add("Slice", [self, *bounds, axes], self.dtype, shape)

    def as_vector(self) -> Tensor:
        return self.graph.add("Reshape", [self, self.graph.constant([1], np.int64)], self.dtype, (1,))

    def _squeeze(self, axes: Sequence[int]) -> Tensor:
        if not axes:
            return self
        shape = [n for k, n in enumerate(self.shape) if k not in axes]
        return self.graph.add("Squeeze", [self, self.graph.constant(list(axes), np.int64)], self.dtype, shape)

    def expanded(self, axes: Sequence[int]) -> Tensor:
        if not axes:
            return self
        shape = list(self.shape)
        for axis in axes:
            shape.insert(axis, 1)
        return self.graph.add("Unsqueeze", [self, self.graph.constant(list(axes), np.int64)], self.dtype, shape)


def _together(a: Sequence[int | None], b: Sequence[int | None]) -> tuple[int | None, ...]:
    """The sizes of what two tensors broadcast to."""
    width = max(len(a), len(b))
    pairs = zip((1,) * (width - len(a)) + tuple(a), (1,) * (width - len(b)) + tuple(b), strict=True)
    return tuple(n if m == 1 else m if n == 1 or n is None or m == n else n if m is None else m for n, m in pairs)


class OnnxNamespace:
    """The part of the array API standard that deterministic pipelines use, over the tensors of one graph."""

    __name__ = "ONNX"

    float32, float64 = np.dtype(np.float32), np.dtype(np.float64)
    uint8, int8, int32, int64, bool = map(np.dtype, (np.uint8, np.int8, np.int32, np.int64, np.bool_))

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __getattr__(self, name: str) -> Any:
        if name not in _UNARY:
            raise AttributeError(f"a transform uses {name!r}, which has no form in an ONNX graph")

        def unary(array: Tensor) -> Tensor:
            return self._graph.add(_UNARY[name], [array], array.dtype, array.shape)

        return unary

    def asarray(self, value: Any, dtype: Any = None) -> Tensor:
        if isinstance(value, Tensor):
            return value if dtype is None else self.astype(value, dtype)
        return self._graph.constant(value, dtype)

    def astype(self, array: Tensor, dtype: Any) -> Tensor:
        dtype = np.dtype(dtype)
        if dtype == array.dtype:
            return array
        kind = onnx.helper.np_dtype_to_tensor_dtype(dtype)
        return self._graph.add("Cast", [array], dtype, array.shape, to=kind)

    def shape(self, array: Tensor) -> tuple[Any, ...]:
        """The sizes of all axes; those that are not known are tensors."""
        sizes = self._graph.add("Shape", [array], np.int64, (array.ndim,))
        return tuple(sizes[k] if n is None else n for k, n in enumerate(array.shape))

    def reshape(self, array: Tensor, shape: Sequence[Any]) -> Tensor:
        known = [n if isinstance(n, int) else None for n in shape]
        if None not in known:
            target = self._graph.constant(known, np.int64)
        else:
            parts = [self._graph.constant([n], np.int64) if isinstance(n, int) else n.as_vector() for n in shape]
            target = self.concat(parts, axis=0)
        return self._graph.add("Reshape", [array, target], array.dtype, [None if n == -1 else n for n in known])

    def arange(self, *bounds: Any, dtype: Any = None) -> Tensor:
        start, end = bounds if len(bounds) == 2 else (0, bounds[0])
        if isinstance(start, int) and isinstance(end, int):
            return self._graph.constant(np.arange(start, end), np.int64 if dtype is None else dtype)
        ends = [self._graph.constant(b, np.int64) if isinstance(b, int) else b for b in (start, end)]
        found = self._graph.add("Range", [*ends, self._graph.constant(1, np.int64)], np.int64, (None,))
        return found if dtype is None else self.astype(found, dtype)

    def where(self, condition: Tensor, a: Any, b: Any) -> Tensor:
        like = a if isinstance(a, Tensor) else b
        a, b = like.like(a), like.like(b)
        shape = _together(condition.shape, _together(a.shape, b.shape))
        return self._graph.add("Where", [condition, a, b], a.dtype, shape)

    def minimum(self, a: Tensor, b: Any) -> Tensor:
        return a.two("Min", a, b)

    def maximum(self, a: Tensor, b: Any) -> Tensor:
        return a.two("Max", a, b)

    def clip(self, array: Tensor, low: Any, high: Any) -> Tensor:
        return self.minimum(self.maximum(array, low), high)

    def stack(self, arrays: Sequence[Tensor], axis: int = 0) -> Tensor:
        rank = arrays[0].ndim + 1
        return self.concat([one.expanded([axis % rank]) for one in self.broadcast_arrays(*arrays)], axis=axis % rank)

    def concat(self, arrays: Sequence[Tensor], axis: int = 0) -> Tensor:
        axis = axis % arrays[0].ndim
        sizes = [one.shape[axis] for one in arrays]
        total = None if None in sizes else sum(n for n in sizes if n is not None)
        shape = [total if k == axis else n for k, n in enumerate(arrays[0].shape)]
        return self._graph.add("Concat", arrays, arrays[0].dtype, shape, axis=axis)

    def take(self, array: Tensor, index: Tensor, axis: int) -> Tensor:
        shape = (*array.shape[:axis], *index.shape, *array.shape[axis + 1 :])
        return self._graph.add("Gather", [array, index], array.dtype, shape, axis=axis)

    def permute_dims(self, array: Tensor, axes: Sequence[int]) -> Tensor:
        return self._graph.add("Transpose", [array], array.dtype, [array.shape[k] for k in axes], perm=list(axes))

    def matmul(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b

    def flip(self, array: Tensor, axis: int) -> Tensor:
        axis = axis % array.ndim
        end, axes, step = (self._graph.constant([n], np.int64) for n in (np.iinfo(np.int64).min, axis, -1))
        start = self._graph.constant([-1], np.int64)
        return self._graph.add("Slice", [array, start, end, axes, step], array.dtype, array.shape)

    def sum(self, array: Tensor, axis: int, keepdims: bool = False) -> Tensor:
        axis = axis % array.ndim
        kept = [1 if k == axis else n for k, n in enumerate(array.shape)]
        shape = kept if keepdims else [n for k, n in enumerate(kept) if k != axis]
        axes = self._graph.constant([axis], np.int64)
        return self._graph.add("ReduceSum", [array, axes], array.dtype, shape, keepdims=int(keepdims))

    def max(self, array: Tensor, axis: int) -> Tensor:
        return self._least_or_most("ReduceMax", array, axis)

    def min(self, array: Tensor, axis: int) -> Tensor:
        return self._least_or_most("ReduceMin", array, axis)

    def _least_or_most(self, operator: str, array: Tensor, axis: int) -> Tensor:
        axis = axis % array.ndim
        shape = [n for k, n in enumerate(array.shape) if k != axis]
        return self._graph.add(operator, [array], array.dtype, shape, axes=[axis], keepdims=0)

    def full_like(self, array: Tensor, value: Any) -> Tensor:
        return self.zeros_like(array) + value

    def zeros_like(self, array: Tensor) -> Tensor:
        return array * 0

    def ones_like(self, array: Tensor) -> Tensor:
        return array * 0 + 1

    def broadcast_arrays(self, *arrays: Tensor) -> list[Tensor]:
        if len({one.shape for one in arrays}) == 1 and None not in arrays[0].shape:
            return list(arrays)
        zero = reduce(lambda a, b: a + b, [self.astype(self.zeros_like(one), np.int64) for one in arrays])
        return [one + self.astype(zero, one.dtype) for one in arrays]
