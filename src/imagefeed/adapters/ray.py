"""Work that outgrows one machine, done by Ray: `pip install 'imagefeed[ray]'`.

    from imagefeed.adapters import ray as feed_ray

    feed_ray.dataset(source, pipeline)           batches, as a ray.data.Dataset
    feed_ray.fit_statistics(source, pipeline)    what Statistics.fit measures
    feed_ray.materialize(source, pipeline, out)  draws of every picture, as tar files
    feed_ray.build_cache(source, pipeline, out)  what a cache keeps of every picture, as tar files

Every machine must see the source's files under the same paths. An actor renders on every machine, with native threads
for its cores. Random numbers are keyed by record, so it does not matter which machine makes what: work that is lost
with a machine is done again on another one, with the same result.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from imagefeed.cache import Cache
from imagefeed.cache_point import kept
from imagefeed.checks import fail
from imagefeed.errors import ImagefeedError, WorkerError
from imagefeed.feeds.batches import is_dict
from imagefeed.fitting import fit
from imagefeed.loader import Loader
from imagefeed.loader_options import OnError
from imagefeed.materializing import check_files, packing_of
from imagefeed.packing import FileFormat, Manifest, Packing, Shard
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source
from imagefeed.statistics import Method, Per, Statistics
from imagefeed.sums import Sum
from imagefeed.types import Dtype, Layout

try:
    ray: Any = import_module("ray")
    data: Any = import_module("ray.data")
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{error.name} is not installed: pip install 'imagefeed[ray]'", name=error.name
    ) from error

S = TypeVar("S", bound=Sum)
Row = dict[str, Any]
Unit = dict[str, int]
# What can be done anywhere, one unit at a time and always with the same result: rows of some records each, in columns.
Work = Callable[..., Iterator[Row]]

# Pictures of a unit of rendering: what is lost with a machine. In smaller ones, what Ray does for each unit shows.
_RENDERED = 1024
# Units for each actor, at least: so that none waits long for the last one.
_SHARES = 4
# Sums over units that are small, and over such that are matrices.
_SMALL_SUMS, _LARGE_SUMS = 32, 2
# Samples of a tar file; some 250 MB of photographs for training.
_SAMPLES = 5000
# Blocks that Ray is given at once; more units than that share them.
_BLOCKS = 10_000


def dataset(
    source: Source,
    pipeline: Pipeline,
    *,
    batch_size: int = 32,
    epoch: int = 0,
    epochs: int = 1,
    shuffle: bool | None = None,
    seed: int = 0,
    drop_last: bool = False,
    dtype: Dtype | None = None,
    layout: Layout = "nhwc",
    on_error: OnError = "raise",
    actors: int | None = None,
    cpus: int | None = None,
    progress: bool = True,
) -> Any:
    """Epochs of a source, rendered on all machines: a `ray.data.Dataset` with a row for every record.

    Columns are "image"; "target", or the names of several targets (those of one target, such as boxes, as
    "target.boxes"); "weight" where records have weights; and where a row belongs: "epoch", "batch", "index" (the
    record). Rows of a batch stand together, in the order in which `Loader` gives them, and are the same to the byte.
    Batches come as they are ready; `dataset.context.execution_options.preserve_order = True` keeps their order too,
    for which the object store has to hold what waits for a slower machine.

    `dataset.iter_batches(batch_size=...)`, `iter_torch_batches`, `iter_jax_batches` and `streaming_split` are Ray's.

    Args:
        source: As for `Loader`. It is sent to every machine once.
        pipeline: As for `Loader`.
        batch_size: As for `Loader`.
        epoch: The first epoch. Iterating the dataset again gives the same epochs again.
        epochs: How many, one after another.
        shuffle: As for `Loader`.
        seed: As for `Loader`.
        drop_last: As for `Loader`.
        dtype: As for `Loader`. uint8 is a quarter of what float32 moves through the object store.
        layout: As for `Loader`.
        on_error: As for `Loader`.
        actors: How many actors render; by default as many as fit, which is one on each of equal machines.
        cpus: The cores of an actor, which are reserved for it, and how many threads it has; by default the cores of the
            smallest machine. Leave some free where Ray has other work beside: a training worker takes one.
        progress: Whether Ray shows how far it is.

    Raises:
        SpecError: An argument has a value that it cannot have.
    """
    pool = _Pool.of(actors, cpus)
    for name, value, least in (("epoch", epoch, 0), ("epochs", epochs, 1)):
        if type(value) is not int or value < least:
            raise fail(f"dataset({name}=)", value, f"expected an integer of at least {least}")
    options: dict[str, Any] = {"shuffle": shuffle, "seed": seed, "drop_last": drop_last, "on_error": on_error}
    loader = Loader(source, pipeline, batch_size=batch_size, dtype=dtype, layout=layout, threads=pool.cpus, **options)
    size = min(_RENDERED // batch_size, epochs * len(loader) // (_SHARES * pool.actors))
    units = _ranges(loader, range(epoch, epoch + epochs), max(size, 1))
    return pool.mapped(_Rendering(loader), units, progress=progress)


def fit_statistics(
    source: Source,
    pipeline: Pipeline | None = None,
    *,
    per: Per | None = None,
    whiten: Method | None = None,
    draws: int = 0,
    rank: int | None = None,
    memory: int = 4 << 30,
    seed: int = 0,
    batch_size: int | None = None,
    actors: int | None = None,
    cpus: int | None = None,
    progress: bool = True,
) -> Statistics:
    """What `Statistics.fit` measures, on all machines; equal to 1e-9.

    Sums over parts of the source are made where the parts are rendered, and added up here in double precision.

    Args:
        source: As for `Statistics.fit`, but no array: `arrays(...)` of it.
        pipeline: As for `Statistics.fit`.
        per: As for `Statistics.fit`.
        whiten: As for `Statistics.fit`.
        draws: As for `Statistics.fit`.
        rank: As for `Statistics.fit`.
        memory: As for `Statistics.fit`; of every actor, and here.
        seed: As for `Statistics.fit`.
        batch_size: As for `Statistics.fit`.
        actors: As for `dataset`.
        cpus: As for `dataset`.
        progress: As for `dataset`.

    Raises:
        SpecError: An argument has a value that it cannot have, or a whitening does not fit into the memory.
        PlanError: The pictures do not come out in one size.
    """
    pool = _Pool.of(actors, cpus)
    # Sums of a whitening are as large as `memory` allows: an actor has one.
    shares, together = (_LARGE_SUMS, 1) if whiten else (_SMALL_SUMS, 2)

    def summed(loader: Loader, epochs: int, make: Callable[[], S], what: str) -> S:
        size = -(-epochs * len(loader) // (shares * pool.actors))
        units = _ranges(loader, range(epochs), size)
        total = make()
        for row in pool.rows(_Summing(loader, make), units, progress=progress, together=together):
            total.merge(pickle.loads(row["sum"]))
        return total

    options: dict[str, Any] = {"per": per, "whiten": whiten, "draws": draws, "rank": rank, "memory": memory}
    return fit(
        source,
        pipeline,
        **options,
        seed=seed,
        batch_size=batch_size,
        threads=pool.cpus,
        progress=progress,
        summing=summed,
    )


def materialize(
    source: Source,
    pipeline: Pipeline,
    out: str | os.PathLike[str],
    *,
    copies: int = 10,
    seed: int = 0,
    format: FileFormat = "jpg",  # noqa: A002 - the word that Pillow and the rest use
    quality: int = 95,
    shards: int | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    actors: int | None = None,
    cpus: int | None = None,
    progress: bool = True,
) -> Manifest:
    """Write several draws of every picture to tar files, on all machines: those of `imagefeed.materialize(shards=)`.

    A file appears under its name when it is whole, and the manifest when all files are. Where the work was broken off,
    the same call goes on with it.

    Args:
        source: As for `imagefeed.materialize`.
        pipeline: As for `imagefeed.materialize`.
        out: A folder that all machines see, and that is empty or not yet there.
        copies: As for `imagefeed.materialize`.
        seed: As for `imagefeed.materialize`.
        format: As for `imagefeed.materialize`.
        quality: As for `imagefeed.materialize`.
        shards: How many files; by default as many as hold 5,000 pictures each, but at least 8.
        on_error: "raise" DecodeError for a picture that cannot be read, or "skip" it: `manifest.bad` lists it.
        actors: As for `dataset`.
        cpus: As for `dataset`.
        progress: As for `dataset`.

    Returns:
        What `Manifest.load(out)` gives.

    Raises:
        SpecError: An argument has a value that it cannot have.
        SourceError: The folder holds something else, or the source has targets other than classes.
        DecodeError: A picture cannot be read.
    """
    check_files(source, pipeline, copies, quality, format)
    given: dict[str, Any] = {"seed": seed, "form": format, "quality": quality, "on_error": on_error}
    return _packed(source, pipeline, out, _Pool.of(actors, cpus), shards, progress, copies=copies, **given)


def build_cache(
    source: Source,
    pipeline: Pipeline,
    out: str | os.PathLike[str],
    *,
    shards: int | None = None,
    format: FileFormat = "jpg",  # noqa: A002
    quality: int = 95,
    short_side: int | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    actors: int | None = None,
    cpus: int | None = None,
    progress: bool = True,
) -> Manifest:
    """Write what a `Cache` keeps of every picture to tar files, on all machines.

    That is what the steps before the first random one make of it, `manifest.done` of them; where there are none, the
    whole picture, shrunk to what training can use. Training reads `shards(manifest.files, classes=manifest.classes)`
    through `Pipeline(pipeline.steps[manifest.done :])`.

    Args:
        source: As for `materialize`.
        pipeline: That of the training.
        out: As for `materialize`.
        shards: As for `materialize`.
        format: Of the pictures: "png" for the very levels, "jpg" for a tenth of their size.
        quality: Of JPEG and WebP, 1 to 100.
        short_side: As for `Cache`.
        on_error: As for `materialize`.
        actors: As for `dataset`.
        cpus: As for `dataset`.
        progress: As for `dataset`.

    Raises:
        SpecError: An argument has a value that it cannot have.
        SourceError: As for `materialize`.
        DecodeError: A picture cannot be read.
    """
    steps, done = kept(pipeline, Cache(out, short_side=short_side))
    check_files(source, steps, 1, quality, format)
    given: dict[str, Any] = {"seed": 0, "form": format, "quality": quality, "on_error": on_error, "done": done}
    return _packed(source, steps, out, _Pool.of(actors, cpus), shards, progress, copies=1, **given)


def _packed(
    source: Source,
    pipeline: Pipeline,
    out: str | os.PathLike[str],
    pool: _Pool,
    shards: int | None,
    progress: bool,
    **given: Any,
) -> Manifest:
    count = shards or min(len(source), max(8, -(-given["copies"] * len(source) // _SAMPLES)))
    packing = packing_of(source, pipeline, os.path.abspath(out), shards=count, threads=pool.cpus, **given)
    packing.begin()
    units = [{"number": number} for number in range(count)]
    return packing.finish(
        [Shard.of(json.loads(row["shard"])) for row in pool.rows(_Packing(packing), units, progress=progress)]
    )


def _ranges(loader: Loader, epochs: Sequence[int], size: int) -> list[Unit]:
    """Some batches each, of some epochs."""
    starts = range(0, len(loader), size)
    return [{"epoch": epoch, "start": start, "stop": start + size} for epoch in epochs for start in starts]


# ----------------------------------------------------------------------------------------------- what actors do


@dataclass(frozen=True, slots=True)
class _Rendering:
    loader: Loader

    def __call__(self, *, epoch: int, start: int, stop: int) -> Iterator[Row]:
        for number, batch in enumerate(self.loader.batches(epoch, start=start, stop=stop), start):
            count = len(batch.images)
            if count:  # of a batch nothing may be left
                targets = batch.targets if is_dict(batch.targets) else {"target": batch.targets}
                weights = self.loader.source.sample_weights(batch.indices)
                yield {
                    "image": batch.images,
                    **_columns({**targets, "weight": weights}),
                    "index": batch.indices,
                    "epoch": np.full(count, epoch),
                    "batch": np.full(count, number),
                }


@dataclass(frozen=True, slots=True)
class _Summing:
    loader: Loader
    make: Callable[[], Sum]

    def __call__(self, *, epoch: int, start: int, stop: int) -> Iterator[Row]:
        total = self.make()
        for batch in self.loader.batches(epoch, start=start, stop=stop):
            total.add(batch.images)
        yield {"sum": _one(pickle.dumps(total))}


@dataclass(frozen=True, slots=True)
class _Packing:
    packing: Packing

    def __call__(self, *, number: int) -> Iterator[Row]:
        yield {"shard": _one(json.dumps(asdict(self.packing.write(number))))}


class _Actor:
    """What Ray runs on a machine."""

    def __init__(self, work: Any) -> None:
        self._work: Work = ray.get(work)

    def __call__(self, units: Mapping[str, NDArray[np.int64]]) -> Iterator[Row]:
        for values in zip(*(column.tolist() for column in units.values()), strict=True):
            yield from self._work(**dict(zip(units, values, strict=True)))


def _columns(parts: Mapping[str, Any], prefix: str = "") -> Row:
    """The arrays of a batch by name, those of one thing with its name in front; what is not there is left out."""
    found: Row = {}
    for name, one in parts.items():
        if is_dict(one):
            found |= _columns(one, f"{prefix}{name}.")
        elif one is not None:
            found[prefix + name] = one
    return found


def _one(value: object) -> NDArray[np.object_]:
    column = np.empty(1, object)
    column[0] = value
    return column


# ----------------------------------------------------------------------------------------------- who does it


@dataclass(frozen=True, slots=True)
class _Pool:
    """Actors that do some work.

    Attributes:
        actors: How many.
        cpus: The cores of each.
    """

    actors: int
    cpus: int

    @classmethod
    def of(cls, actors: int | None, cpus: int | None) -> _Pool:
        """The actors that are asked for; by default as many as fit on the machines that are there now."""
        for name, value in (("actors", actors), ("cpus", cpus)):
            if value is not None and (type(value) is not int or value < 1):
                raise fail(f"{name}=", value, "expected an integer above 0")
        if not ray.is_initialized():
            ray.init()
        cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        cores = [count for count in cores if count]
        if not cores:
            raise WorkerError("Ray has no machine with a core that work could be done on; add one")
        each = min(cores) if cpus is None else cpus
        fit_in = sum(count // each for count in cores)
        if not fit_in:
            raise fail("cpus=", cpus, f"expected at most {max(cores)}, the cores of the largest machine")
        return cls(fit_in if actors is None else actors, each)

    def mapped(self, work: Work, units: Sequence[Unit], *, progress: bool, together: int = 2) -> Any:
        """A dataset of the rows of all units. An actor does two together: while one ends, the other has work for all
        threads.
        """
        strategy = data.ActorPoolStrategy(
            size=min(self.actors, len(units)), max_concurrent_calls_per_actor=together, enable_true_multi_threading=True
        )
        given = data.from_items(list(units), override_num_blocks=min(len(units), _BLOCKS))
        mapped = given.map_batches(
            _Actor,
            fn_constructor_args=[ray.put(work)],
            batch_size=None,
            batch_format="numpy",
            compute=strategy,
            num_cpus=self.cpus,
        )
        mapped.context.enable_progress_bars = progress
        return mapped

    def rows(self, work: Work, units: Sequence[Unit], *, progress: bool, together: int = 2) -> Iterator[Row]:
        """The rows of all units, of which each gives one."""
        count = 0
        with _own_errors():
            for row in self.mapped(work, units, progress=progress, together=together).iter_rows():
                yield row
                count += 1
        if count != len(units):
            raise WorkerError(f"Ray gave {count} results of {len(units)} pieces of work; run it again")


@contextmanager
def _own_errors() -> Generator[None, None, None]:
    """Errors of this package as they were raised on another machine, instead of what Ray wraps them into."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            inner = getattr(cause, "cause", None) or cause.__cause__
            if isinstance(inner, ImagefeedError):
                raise inner from error
            cause = inner
        raise
