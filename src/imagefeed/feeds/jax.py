"""Batches as JAX arrays, on one device or spread over many."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from imagefeed.feeds.batches import Batches, FeedDtype, Units, ahead, mapped

jax: Any = import_module("jax")
jnp: Any = import_module("jax.numpy")

# Batches on their way to the device while one is being used.
_ON_THE_WAY = 2


class JaxFeed:
    """What `loader.jax()` gives: see there. Each iteration is one epoch.

    Attributes:
        loader: The loader behind it, which counts the epochs and whose `state_dict()` says where they stand. Where
            several processes train together, it gives this process's part of every batch.
    """

    def __init__(self, loader: Batches, units: Units | None, *, sharding: Any, dtype: FeedDtype | None) -> None:
        self.loader = loader
        self._sharding = sharding
        self._form = _form(units, dtype, planes=loader.layout == "nchw")

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        return ahead((mapped(batch, self._images, self._put) for batch in self.loader), _ON_THE_WAY)

    def _images(self, array: Any) -> Any:
        return self._form(self._put(array))

    def _put(self, array: Any) -> Any:
        """Begin to copy an array; nobody waits for it here."""
        if self._sharding is not None and jax.process_count() > 1:
            return jax.make_array_from_process_local_data(self._sharding, array)
        return jax.device_put(array, self._sharding)


def _form(units: Units | None, dtype: FeedDtype | None, *, planes: bool) -> Any:
    """What becomes of pictures on the device, compiled."""
    shape = (-1, 1, 1) if planes else (-1,)
    scale, bias = (None, None) if units is None else (units.scale.reshape(shape), units.bias.reshape(shape))

    def form(images: Any) -> Any:
        if scale is not None:
            images = images.astype(jnp.float32) * scale + bias
        return images if dtype is None else images.astype(dtype)

    return jax.jit(form)


def processes() -> tuple[int, int]:
    """The number of this process, and how many there are."""
    return jax.process_index(), jax.process_count()
