"""Measuring pictures in one streaming pass, or two for a sketch: what `Statistics.fit` does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_bool, check_choice, fail
from imagefeed.errors import SpecError
from imagefeed.loader import Loader
from imagefeed.merging import Moments, of_matrix
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source, arrays
from imagefeed.statistics import Covariance, Method, Per, Statistics
from imagefeed.sums import MomentSum, ProjectedSum, Rows, ScatterSum, SketchSum, Sum
from imagefeed.types import Layout

S = TypeVar("S", bound=Sum)

_BATCH_BYTES = 16 << 20
# A larger batch, where each one is added to a whole matrix.
_WHITENING_BYTES = 64 << 20
# Of a symmetric d x d matrix in double precision: the sum, what is added to it, and later what its decomposition needs.
_BYTES_EXACT = 40
# Of a d x l sketch: the random matrix, the sketch, and both factors of its decomposition.
_BYTES_SKETCH = 32
_RANK = 512
# So many directions more are followed than are held: the last ones would be found badly.
_OVERSAMPLED = 32


Summing: TypeAlias = Callable[[Loader, int, Callable[[], S], str], S]
"""Sums over some epochs of a loader, which are described in words: `summing(loader, epochs, make, words)`."""


def fit(
    source: Source | NDArray[Any],
    pipeline: Pipeline | None,
    *,
    per: Per | None,
    whiten: Method | None,
    draws: int,
    rank: int | None,
    memory: int,
    seed: int,
    batch_size: int | None,
    threads: int | Literal["auto"],
    progress: bool,
    summing: Summing[Any] | None = None,
) -> Statistics:
    """What `Statistics.fit` does; its arguments and errors. `summing` may sum elsewhere than in this process."""
    _check(per, whiten, rank, {"draws": (draws, 0), "memory": (memory, 1), "batch_size": (batch_size, 1)}, progress)
    records = arrays(source) if isinstance(source, np.ndarray) else source
    steps = Pipeline([]) if pipeline is None else pipeline
    steps = steps if draws else steps.deterministic()
    per = per or ("pixel" if whiten else "channel")
    options = {"batch_size": batch_size, "seed": seed, "threads": threads}
    room = _WHITENING_BYTES if whiten else _BATCH_BYTES
    stream = _Stream(records, steps, per, max(draws, 1), room, summing or partial(summed, progress=progress), options)
    covariance = None
    if whiten is None:
        moments = stream.total(partial(MomentSum, per), "measuring").moments
    elif _BYTES_EXACT * stream.values**2 <= memory:
        total = stream.total(partial(ScatterSum, stream.values), "measuring")
        moments, matrix = total.moments, total.matrix
        matrix /= moments.count
        covariance = of_matrix(matrix, whiten, rank)
    else:
        moments, covariance = _sketched(stream, whiten, _rank(stream, rank, memory), seed)
    shape = stream.shape if per == "pixel" else (1, 1, stream.shape[2])
    return Statistics(
        count=stream.count,
        values=moments.count,
        mean=moments.mean.reshape(shape),
        std=moments.std.reshape(shape),
        covariance=covariance,
    )


def _check(per: Any, whiten: Any, rank: Any, counts: Mapping[str, tuple[Any, int]], progress: Any) -> None:
    for name, value, choices in (("per", per, get_args(Per)), ("whiten", whiten, get_args(Method))):
        if value is not None:
            check_choice(f"Statistics.fit({name}=)", value, choices)
    for name, (value, least) in {**counts, "rank": (rank, 1)}.items():
        if value is not None and (type(value) is not int or value < least):
            raise fail(f"Statistics.fit({name}=)", value, f"expected an integer of at least {least}")
    check_bool("Statistics.fit(progress=)", progress)
    if whiten is not None and per == "channel":
        raise fail("Statistics.fit(per=)", per, "a whitening takes the mean off every pixel: leave per out")
    if rank is not None and whiten is None:
        raise fail("Statistics.fit(rank=)", rank, "only a whitening has one")


def summed(loader: Loader, epochs: int, make: Callable[[], S], what: str, *, progress: bool) -> S:
    """Sums over some epochs of a loader."""
    total = make()
    with _bar(what, epochs * len(loader.source), progress) as advance:
        for epoch in range(epochs):
            for batch in loader.batches(epoch):
                total.add(batch.images)
                advance(len(batch.images))
    return total


class _Stream:
    """The pictures to measure, as often as they are asked for.

    Attributes:
        shape: (height, width, channels) of a picture.
        values: How many values it has.
        count: How many pictures one pass gives.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        per: Per,
        epochs: int,
        room: int,
        summing: Summing[Any],
        options: Mapping[str, Any],
    ) -> None:
        def loader(size: int, layout: Layout) -> Loader:
            given: dict[str, Any] = {**options, "batch_size": size, "layout": layout}
            return Loader(source, pipeline, shuffle=False, dtype="float32", **given)

        first = next(loader(1, "nhwc").batches(0)).images
        self.shape: tuple[int, int, int] = first.shape[1:]
        self.values = int(np.prod(self.shape))
        size = options["batch_size"] or max(1, min(room // (4 * self.values), 1024))
        self._loader = loader(size, "nchw" if per == "channel" else "nhwc")
        self._epochs = epochs
        self._summing = summing
        self.count = len(source) * epochs

    def total(self, make: Callable[[], S], what: str) -> S:
        """One pass over all pictures."""
        return self._summing(self._loader, self._epochs, make, what)

    def first(self) -> Rows:
        """The mean of the first batch, float32 (values,)."""
        batch = next(self._loader.batches(0)).images
        return batch.reshape(len(batch), -1).astype(np.float64).mean(axis=0).astype(np.float32)


def _sketched(stream: _Stream, method: Method, rank: int, seed: int) -> tuple[Moments, Covariance]:
    """The moments of every value, and the largest directions of their covariance, whose matrix is never made.

    The first pass multiplies the covariance with a random matrix; the second finds, among the directions that this
    gave, the best and their exact variances.
    """
    followed = min(rank + _OVERSAMPLED, stream.values)
    first = stream.total(partial(SketchSum, stream.first(), followed, seed), "measuring, first pass")
    moments, sketch = first.moments, first.sketch.astype(np.float32)
    del first
    directions = np.linalg.qr(sketch)[0].astype(np.float32)
    del sketch
    second = partial(ProjectedSum, moments.mean.astype(np.float32), directions)
    inner = stream.total(second, "measuring, second pass").matrix
    held = of_matrix(inner / moments.count, method, rank)
    lost = max(float(moments.squares.sum()) / moments.count - float(held.variances.sum()), 0.0)
    others = stream.values - len(held.variances)
    basis = directions @ held.basis.astype(np.float32)
    rest = lost / others if others else 0.0
    return moments, Covariance(basis=basis, variances=held.variances, rest=rest, method=method)


def _rank(stream: _Stream, rank: int | None, memory: int) -> int:
    """How many directions a sketch holds.

    Raises:
        SpecError: It does not fit into the memory.
    """
    chosen = min(rank or _RANK, stream.values, stream.count)
    needed = _BYTES_SKETCH * stream.values * (chosen + _OVERSAMPLED)
    if needed <= memory:
        return chosen
    size = "x".join(map(str, stream.shape))
    raise SpecError(
        f"Statistics.fit(whiten=): pictures of {size} have {stream.values} values, whose covariance takes "
        f"{_size(_BYTES_EXACT * stream.values**2)} and a sketch of its {chosen} largest directions {_size(needed)}, "
        f"but memory={_size(memory)}; raise it, or lower rank, or make the pictures smaller by Resize"
    )


def _size(count: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"


@contextmanager
def _bar(what: str, total: int, wanted: bool) -> Generator[Callable[[int], None], None, None]:
    """A progress bar, where there is a terminal to show it on."""
    if not wanted or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console  # only for a person who waits
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)
