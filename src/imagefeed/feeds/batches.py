"""What the feeds share: a loader's batches, their parts, and the units that a device can give them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from imagefeed.errors import SpecError
from imagefeed.ops import Normalize
from imagefeed.pipeline import Pipeline
from imagefeed.transforms.base import Drawn
from imagefeed.types import Layout

T = TypeVar("T")
Where: TypeAlias = Literal["host", "device"]
FeedDtype: TypeAlias = Literal["float32", "float16", "bfloat16"]


class Batches(Protocol):
    """A loader, as far as a feed needs one."""

    layout: Layout

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __getitem__(self, index: int) -> Any: ...


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What turns levels into the units of a model: `levels * scale + bias`.

    Attributes:
        scale: float32 (1,) or (channels,).
        bias: Likewise.
    """

    scale: NDArray[np.float32]
    bias: NDArray[np.float32]


def without_units(pipeline: Pipeline) -> tuple[Pipeline, Units]:
    """A pipeline without the Rescale and Normalize that end it, and what these do, as one.

    Raises:
        SpecError: It does not end in one, or that does more than a scale and a bias.
    """
    steps = list(pipeline.steps)
    ending: list[Normalize] = []
    while steps and steps[-1].role == "units":
        step = steps.pop()
        for op in reversed(step.lower(Drawn(), (np.ones(1), np.ones(1)), np)):
            if not isinstance(op, Normalize) or op.reverse or np.ndim(op.scale) > 1 or np.ndim(op.bias) > 1:
                raise SpecError(
                    f"normalize='device': {type(step).__name__} does more than a scale and a bias for each channel; "
                    "use normalize='host'"
                )
            ending.append(op)
    if not ending:
        raise SpecError("normalize='device': the pipeline does not end in Rescale or Normalize; add one")
    scale, bias = np.ones(1), np.zeros(1)
    for op in reversed(ending):
        scale, bias = scale * op.scale, bias * op.scale + op.bias
    scale, bias = np.broadcast_arrays(scale, bias)
    return Pipeline(steps, training=pipeline.training), Units(scale.astype(np.float32), bias.astype(np.float32))


def mapped(batch: Any, images: Callable[[Any], Any], others: Callable[[Any], Any]) -> Any:
    """A batch of the same structure, of what the functions make of its images and of its other arrays."""
    if is_dict(batch):
        return {name: images(one) if name == "image" else each(one, others) for name, one in batch.items()}
    if is_tuple(batch):
        return (images(batch[0]), *(each(one, others) for one in batch[1:]))
    return images(batch)


def is_dict(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a batch, or a part of one, is several things by name."""
    return isinstance(value, dict)


def is_tuple(value: Any) -> TypeGuard[tuple[Any, ...]]:
    """Whether a batch is its parts one after another."""
    return isinstance(value, tuple)


def ahead(items: Iterable[T], count: int) -> Iterator[T]:
    """The items, each taken while the `count` before it are still waiting to be used."""
    waiting: deque[T] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > count:
            yield waiting.popleft()
    yield from waiting


def each(value: Any, function: Callable[[Any], Any]) -> Any:
    """The same structure of what a function makes of its arrays."""
    return {name: each(one, function) for name, one in value.items()} if is_dict(value) else function(value)
