"""Measuring pictures in one streaming pass, or two for a sketch: what `Statistics.fit` does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import check_bool, check_choice, fail
from imagefeed.errors import SpecError
from imagefeed.loader import Loader
from imagefeed.merging import Moments, of_matrix
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source, arrays
from imagefeed.statistics import Covariance, Method, Per, Statistics
from imagefeed.types import Layout

Floats: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.float32]

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
) -> Statistics:
    """What `Statistics.fit` does; its arguments and errors."""
    for name, value, choices in (("per", per, get_args(Per)), ("whiten", whiten, get_args(Method))):
        if value is not None:
            check_choice(f"Statistics.fit({name}=)", value, choices)
    for name, value, least in (
        ("draws", draws, 0),
        ("rank", rank, 1),
        ("memory", memory, 1),
        ("batch_size", batch_size, 1),
    ):
        if value is not None and (type(value) is not int or value < least):
            raise fail(f"Statistics.fit({name}=)", value, f"expected an integer of at least {least}")
    check_bool("Statistics.fit(progress=)", progress)
    if whiten is not None and per == "channel":
        raise fail("Statistics.fit(per=)", per, "a whitening takes the mean off every pixel: leave per out")
    if rank is not None and whiten is None:
        raise fail("Statistics.fit(rank=)", rank, "only a whitening has one")
    records = arrays(source) if isinstance(source, np.ndarray) else source
    steps = Pipeline([]) if pipeline is None else pipeline
    steps = steps if draws else steps.deterministic()
    per = per or ("pixel" if whiten else "channel")
    stream = _Stream(records, steps, per, draws, seed, batch_size, threads, progress, whitens=whiten is not None)
    covariance = None
    if whiten is None:
        moments = _moments(stream, per)
    elif _BYTES_EXACT * stream.values**2 <= memory:
        moments, matrix = _exact(stream)
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


class _Stream:
    """The pictures to measure, batch by batch, as often as they are asked for.

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
        draws: int,
        seed: int,
        batch_size: int | None,
        threads: int | Literal["auto"],
        progress: bool,
        *,
        whitens: bool,
    ) -> None:
        def loader(size: int, layout: Layout) -> Loader:
            options: dict[str, Any] = {"batch_size": size, "layout": layout, "seed": seed, "threads": threads}
            return Loader(source, pipeline, shuffle=False, dtype="float32", **options)

        first = next(loader(1, "nhwc").batches(0)).images
        self.shape: tuple[int, int, int] = first.shape[1:]
        self.values = int(np.prod(self.shape))
        if batch_size is None:
            room = _WHITENING_BYTES if whitens else _BATCH_BYTES
            batch_size = max(1, min(room // (4 * self.values), 1024))
        self._epochs = max(draws, 1)
        self._loader = loader(batch_size, "nchw" if per == "channel" else "nhwc")
        self._progress = progress
        self.count = len(source) * self._epochs

    def batches(self, what: str) -> Iterator[Rows]:
        """Float32 batches, (n, height, width, channels), or channels first where they are measured per channel."""
        with _bar(what, self.count, self._progress) as advance:
            for epoch in range(self._epochs):
                for batch in self._loader.batches(epoch):
                    yield batch.images
                    advance(len(batch.images))

    def rows(self, what: str) -> Iterator[Rows]:
        """Float32 batches with a row for every picture, (n, values)."""
        for batch in self.batches(what):
            yield batch.reshape(len(batch), -1)


def _moments(stream: _Stream, per: Per) -> Moments:
    total: Moments | None = None
    for batch in stream.batches("measuring"):
        part = _of_channels(batch) if per == "channel" else _of_rows(batch.reshape(len(batch), -1))[0]
        total = part if total is None else total + part
    return _some(total)


def _of_channels(batch: Rows) -> Moments:
    """The moments of every channel of (n, channels, height, width)."""
    mean, squares = np.empty(batch.shape[1]), np.empty(batch.shape[1])
    for channel in range(batch.shape[1]):
        values = batch[:, channel].astype(np.float64).ravel()
        mean[channel] = values.mean()
        values -= mean[channel]
        squares[channel] = np.dot(values, values)
    return Moments(batch[:, 0].size, mean, squares)


def _of_rows(rows: Rows) -> tuple[Moments, Floats]:
    """The moments of every column, and the rows without their mean."""
    exact = rows.astype(np.float64)
    mean = exact.mean(axis=0)
    exact -= mean
    return Moments(len(rows), mean, np.einsum("ij,ij->j", exact, exact)), exact


def _exact(stream: _Stream) -> tuple[Moments, Floats]:
    """The moments of every value, and the covariance matrix of all of them."""
    matrix, added = np.zeros((2, stream.values, stream.values))
    total: Moments | None = None
    for rows in stream.rows("measuring"):
        part, centered = _of_rows(rows)
        np.matmul(centered.T, centered, out=added)
        matrix += added
        if total is not None:
            between = (part.mean - total.mean) * np.sqrt(total.count * part.count / (total.count + part.count))
            np.multiply(between[:, None], between, out=added)
            matrix += added
        total = part if total is None else total + part
    matrix /= _some(total).count
    return _some(total), matrix


def _sketched(stream: _Stream, method: Method, rank: int, seed: int) -> tuple[Moments, Covariance]:
    """The moments of every value, and the largest directions of their covariance, whose matrix is never made.

    The first pass multiplies the covariance with a random matrix; the second finds, among the directions that this
    gave, the best and their exact variances.
    """
    followed = min(rank + _OVERSAMPLED, stream.values)
    random = np.random.default_rng(seed).standard_normal((stream.values, followed), np.float32)
    sketch = np.zeros((stream.values, followed), np.float32)
    total: Moments | None = None
    origin: Any = None
    for rows in stream.rows("measuring, first pass"):
        part, _ = _of_rows(rows)
        total = part if total is None else total + part
        # Near the mean, which is not yet known. The way from one to the other is one direction too many, which the
        # second pass finds to be nothing special.
        origin = part.mean.astype(np.float32) if origin is None else origin
        centered = rows - origin
        sketch += centered.T @ (centered @ random)
    moments = _some(total)
    del random
    directions = np.linalg.qr(sketch)[0].astype(np.float32)
    del sketch
    inner = np.zeros((followed, followed))
    mean = moments.mean.astype(np.float32)
    for rows in stream.rows("measuring, second pass"):
        found = ((rows - mean) @ directions).astype(np.float64)
        inner += found.T @ found
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


def _some(total: Moments | None) -> Moments:
    if total is None:
        raise SpecError("Statistics.fit: got no pictures; expected at least one")
    return total


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
