"""What a training loop iterates."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from imagefeed.bad import BadRecords, replaced
from imagefeed.cache import Cache
from imagefeed.checks import check_count
from imagefeed.decode import MOST_PIXELS
from imagefeed.engine import Engine
from imagefeed.errors import DecodeError, SpecError
from imagefeed.feeding import Feeding
from imagefeed.feeds.batches import Units, Where, each, is_dict, without_units
from imagefeed.group import Batch
from imagefeed.grouping import grouped, told
from imagefeed.loader_options import OnError, Options, Sampling, dtype_of, order_of
from imagefeed.memory import available_cores
from imagefeed.order import Portion, Span
from imagefeed.pipeline import Pipeline
from imagefeed.run import Run
from imagefeed.sources import Source
from imagefeed.types import Dtype, Layout

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from imagefeed.isolated import Isolated
    from imagefeed.report import Report

# Pictures that a cache is filled with at once.
_FILLED_TOGETHER = 32


class Loader(Feeding):
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
        repeat: Whether iterating goes on with the next epoch, without an end; that is begun while one ends.
        steps_per_epoch: How many batches an epoch has. The next epoch goes on where this one ends in an endless
            sequence of passes over the records, so that none is left out. By default, one pass is an epoch.
        sampling: How often each record is drawn in relation to the others: one number for each, or "balanced" for
            every class as often. An epoch then has as many records as without, and some of them more than once, each
            time with other draws. Over many epochs the shares are exact; within one they are off by two at most.
        dtype: "uint8", "float16", "float32" or "bfloat16" (a dtype of ml_dtypes, which JAX and TensorFlow bring); by
            default float32 where the pipeline ends in Rescale or Normalize, and else uint8.
        layout: "nhwc" (channels last) or "nchw".
        as_dict: Whether batches are dicts: "image"; "target", or the names of several targets; "weight" where records
            have weights. By default they are tuples (images, targets), and (images, targets, weights) where records
            have weights, as Keras expects it.
        threads: How many native threads decode and render. With "auto", as many as this process may use cores; then
            more and fewer are tried for some batches, and what gives the most pictures a second is kept (`report` says
            what that is).
        processes: How many processes call the Python functions of `Apply`, which must then be importable; 0 for
            threads of this process, which wait for each other's GIL.
        isolate: Whether all of the loader runs in a process of its own, so that it and a busy training loop do not wait
            for each other's GIL. Batches are in memory that both processes see. Not on Windows.
        prefetch: How many batches are made ahead of the one that is used; fewer where `memory` is short.
        cache: Where pictures are kept as far as they are the same every time: "ram", or a `Cache`. By default, nowhere.
        memory: What all of this may take: a cache in memory, pictures being decoded, files read ahead and batches made
            ahead; bytes, or text like "4GB". By default three quarters of what is free, in the control group too
            (`explain` says how it is divided). Two loaders do not know of each other. Batches that the caller keeps
            are not counted.
        on_error: "raise" a DecodeError for a picture that cannot be read; "skip" it: its batch is smaller by one; or
            "replace" it by another one of the epoch, which is drawn for its place.
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
        repeat: bool = False,
        steps_per_epoch: int | None = None,
        sampling: Sampling | None = None,
        dtype: Dtype | None = None,
        layout: Layout = "nhwc",
        as_dict: bool = False,
        threads: int | Literal["auto"] = "auto",
        processes: int = 0,
        isolate: bool = False,
        prefetch: int = 4,
        cache: Literal["ram"] | Cache | None = None,
        memory: int | str | None = None,
        on_error: OnError = "raise",
        max_bad: float = 0.01,
        max_pixels: int = MOST_PIXELS,
    ) -> None:
        self.options = Options(
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            drop_last=drop_last,
            repeat=repeat,
            steps_per_epoch=steps_per_epoch,
            sampling=sampling,
            dtype=dtype,
            layout=layout,
            as_dict=as_dict,
            threads=threads,
            processes=processes,
            isolate=isolate,
            prefetch=prefetch,
            cache=cache,
            memory=memory,
            on_error=on_error,
            max_bad=max_bad,
            max_pixels=max_pixels,
        )
        self._order = order_of(source, pipeline, self.options)
        self.source = source
        self.pipeline = pipeline
        self.batch_size = batch_size
        self.seed = seed
        self.layout: Layout = layout
        self.dtype: Dtype = dtype_of(pipeline, dtype)
        self.threads = available_cores() if threads == "auto" else threads
        self.bad = BadRecords()
        """The pictures that could not be read since the current epoch began; `bad.save("bad.csv")` writes them down."""
        self._engine: Engine | None = None
        self._isolated: Isolated | None = None
        self._lock = threading.Lock()
        self._making = threading.Lock()  # of the engine; `_lock` is of what Keras has taken

    # -------------------------------------------------------------------------------------------- a sequence

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return len(self._order)

    def __iter__(self) -> Iterator[Any]:
        epoch, start = self._coming()
        self._next_epoch = epoch + 1
        return self._endless(epoch, start) if self.options.repeat else self._epoch(epoch, start)

    def __repr__(self) -> str:
        order = "shuffled" if self._order.shuffle else "in order"
        shard = f", shard {self._order.rank} of {self._order.world}" if self._order.world > 1 else ""
        return (
            f"Loader({self.source!r}, {len(self.pipeline)} steps, {len(self)} batches of {self.batch_size} {order}, "
            f"{self.dtype} {self.layout}, seed {self.seed}, {self.threads} threads{shard})"
        )

    def _repr_html_(self) -> str:
        from imagefeed.notebook import loader_html

        return loader_html(self)

    def show(self, *, count: int = 12, columns: int = 4) -> Figure:
        """The first pictures of the coming epoch, with labels, boxes, points and masks, as a matplotlib figure.

        They are as they are before their units: steps such as Normalize are left out. A notebook shows the figure;
        elsewhere `figure.savefig(path)` does. Needs matplotlib: `pip install 'imagefeed[notebook]'`.

        Args:
            count: How many pictures; at most as many as there are.
            columns: How many stand side by side.

        Raises:
            DecodeError: One of them cannot be read.
        """
        from imagefeed.notebook import figure

        return figure(self, count=count, columns=columns)

    def batches(self, epoch: int, *, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """One epoch, or some batches of it, with the indices of the records in each batch.

        Args:
            epoch: Any epoch; the loader's own counter stays where it is.
            start: The first batch.
            stop: The batch after the last one; None for all that follow.

        Raises:
            SpecError: One of them is no number of an epoch or a batch.
        """
        first, number = check_count("batches(start=)", start), check_count("batches(epoch=)", epoch)
        end = None if stop is None else check_count("batches(stop=)", stop)
        with closing(self._run(Span(number, first, end))) as made:  # at once: an error holds on to what was under way
            yield from self._good(made)

    def _good(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches of an epoch, in which bad pictures are dealt with as `on_error` says."""
        bad = BadRecords()

        def note(batch: Batch) -> None:
            if self.options.on_error == "raise":
                raise batch.bad[0]
            bad.add(batch.bad)
            self.bad.add(batch.bad)
            bad.check(len(self.source), self.options.max_bad)

        def make(portion: Portion) -> Batch:
            return next(self._run(portion))

        for batch in batches:
            if not batch.bad:
                yield batch
                continue
            note(batch)
            yield replaced(batch, self._order, make, note) if self.options.on_error == "replace" else batch

    def report(self) -> Report:
        """Where the time went since the loader was made, and what to try. Printed, it is a table.

        >>> from imagefeed import Loader, Pipeline, Resize
        >>> loader = Loader(photos, Pipeline([Resize((32, 32))]))
        >>> _ = list(loader)
        >>> loader.report().images
        12
        """
        if self._isolated is not None and self._isolated.alive:
            return self._isolated.report()
        return self._ready_engine().report()

    def cache_estimate(self) -> tuple[int, str]:
        """About how many bytes the cache will hold, and what it holds, in words.

        Raises:
            SpecError: The loader has no cache.
        """
        engine = self._ready_engine()
        if engine.keeper is None:
            raise SpecError("Loader has no cache; make it with cache='ram' or cache=Cache(folder)")
        return engine.keeper.expected(engine.sizes), engine.keeper.words

    def fill_cache(self, advance: Callable[[int], None] = lambda total: None) -> list[DecodeError]:
        """Put every record into the cache that is not there yet; an epoch does the same by the way.

        Args:
            advance: Called after every record with the number of all.

        Returns:
            What could not be read.

        Raises:
            SpecError: The loader has no cache, or one in the memory of a process of its own (`isolate`).
        """
        self.cache_estimate()
        cache = self.options.cache_used
        if self.options.isolate and cache is not None and cache.in_ram:
            raise SpecError("fill_cache: the cache is in the memory of another process (isolate=True); iterate instead")
        engine, count, bad = self._ready_engine(), len(self.source), BadRecords()
        for first in range(0, count, _FILLED_TOGETHER):
            indices = np.arange(first, min(first + _FILLED_TOGETHER, count))
            bad.add(engine.fill(indices))
            for _ in indices:
                advance(count)
        return bad

    @property
    def is_shard(self) -> bool:
        """Whether this is one of several parts that `shard` made."""
        return self._order.world > 1

    @property
    def is_endless(self) -> bool:
        """Whether iterating goes on with the next epoch (`repeat`)."""
        return self.options.repeat

    # -------------------------------------------------------------------------------------------- its records

    def shard(self, rank: int, world: int) -> Loader:
        """This loader's part of every batch, for one of several processes that train together. It begins where this
        loader stands.

        Every record comes on exactly one shard in an epoch. All shards have equally many batches of equal size: where
        the last batch cannot be divided, its first records come again at the end of some shards (`Batch.padding` says
        how many), unless it is left out by `drop_last`.

            >>> from imagefeed import Loader, Pipeline, Resize
            >>> loader = Loader(photos, Pipeline([Resize((32, 32))]), batch_size=8)
            >>> [len(images) for images, _ in loader.shard(0, 2)]
            [4, 2]

        Args:
            rank: Which shard, from 0 to world - 1.
            world: How many there are; divides `batch_size`.

        Raises:
            SpecError: There is no such shard, or the batch cannot be divided.
        """
        if world < 1 or self.batch_size % world:
            raise SpecError(f"shard(world={world}): does not divide batch_size={self.batch_size}; choose one that does")
        if not 0 <= rank < world:
            raise SpecError(f"shard(rank={rank}): expected 0 to {world - 1}")
        if self._order.world > 1:
            raise SpecError(f"shard: this is shard {self._order.rank} of {self._order.world}; divide the whole loader")
        return _rebuild(self.source, self.pipeline, self._arguments(), (rank, world), self._coming())

    def replay(self, epoch: int, index: int, *, copy: int = 0) -> Any:
        """One training picture again, as an epoch gave it.

            >>> from imagefeed import Loader, Pipeline, RandomCrop
            >>> image, label = Loader(photos, Pipeline([RandomCrop((32, 32))])).replay(epoch=3, index=7)
            >>> image.shape, int(label)
            ((32, 32, 3), 1)

        Args:
            epoch: Which epoch.
            index: Which record.
            copy: Which of its appearances, where it comes more than once in an epoch (`sampling`, `steps_per_epoch`):
                `Batch.keys` is index + copy * len(source).

        Returns:
            (image, target), or the image alone where the source has no targets. Several targets are a dict.

        Raises:
            IndexError: There is no such record.
            DecodeError: It cannot be read.
        """
        self._check_index(index)
        epoch = check_count("replay(epoch=)", epoch)
        record = np.array([index], np.int64)
        keys = record + copy * len(self.source)
        portion = Portion(record, keys, number=self._batch_of(int(keys[0]), epoch), epoch=epoch)
        batch = next(self._run(portion))
        for error in batch.bad:
            raise error
        if batch.targets is None:
            return batch.images[0]
        return batch.images[0], each(batch.targets, lambda array: array[0])

    def explain(self, index: int, *, epoch: int | None = None) -> str:
        """What is done to one record, in words: its draws, and the reading and the passes that follow from them.

        Args:
            index: The record.
            epoch: Which epoch's draws; by default those of the coming one.

        Raises:
            IndexError: There is no such record.
            DecodeError: It cannot be read.
        """
        self._check_index(index)
        engine = self._ready_engine()
        record = np.array([index], np.int64)
        chosen = self.epoch if epoch is None else check_count("explain(epoch=)", epoch)
        portion = Portion(record, record, number=self._batch_of(index, chosen), epoch=chosen)
        group = engine.fetch([portion], threading.Event())
        engine.finish_fetch(group)
        for error in group.errors.values():
            raise error
        plans = engine.plans(group)
        name = self.source.names(np.array([index]))[0]
        stored = f"  stored as {self.dtype} {self.layout}"
        if engine.keeper is not None:
            stored = f"  {engine.keeper.words}\n{stored}"
        return "\n".join([name, *(one.explain(0) for one in plans), stored, f"  memory {engine.budget}"])

    # -------------------------------------------------------------------------------------------- its parts

    def _batch_of(self, key: int, epoch: int) -> int:
        """The batch of a record, where anything depends on it."""
        return self._order.batch_of(key, epoch) if self.pipeline.shares_draws else 0

    def _epoch(self, epoch: int, start: int = 0, made: Iterator[Batch] | None = None) -> Iterator[Any]:
        """An epoch, whose batches are counted as given; `made`: its batches, if they are being made already."""
        self.bad = BadRecords()
        self._place = (epoch, start)
        for batch in self.batches(epoch, start=start) if made is None else self._good(made):
            self._place = (epoch, batch.portion.number + 1)
            if len(batch.images):  # of a batch nothing may be left
                yield self._given(batch)
        self._place = (epoch + 1, 0)

    def _endless(self, epoch: int, start: int) -> Iterator[Any]:
        with closing(self._run(Span(epoch, start, endless=True))) as made:  # the next epoch is begun while one ends
            for number, batches in itertools.groupby(made, lambda batch: batch.portion.epoch):
                self._next_epoch = number + 1
                yield from self._epoch(number, start if number == epoch else 0, batches)

    def _single(self, number: int) -> Any:
        return self._given(next(iter(self.batches(self.epoch, start=number))))

    def _fed(self, normalize: Where) -> tuple[Loader, Units | None]:
        """The loader whose batches are sent to a device, and the units that the device gives them."""
        if normalize == "host":
            return self, None
        pipeline, units = without_units(self.pipeline)
        shard = self._order.rank, self._order.world
        return _rebuild(self.source, pipeline, self._arguments() | {"dtype": "uint8"}, shard, self._coming()), units

    def _given(self, batch: Batch) -> Any:
        """A batch as iterating gives it."""
        weights = self.source.sample_weights(batch.indices)
        if self.options.as_dict:
            named = batch.targets if is_dict(batch.targets) else {"target": batch.targets}
            parts = {"image": batch.images, **named, "weight": weights}
            return {name: part for name, part in parts.items() if part is not None}
        if weights is not None:
            return batch.images, batch.targets, weights
        return batch.images if batch.targets is None else (batch.images, batch.targets)

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self.source):
            raise IndexError(f"record {index}: expected 0 to {len(self.source) - 1}")

    def _ready_engine(self) -> Engine:
        with self._making:  # several threads may iterate, as in an actor of Ray's
            if self._engine is None:
                self._engine = Engine(
                    self.source,
                    self.pipeline,
                    threads=self.options.threads,
                    seed=self.seed,
                    dtype=self.dtype,
                    layout=self.layout,
                    most_pixels=self.options.max_pixels,
                    cache=self.options.cache_used,
                    processes=self.options.processes,
                    memory=self.options.memory,
                )
            return self._engine

    def _run(self, part: Span | Portion) -> Generator[Batch, None, None]:
        """Some batches; or one batch, of a portion."""
        if self.options.isolate:
            from imagefeed.isolated import Isolated  # multiprocessing: not before it is needed

            if self._isolated is None or not self._isolated.alive:
                self._isolated = Isolated(self._rebuilt(isolate=False))
            return self._isolated.run(part)
        engine = self._ready_engine()
        portions = iter([part]) if isinstance(part, Portion) else told(self._order.portions(part), self.source)
        groups = grouped(portions, lambda: engine.planned_together)
        return iter(Run(engine, groups, ahead=self.options.prefetch))

    def _rebuilt(self, **changes: Any) -> Loader:
        """The same loader, but for some arguments."""
        shard = self._order.rank, self._order.world
        return _rebuild(self.source, self.pipeline, self._arguments() | changes, shard)

    def __reduce__(self) -> tuple[Any, ...]:
        shard = self._order.rank, self._order.world
        # Threads do not travel.
        return _rebuild, (self.source, self.pipeline, self._arguments(), shard, self._coming())

    def _arguments(self) -> dict[str, Any]:
        return {one.name: getattr(self.options, one.name) for one in fields(self.options)}


def _rebuild(
    source: Source,
    pipeline: Pipeline,
    arguments: Mapping[str, Any],
    shard: tuple[int, int],
    place: tuple[int, int] = (0, 0),
) -> Loader:
    loader = Loader(source, pipeline, **arguments)
    loader._order = replace(loader._order, rank=shard[0], world=shard[1])  # pyright: ignore[reportPrivateUsage]
    loader._go_to(*place)  # pyright: ignore[reportPrivateUsage]
    return loader
