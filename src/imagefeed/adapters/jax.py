"""A pipeline as a pure JAX function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from imagefeed.errors import SpecError
from imagefeed.inmodel import InFramework
from imagefeed.pipeline import Pipeline
from imagefeed.types import Array, Namespace

jax: Any = import_module("jax")
jnp: Any = jax.numpy


class JaxNamespace:
    """jax.numpy, in whose place it stands as an array API namespace.

    Where JAX holds no 64-bit numbers, its 32-bit ones stand for them; and products of matrices are computed in full,
    since pictures would be rounded to less than their levels otherwise.
    """

    __name__ = "JAX"

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)

    @property
    def float64(self) -> Any:
        return jax.dtypes.canonicalize_dtype("float64")

    @property
    def int64(self) -> Any:
        return jax.dtypes.canonicalize_dtype("int64")

    def matmul(self, a: Array, b: Array) -> Array:
        return jnp.matmul(a, b, precision="highest")

    def repeated(self, count: int, step: Callable[[Any], Any], state: Any) -> Any:
        def body(_: Any, now: Any) -> Any:
            return step(now)

        return jax.lax.fori_loop(0, count, body, state)


class JaxForm(InFramework):
    """The function, compiled as a whole: done op by op, JAX would compile hundreds of ops one after another."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(pipeline)
        self._compiled = jax.jit(self._traceable)

    def __call__(
        self, images: Array, numbers: Array | None, xp: Namespace, statistics: Mapping[str, Array] | None = None
    ) -> Array:
        return self._compiled(images, numbers, dict(statistics or {}))

    def _traceable(self, images: Array, numbers: Array | None, statistics: Mapping[str, Array]) -> Array:
        return super().__call__(images, numbers, JaxNamespace(), statistics)


def to_jax(pipeline: Pipeline) -> Callable[..., Array]:
    """The pipeline as a function of pictures and a key: see `Pipeline.to_jax`."""
    random, fixed = JaxForm(pipeline), JaxForm(pipeline.deterministic())
    xp = JaxNamespace()

    def preprocess(images: Array, key: Array | None = None) -> Array:
        images = jnp.asarray(images)
        if images.ndim != 4:
            raise SpecError(f"to_jax: got pictures of shape {images.shape}; expected (n, height, width, channels)")
        if key is None:
            return fixed(images, None, xp)
        numbers = jax.random.uniform(key, (images.shape[0], random.count), dtype=xp.float64)
        return random(images, numbers, xp)

    return preprocess
