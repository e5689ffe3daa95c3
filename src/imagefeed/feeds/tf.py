"""Batches as a tf.data.Dataset."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from imagefeed.feeds.batches import Batches, FeedDtype, is_dict, is_tuple, mapped

tf: Any = import_module("tensorflow")


def dataset(loader: Batches, *, dtype: FeedDtype | None, endless: bool) -> Any:
    """What `loader.tf()` gives: see there."""
    result = tf.data.Dataset.from_generator(lambda: iter(loader), output_signature=_signature(loader[0]))
    count = tf.data.INFINITE_CARDINALITY if endless else len(loader)
    result = result.apply(tf.data.experimental.assert_cardinality(count))
    if dtype is not None:
        result = result.map(_casting(dtype))
    return result.prefetch(1)  # the copy into a tensor goes on beside the step; the loader makes batches ahead itself


def _signature(batch: Any, *, padded: bool = False) -> Any:
    """The types of batches like this one. The number of records varies; where lists are padded, their length too."""
    if is_tuple(batch):
        return tuple(map(_signature, batch))
    if is_dict(batch):
        return {name: _signature(one, padded="count" in batch) for name, one in batch.items()}
    varying = 2 if padded else 1
    return tf.TensorSpec((None,) * min(varying, batch.ndim) + batch.shape[varying:], batch.dtype)


def _casting(dtype: FeedDtype) -> Callable[..., Any]:
    """What `Dataset.map` calls: with the parts of a tuple one by one, with all else as it is."""

    def cast(*batch: Any) -> Any:
        return mapped(
            batch[0] if len(batch) == 1 else batch, lambda images: tf.cast(images, dtype), lambda other: other
        )

    return cast
