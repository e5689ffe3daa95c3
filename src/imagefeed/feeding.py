"""How a loader's batches get into the hands of a framework."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self, get_args

from imagefeed.checks import check_choice
from imagefeed.feeds.batches import FeedDtype, Units, Where
from imagefeed.keras_protocol import KerasProtocol
from imagefeed.types import Layout

if TYPE_CHECKING:
    from imagefeed.feeds.jax import JaxFeed
    from imagefeed.feeds.torch import TorchFeed


class Feeding(KerasProtocol):
    """The methods of a loader that give its batches to torch, JAX and TensorFlow; see `feeds/`."""

    layout: Layout

    @abstractmethod
    def __iter__(self) -> Iterator[Any]:
        """An epoch."""

    @property
    @abstractmethod
    def is_shard(self) -> bool:
        """Whether this is one of several parts of a loader."""

    @property
    @abstractmethod
    def is_endless(self) -> bool:
        """Whether iterating goes on with the next epoch."""

    @abstractmethod
    def shard(self, rank: int, world: int) -> Self:
        """A part of every batch."""

    @abstractmethod
    def _fed(self, normalize: Where) -> tuple[Self, Units | None]:
        """The loader whose batches are sent to a device, and the units that the device gives them."""

    def torch(self, *, device: Any = None, normalize: Where = "host", dtype: FeedDtype | None = None) -> TorchFeed:
        """The batches as torch tensors: an `IterableDataset`, each iteration an epoch.

        Pictures are (batch, channels, height, width), as torch's layers take them; the loader's layout is how they lie
        in memory, where "nhwc" is torch's `channels_last`, which convolutions on a GPU prefer. Targets and weights are
        tensors too, in the structure that the loader gives them.

        On a GPU, batches are copied from pinned memory on a stream of their own, ahead of the one in use.

            >>> from imagefeed import Loader, Pipeline, Rescale, Resize
            >>> loader = Loader(photos, Pipeline([Resize((32, 32)), Rescale(1 / 255)]))
            >>> for images, labels in loader.torch(device="cuda", normalize="device"):  # doctest: +SKIP
            ...     loss = criterion(model(images), labels)

        Args:
            device: Where the tensors shall be; by default in this process's memory, which they share with the loader.
            normalize: Where the pipeline's closing Rescale and Normalize are done. With "device", 8-bit levels are
                copied, a quarter of the bytes; they are rounded to whole levels first, which "host" spares them.
            dtype: "float32", "float16" or "bfloat16": what pictures become on the device. By default the loader's
                dtype, or float32 where the device normalizes.

        Raises:
            SpecError: An argument has a value that it cannot have, or there is nothing to normalize.
            ModuleNotFoundError: torch is not installed.
        """
        check_choice("normalize=", normalize, ("host", "device"))
        _check_dtype(dtype)
        loader, units = self._fed(normalize)
        from imagefeed.feeds.torch import TorchFeed

        return TorchFeed(loader, units, device=device, dtype=dtype)

    def jax(self, *, sharding: Any = None, normalize: Where = "host", dtype: FeedDtype | None = None) -> JaxFeed:
        """The batches as JAX arrays, copied ahead of the one in use. Each iteration is an epoch.

        Where several processes train together (`jax.process_count()`), each gives its part of every batch, and the
        arrays are global: the loader is divided by `shard` if it is not yet.

        Args:
            sharding: A `jax.sharding.Sharding` or a device: where the arrays shall be. All arrays of a batch, of
                which the first axis is the records, get the same.
            normalize: As for `torch`.
            dtype: As for `torch`.

        Raises:
            SpecError: An argument has a value that it cannot have, or there is nothing to normalize.
            ModuleNotFoundError: JAX is not installed.
        """
        check_choice("normalize=", normalize, ("host", "device"))
        _check_dtype(dtype)
        loader, units = self._fed(normalize)
        from imagefeed.feeds.jax import JaxFeed, processes

        index, count = processes()
        whole = count == 1 or self.is_shard
        return JaxFeed(loader if whole else loader.shard(index, count), units, sharding=sharding, dtype=dtype)

    def tf(self, *, dtype: FeedDtype | None = None) -> Any:
        """The batches as a `tf.data.Dataset`. Each iteration is an epoch.

        One batch is made beforehand, to know what batches are like.

        Args:
            dtype: "float32", "float16" or "bfloat16": what pictures become. By default the loader's dtype.

        Returns:
            A dataset of (images, targets), or of what else the loader gives.

        Raises:
            ModuleNotFoundError: TensorFlow is not installed.
        """
        _check_dtype(dtype)
        from imagefeed.feeds.tf import dataset

        return dataset(self, dtype=dtype, endless=self.is_endless)


def _check_dtype(dtype: FeedDtype | None) -> None:
    if dtype is not None:
        check_choice("dtype=", dtype, get_args(FeedDtype))
