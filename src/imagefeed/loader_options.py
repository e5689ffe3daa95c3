"""The arguments of a loader, checked."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from imagefeed.budget import Budget
from imagefeed.cache import Cache
from imagefeed.checks import check_bool, check_choice, check_number, fail
from imagefeed.errors import SourceError, SpecError
from imagefeed.order import Order
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source
from imagefeed.types import Dtype, Layout

OnError: TypeAlias = Literal["raise", "skip", "replace"]
Sampling: TypeAlias = Literal["balanced"] | NDArray[Any]

LARGEST_SEED = 2**64 - 1


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Options:
    """The keyword arguments of `Loader`, with the meaning that they have there. Checked when one is made."""

    batch_size: int
    shuffle: bool | None
    seed: int
    drop_last: bool
    repeat: bool
    steps_per_epoch: int | None
    sampling: Sampling | None
    dtype: Dtype | None
    layout: Layout
    as_dict: bool
    threads: int | Literal["auto"]
    processes: int
    isolate: bool
    prefetch: int
    cache: Literal["ram"] | Cache | None
    memory: int | str | None
    on_error: OnError
    max_bad: float
    max_pixels: int

    def __post_init__(self) -> None:
        for name in ("batch_size", "prefetch", "max_pixels"):
            _check_count(name, getattr(self, name))
        if self.steps_per_epoch is not None:
            _check_count("steps_per_epoch", self.steps_per_epoch)
        if self.threads != "auto":
            _check_count("threads", self.threads, most=1024)
        seed: Any = self.seed
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= LARGEST_SEED:
            raise fail("Loader(seed=)", seed, "expected an integer from 0 to 2**64 - 1")
        self._check_processes()
        for name in ("isolate", "drop_last", "repeat", "as_dict"):
            check_bool(f"Loader({name}=)", getattr(self, name))
        if self.shuffle is not None:
            check_bool("Loader(shuffle=)", self.shuffle)
        if self.dtype is not None:
            check_choice("Loader(dtype=)", self.dtype, get_args(Dtype))
        check_choice("Loader(layout=)", self.layout, ("nhwc", "nchw"))
        check_choice("Loader(on_error=)", self.on_error, ("raise", "skip", "replace"))
        check_number("Loader(max_bad=)", self.max_bad, 0, 1)
        cache: Any = self.cache
        if cache is not None and cache != "ram" and not isinstance(cache, Cache):
            raise fail("Loader(cache=)", cache, 'expected "ram", or Cache(folder)')
        if self.memory is not None:
            Budget.of(self.memory, self.cache_used)

    def _check_processes(self) -> None:
        processes: Any = self.processes
        if type(processes) is not int or not 0 <= processes <= 256:
            raise fail("Loader(processes=)", processes, "expected an integer from 0 to 256")
        if self.isolate is True and sys.platform == "win32":
            raise fail("Loader(isolate=)", True, "Windows has no memory that processes share in this way; use False")

    @property
    def cache_used(self) -> Cache | None:
        """The cache, if there is one."""
        return Cache("ram") if self.cache == "ram" else self.cache


def order_of(source: Source, pipeline: Pipeline, options: Options) -> Order:
    """The order of a loader's batches.

    Raises:
        SpecError: Source, pipeline and options do not go together.
        SourceError: There is no whole batch.
    """
    if not isinstance(source, Source):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise fail("Loader(source=)", source, "expected a source, as from folder(...) or arrays(...)")
    if not isinstance(pipeline, Pipeline):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise fail("Loader(pipeline=)", pipeline, "expected Pipeline([...])")
    if options.cache is not None and source.in_memory:
        raise SpecError(f"Loader(cache=): {source!r} is in memory already; leave cache= out")
    order = Order(
        count=len(source),
        batch_size=options.batch_size,
        seed=options.seed,
        shuffle=pipeline.training if options.shuffle is None else options.shuffle,
        drop_last=options.drop_last,
        steps=options.steps_per_epoch,
        weights=weights_of(source, options.sampling),
    )
    if len(order) == 0:
        raise SourceError(
            f"{source!r} has no whole batch of {options.batch_size}; lower batch_size or pass drop_last=False"
        )
    return order


def dtype_of(pipeline: Pipeline, dtype: Dtype | None) -> Dtype:
    """The dtype of a loader's batches.

    Raises:
        SpecError: It cannot hold what the pipeline makes.
    """
    units = [step for step in pipeline.steps if step.role == "units"]
    if dtype == "uint8" and units:
        raise SpecError(
            f"Loader(dtype='uint8'): {units[-1]!r} leaves the levels 0 to 255; "
            "use dtype='float32', or take that step out"
        )
    return dtype or ("float32" if units else "uint8")


def weights_of(source: Source, sampling: Sampling | None) -> NDArray[np.float64] | None:
    """How often each record is drawn, float64 (n,); None for equally often.

    Raises:
        SourceError: "balanced", but the records have no classes.
        SpecError: There is not one weight of at least 0 for every record, or all are 0.
    """
    if sampling is None:
        return None
    where = "Loader(sampling=)"
    if isinstance(sampling, str):
        if sampling != "balanced":
            raise fail(where, sampling, "expected 'balanced', or an array with a number for every record")
        classes = source.class_indices(np.arange(len(source)))
        if classes is None:
            raise SourceError(f"{source!r} has no classes to balance; give sampling=, one number for every record")
        return 1.0 / np.bincount(classes)[classes]
    values = np.asarray(sampling, np.float64)
    if values.shape != (len(source),):
        raise SpecError(f"{where}: has shape {values.shape}; expected one number for each of {len(source)} records")
    if not np.isfinite(values).all() or values.min() < 0 or values.sum() <= 0:
        raise SpecError(f"{where}: has {values.min()} to {values.max()}; expected numbers of at least 0, one above 0")
    return values


def _check_count(name: str, value: Any, most: int | None = None) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or (most is not None and value > most):
        expected = "expected an integer above 0" if most is None else f"expected an integer from 1 to {most}"
        raise fail(f"Loader({name}=)", value, expected)
