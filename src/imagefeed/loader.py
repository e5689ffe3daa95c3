"""What a training loop iterates."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_bool, check_number, fail
from imagefeed.decode import MOST_PIXELS
from imagefeed.engine import Batch, Engine, Run
from imagefeed.errors import DecodeError, SourceError, SpecError
from imagefeed.keras_protocol import KerasProtocol
from imagefeed.order import shuffled
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Files, Source
from imagefeed.sources.files import PictureLike
from imagefeed.types import Dtype, Layout

Ints = NDArray[np.int64]
OnError: TypeAlias = Literal["raise", "skip"]

# Planning costs about the same for one record as for a few hundred. So records that are in memory already are planned
# together, over batches; files are not, since all that are planned together are held in memory.
_PLANNED_TOGETHER = 1024
# Batches whose order is computed at once.
_ORDERED_TOGETHER = 64
_LARGEST_SEED = 2**64 - 1
# What a loader is made of again, in another process.
_ARGUMENTS = (
    "batch_size",
    "shuffle",
    "seed",
    "drop_last",
    "dtype",
    "layout",
    "threads",
    "prefetch",
    "on_error",
    "max_bad",
    "max_pixels",
)


class Loader(KerasProtocol):
    """Batches of a source's pictures, as a pipeline makes them.

    Iterating gives one epoch of `(images, targets)`, or of `images` alone where the source has no targets; each time
    the next epoch, in another order and with other draws. `keras.Model.fit` takes a loader as it is.

        >>> from imagefeed import HorizontalFlip, Loader, Pipeline, Rescale, Resize
        >>> pipeline = Pipeline([Resize((32, 32)), HorizontalFlip(), Rescale(1 / 255)])
        >>> loader = Loader(photos, pipeline, batch_size=8, seed=7)
        >>> for images, labels in loader:
        ...     print(images.shape, images.dtype, labels.shape)
        (8, 32, 32, 3) float32 (8,)
        (4, 32, 32, 3) float32 (4,)

    Every random number is keyed by (seed, epoch, record, step): the bytes are the same for any number of threads
    and any batch size. A batch's memory is used again once nothing refers to it.

    Args:
        source: Where the records come from.
        pipeline: What is done to each.
        batch_size: How many records a batch has.
        shuffle: Whether each epoch has an order of its own. By default, yes for a pipeline in training and no for
            `pipeline.deterministic()`, so that predictions stand in the order of the source.
        seed: From 0 to 2**64 - 1.
        drop_last: Whether to leave out a last batch that is smaller than the others.
        dtype: "uint8", "float16" or "float32"; by default float32 where the pipeline ends in Rescale or Normalize,
            and else uint8.
        layout: "nhwc" (channels last) or "nchw".
        threads: How many native threads decode and render; "auto" for as many as this process may use cores.
        prefetch: How many batches are made ahead of the one that is used.
        on_error: "raise" a DecodeError for a picture that cannot be read, or "skip" it: its batch is smaller by one.
        max_bad: The share of an epoch's records that may be skipped before SourceError is raised.
        max_pixels: The limit on a picture's width times height, checked before it is decoded.

    Raises:
        SpecError: An argument has a value that it cannot have.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        *,
        batch_size: int = 32,
        shuffle: bool | None = None,
        seed: int = 0,
        drop_last: bool = False,
        dtype: Dtype | None = None,
        layout: Layout = "nhwc",
        threads: int | Literal["auto"] = "auto",
        prefetch: int = 4,
        on_error: OnError = "raise",
        max_bad: float = 0.01,
        max_pixels: int = MOST_PIXELS,
    ) -> None:
        if not isinstance(source, Source):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise fail("Loader(source=)", source, "expected a source, as from folder(...) or arrays(...)")
        if not isinstance(pipeline, Pipeline):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise fail("Loader(pipeline=)", pipeline, "expected Pipeline([...])")
        _check_count("batch_size", batch_size)
        _check_count("prefetch", prefetch)
        _check_count("max_pixels", max_pixels)
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= _LARGEST_SEED:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise fail("Loader(seed=)", seed, "expected an integer from 0 to 2**64 - 1")
        check_bool("Loader(drop_last=)", drop_last)
        for name, value, allowed in (
            ("dtype", dtype, ("uint8", "float16", "float32", None)),
            ("layout", layout, ("nhwc", "nchw")),
            ("on_error", on_error, ("raise", "skip")),
        ):
            if value not in allowed:
                raise fail(f"Loader({name}=)", value, "expected one of " + ", ".join(map(repr, allowed)))
        if shuffle is not None:
            check_bool("Loader(shuffle=)", shuffle)
        if threads != "auto":
            _check_count("threads", threads, most=1024)
        check_number("Loader(max_bad=)", max_bad, 0, 1)
        self.source = source
        self.pipeline = pipeline
        self.batch_size = batch_size
        self.shuffle = pipeline.training if shuffle is None else shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.layout: Layout = layout
        self.dtype: Dtype = _dtype_of(pipeline, dtype)
        self.threads = available_cores() if threads == "auto" else threads
        self.prefetch = prefetch
        self.on_error: OnError = on_error
        self.max_bad = max_bad
        self.max_pixels = max_pixels
        self.epoch = 0
        """The epoch that the next iteration gives; set it to go elsewhere."""
        self.bad: list[DecodeError] = []
        """The pictures that were skipped since the current epoch began."""
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        if len(self) == 0:
            raise SourceError(
                f"{source!r} has no whole batch of {batch_size}; lower batch_size or pass drop_last=False"
            )

    # -------------------------------------------------------------------------------------------- a sequence

    def __len__(self) -> int:
        """How many batches an epoch has."""
        whole, rest = divmod(len(self.source), self.batch_size)
        return whole if self.drop_last or rest == 0 else whole + 1

    def __iter__(self) -> Iterator[Any]:
        epoch = self.epoch
        self.epoch = epoch + 1
        return self._epoch(epoch)

    def __repr__(self) -> str:
        order = "shuffled" if self.shuffle else "in order"
        return (
            f"Loader({self.source!r}, {len(self.pipeline)} steps, {len(self)} batches of {self.batch_size} {order}, "
            f"{self.dtype} {self.layout}, seed {self.seed}, {self.threads} threads)"
        )

    def batches(self, epoch: int, *, start: int = 0) -> Iterator[Batch]:
        """One epoch from some batch on, with the indices of the records in each batch.

        Args:
            epoch: Any epoch; the loader's own counter stays where it is.
            start: The first batch.
        """
        bad = 0
        run = iter(Run(self._ready_engine(), self._groups(epoch, start), epoch=epoch, ahead=self.prefetch))
        for batch in run:
            if batch.bad:
                if self.on_error == "raise":
                    raise batch.bad[0]
                self.bad += batch.bad
                bad += len(batch.bad)
                self._check_bad(bad)
            yield batch

    def explain(self, index: int, *, epoch: int | None = None) -> str:
        """What is done to one record, in words: its draws, and the reading and the passes that follow from them.

        Args:
            index: The record.
            epoch: Which epoch's draws; by default those of the coming one.

        Raises:
            IndexError: There is no such record.
            DecodeError: It cannot be read.
        """
        if not 0 <= index < len(self.source):
            raise IndexError(f"record {index}: expected 0 to {len(self.source) - 1}")
        engine = self._ready_engine()
        group = engine.fetch(np.array([index], np.int64), threading.Event())
        engine.finish_fetch(group)
        for error in group.errors.values():
            raise error
        plans = engine.plans(group, self.epoch if epoch is None else epoch)
        name = self.source.names(np.array([index]))[0]
        stored = f"  stored as {self.dtype} {self.layout}"
        return "\n".join([name, *(one.explain(0) for one in plans), stored])

    # -------------------------------------------------------------------------------------------- its parts

    def _epoch(self, epoch: int, start: int = 0) -> Iterator[Any]:
        self.bad = []
        for batch in self.batches(epoch, start=start):
            if len(batch.images):  # of a batch nothing may be left
                yield batch.images if batch.targets is None else (batch.images, batch.targets)

    def _ready_engine(self) -> Engine:
        if self._engine is None:
            self._engine = Engine(
                self.source,
                self.pipeline,
                threads=self.threads,
                seed=self.seed,
                dtype=self.dtype,
                layout=self.layout,
                most_pixels=self.max_pixels,
            )
        return self._engine

    def _groups(self, epoch: int, start: int) -> Iterator[list[Ints]]:
        """The records of each batch; batches that are planned together in one list."""
        together = max(1, _PLANNED_TOGETHER // self.batch_size) if self.source.in_memory else 1
        group: list[Ints] = []
        for number, indices in enumerate(self._batch_indices(epoch, start)):
            group.append(indices)
            if number == 0 or len(group) == together:  # nobody waits for others' planning for the first
                yield group
                group = []
        if group:
            yield group

    def _batch_indices(self, epoch: int, start: int) -> Iterator[Ints]:
        """The records of each batch. The order is computed for many at once, for a few NumPy calls each."""
        size, count = self.batch_size, len(self.source)
        end = min(len(self) * size, count)
        for first in range(start * size, end, _ORDERED_TOGETHER * size):
            positions = np.arange(first, min(first + _ORDERED_TOGETHER * size, end))
            order = shuffled(positions, count, seed=self.seed, epoch=epoch) if self.shuffle else positions
            yield from (order[k : k + size] for k in range(0, len(order), size))

    def _check_bad(self, bad: int) -> None:
        if bad > self.max_bad * len(self.source):
            last = self.bad[-1]
            raise SourceError(
                f"{bad} of {len(self.source)} pictures cannot be read, more than max_bad={self.max_bad}; the last is "
                f"{last}; `imagefeed check` lists them all"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = {name: getattr(self, name) for name in _ARGUMENTS}
        return _rebuild, (self.source, self.pipeline, arguments, self.epoch)  # threads do not travel


def render(
    pictures: PictureLike | Sequence[PictureLike],
    pipeline: Pipeline,
    *,
    dtype: Dtype | None = None,
    layout: Layout = "nhwc",
    color: Literal["rgb", "gray"] = "rgb",
) -> NDArray[Any]:
    """A batch of some pictures, as the deterministic form of a pipeline makes them: what a model predicts from.

        >>> from imagefeed import Pipeline, Rescale, Resize, render
        >>> render(tiny_jpeg, Pipeline([Resize((32, 32)), Rescale(1 / 255)])).shape
        (1, 32, 32, 3)

    Args:
        pictures: One picture or several: a path, the bytes of a file, or a uint8 or float32 array (height, width,
            channels) each.
        pipeline: What is done; its random steps are left out.
        dtype: As for `Loader`.
        layout: As for `Loader`.
        color: What encoded pictures become.

    Returns:
        (n, height, width, channels), or channels first; n is 1 for one picture.

    Raises:
        DecodeError: A picture cannot be read.
        PlanError: They do not come out in one size.
    """
    one = isinstance(pictures, str | bytes | os.PathLike | np.ndarray)
    source = Files([pictures] if one else list(pictures), color=color)
    threads = min(len(source), available_cores())
    loader = Loader(
        source, pipeline.deterministic(), batch_size=len(source), dtype=dtype, layout=layout, threads=threads
    )
    return next(iter(loader))


def available_cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _rebuild(source: Source, pipeline: Pipeline, arguments: dict[str, Any], epoch: int) -> Loader:
    loader = Loader(source, pipeline, **arguments)
    loader.epoch = epoch
    return loader


def _dtype_of(pipeline: Pipeline, dtype: Dtype | None) -> Dtype:
    units = len(pipeline) > 0 and pipeline.steps[-1].role == "units"
    if dtype == "uint8" and units:
        raise SpecError(
            f"Loader(dtype='uint8'): {pipeline.steps[-1]!r} leaves the levels 0 to 255; "
            "use dtype='float32', or take that step out"
        )
    return dtype or ("float32" if units else "uint8")


def _check_count(name: str, value: object, most: int | None = None) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or (most is not None and value > most):
        expected = "expected an integer above 0" if most is None else f"expected an integer from 1 to {most}"
        raise fail(f"Loader({name}=)", value, expected)
