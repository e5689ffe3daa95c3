"""keras.ops as an array API namespace: one for the TensorFlow, JAX and torch backends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from importlib import import_module
from typing import Any

from imagefeed.inmodel import InFramework, InModel
from imagefeed.pipeline import Pipeline
from imagefeed.types import Array

keras: Any = import_module("keras")
ops: Any = keras.ops

# Names of the array API standard that keras.ops has under the same name, with the same meaning.
SAME = frozenset(
    [
        "abs",
        "any",
        "all",
        "cos",
        "exp",
        "expand_dims",
        "flip",
        "floor",
        "full_like",
        "log",
        "log2",
        "matmul",
        "maximum",
        "minimum",
        "ones_like",
        "round",
        "sign",
        "sin",
        "sqrt",
        "stack",
        "sum",
        "mean",
        "tan",
        "tanh",
        "where",
        "zeros_like",
        "arctan2",
        "power",
        "sort",
        "argsort",
        "cumsum",
        "ceil",
        "square",
        "max",
        "min",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
    ]
)
# And those that it has under another one.
RENAMED = {
    "concat": "concatenate",
    "permute_dims": "transpose",
    "matrix_transpose": "matrix_transpose",
    "pow": "power",
    "atan2": "arctan2",
}


class KerasNamespace:
    """The part of the array API standard that transforms and array ops use.

    Where a backend holds no 64-bit numbers, its 32-bit ones stand for them.
    """

    __name__ = "Keras"

    def __init__(self) -> None:
        wide = keras.backend.backend() != "jax" or import_module("jax").config.jax_enable_x64
        self.float64 = _dtype("float64" if wide else "float32")
        self.int64 = _dtype("int64" if wide else "int32")
        self.float32, self.int32, self.uint8, self.int8 = map(_dtype, ("float32", "int32", "uint8", "int8"))

    def __getattr__(self, name: str) -> Any:
        if name in SAME or name in RENAMED:
            return getattr(ops, RENAMED.get(name, name))
        raise AttributeError(f"a transform uses {name!r}, which a Keras model does not know")

    def asarray(self, value: Any, dtype: Any = None) -> Array:
        """A tensor of a value; one that a graph does not know yet is cast."""
        if ops.is_tensor(value):
            return value if dtype is None else self.astype(value, dtype)
        return ops.convert_to_tensor(value, dtype=None if dtype is None else keras.backend.standardize_dtype(dtype))

    def astype(self, array: Array, dtype: Any) -> Array:
        return ops.cast(array, keras.backend.standardize_dtype(dtype))

    def arange(self, *bounds: Any, dtype: Any = None) -> Array:
        """Numbers from 0, or from the first bound, on: 64-bit integers, where nothing else is said."""
        return ops.arange(*bounds, dtype=keras.backend.standardize_dtype(self.int64 if dtype is None else dtype))

    def argmax(self, array: Array, axis: int) -> Array:
        return self.astype(ops.argmax(array, axis=axis), self.int64)

    def shape(self, array: Array) -> tuple[Any, ...]:
        """The sizes of all axes; one that is not known yet is a tensor."""
        return tuple(n if isinstance(n, int) else self.astype(n, self.int64) for n in ops.shape(array))

    def reshape(self, array: Array, shape: Sequence[Any]) -> Array:
        return ops.reshape(array, [-1 if n is None else n for n in shape])

    def zeros(self, shape: Sequence[Any], dtype: Any) -> Array:
        return ops.zeros(tuple(shape), dtype=keras.backend.standardize_dtype(dtype))

    def take(self, array: Array, index: Array, axis: int) -> Array:
        return ops.take(array, index, axis=axis)

    def clip(self, array: Array, low: Any, high: Any) -> Array:
        return ops.minimum(ops.maximum(array, self._like(low, array)), self._like(high, array))

    def matmul(self, a: Array, b: Array) -> Array:
        with _exact_products():
            return ops.matmul(a, b)

    def repeated(self, count: int, step: Callable[[Any], Any], state: Any) -> Any:
        def body(_: Any, now: Any) -> Any:
            return step(now)

        return ops.fori_loop(0, count, body, state)

    def broadcast_arrays(self, *arrays: Array) -> list[Array]:
        """Numbers in the shape that they have together; it need not be known."""
        zero = reduce(lambda a, b: a + b, [self.astype(ops.zeros_like(array), self.int32) for array in arrays])
        return [array + self.astype(zero, array.dtype) for array in arrays]

    def broadcast_to(self, array: Array, shape: Sequence[Any]) -> Array:
        return ops.broadcast_to(array, tuple(shape))

    def _like(self, value: Any, array: Array) -> Array:
        return value if ops.is_tensor(value) else self.asarray(value, array.dtype)


def _dtype(name: str) -> Any:
    """A dtype as the backend's own tensors show it."""
    return ops.zeros((), dtype=name).dtype


def _exact_products() -> AbstractContextManager[Any]:
    """JAX multiplies matrices of levels with ten bits on some devices, if it is not told otherwise."""
    if keras.backend.backend() == "jax":
        return import_module("jax").default_matmul_precision("highest")
    return nullcontext()


def form(pipeline: Pipeline) -> InModel:
    """A pipeline as a function, in the form that the backend compiles best."""
    match keras.backend.backend():
        case "torch":
            return import_module("imagefeed.adapters.torch").TorchForm(pipeline)
        case "jax":
            return import_module("imagefeed.adapters.jax").JaxForm(pipeline)
        case _:
            return InFramework(pipeline)


def namespace(images: Array) -> Any:
    """The namespace of pictures that Keras hands to a layer: that of its backend, where there is one."""
    match keras.backend.backend():
        case "torch":
            return import_module("imagefeed.adapters.torch").TorchNamespace(images.device)
        case "jax":
            return import_module("imagefeed.adapters.jax").JaxNamespace()
        case _:
            return KerasNamespace()
