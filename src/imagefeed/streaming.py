"""Data that can only be read from the front: tar files through a pipe or from a URL, shuffled in a buffer."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, BinaryIO, Literal, TypeAlias, TypeVar

import numpy as np

from imagefeed import _native
from imagefeed.checks import check_choice, fail
from imagefeed.decode import MOST_PIXELS, Color, check_color
from imagefeed.engine import Engine
from imagefeed.errors import DecodeError, SourceError, SpecError
from imagefeed.group import Batch
from imagefeed.loader_options import dtype_of
from imagefeed.order import Portion
from imagefeed.pipeline import Pipeline
from imagefeed.run import Run
from imagefeed.sources.base import Ints, Source
from imagefeed.sources.remote import is_url
from imagefeed.sources.tar import field_of, samples
from imagefeed.types import Dtype, Layout

T = TypeVar("T")
Opened: TypeAlias = str | os.PathLike[str] | Callable[[], BinaryIO]
"""A path, a URL that fsspec can open, or a function that opens a file anew."""

_DRAWN_TOGETHER = 4096
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Tar files of samples that are read from front to back, one after another; compressed ones too.

    For files on a disk, `shards` is better: it shuffles all of the data, not a buffer's worth. In a shuffled order of
    files (`files=` may be any order), a buffer of some thousand samples is nearly as good.

        >>> from imagefeed import Pipeline, Resize, Stream, StreamLoader
        >>> stream = Stream(files=[shard_file], classes=["cats", "dogs"])
        >>> loader = StreamLoader(stream, Pipeline([Resize((32, 32))]), batch_size=8, buffer=6, seed=1)
        >>> [images.shape for images, labels in loader]
        [(8, 32, 32, 3), (4, 32, 32, 3)]

    Attributes:
        files: Paths, URLs that fsspec can open, or functions that open a file: for the output of a command,
            `lambda: subprocess.Popen(["aws", "s3", "cp", name, "-"], stdout=subprocess.PIPE).stdout`. Each is opened
            once in an epoch.
        image: As for `shards`.
        label: The member or the JSON field that holds the class; None for no label.
        classes: The names of the classes. Must be given where labels are names: nobody has seen them all.
        color: "rgb", "gray", "rgba" or "gray16", as for `read`.
    """

    files: Sequence[Opened]
    image: str | None = None
    label: str | None = "cls"
    classes: Sequence[str] = ()
    color: Color = "rgb"

    def __post_init__(self) -> None:
        check_color("Stream.color", self.color)
        if isinstance(self.files, str | os.PathLike) or not list(self.files):
            raise fail("Stream.files", self.files, "expected a list of at least one file")

    def __iter__(self) -> Iterator[Item]:
        """The samples, from the first to the last.

        Raises:
            SourceError: As for `shards`; or a label is no class.
        """
        fields = [] if self.label is None else [self.label]
        for number, one in enumerate(self.files):
            name = f"files[{number}]" if callable(one) else os.fspath(one)
            with closing(_open(one, name)) as file:
                for sample in samples(file, name, self.image, fields, streaming=True):
                    label = None if self.label is None else self._number(field_of(sample, self.label, name), name)
                    yield Item(f"{name}/{sample.name}", sample.data, label)

    def _number(self, label: Any, where: str) -> int:
        if isinstance(label, str):
            if label not in self.classes:
                shown = ", ".join(self.classes) or "none were given: pass classes="
                raise SourceError(f"{where}: has the label {label!r}; expected one of the classes ({shown})")
            return list(self.classes).index(label)
        if not isinstance(label, int) or label < 0 or (self.classes and label >= len(self.classes)):
            raise SourceError(f"{where}: has the label {label!r}; expected a class number from 0")
        return label


@dataclass(frozen=True, slots=True)
class Item:
    """A sample of a stream: its name, the bytes of its picture, and its class."""

    name: str
    data: bytes = field(repr=False)
    label: int | None


class StreamLoader:
    """Batches of a stream. Iterating gives an epoch of (images, labels), or of images alone.

    Samples wait in a buffer, and each that comes takes the place of one that is drawn: what goes out is shuffled about
    as far as the buffer is long. The order and every random number are keyed by seed, epoch and the sample's place in
    the stream, so that batches are the same for any number of threads.

    Args:
        stream: The samples.
        pipeline: What is done to each.
        batch_size: How many samples a batch has; the last one may have fewer.
        buffer: How many samples wait, as stored bytes: 1 for the order of the stream.
        seed: From 0 to 2**64 - 1.
        dtype: As for `Loader`.
        layout: As for `Loader`.
        threads: As for `Loader`.
        prefetch: As for `Loader`.
        on_error: "raise" a DecodeError for a picture that cannot be read, or "skip" it.

    Raises:
        SpecError: An argument has a value that it cannot have.
    """

    def __init__(
        self,
        stream: Stream,
        pipeline: Pipeline,
        *,
        batch_size: int = 32,
        buffer: int = 1000,
        seed: int = 0,
        dtype: Dtype | None = None,
        layout: Layout = "nhwc",
        threads: int | Literal["auto"] = "auto",
        prefetch: int = 4,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> None:
        for name, value in (("batch_size", batch_size), ("buffer", buffer), ("prefetch", prefetch)):
            if type(value) is not int or value < 1:
                raise fail(f"StreamLoader({name}=)", value, "expected an integer above 0")
        if type(seed) is not int or not 0 <= seed < 2**64:
            raise fail("StreamLoader(seed=)", seed, "expected an integer from 0 to 2**64 - 1")
        check_choice("StreamLoader(on_error=)", on_error, ("raise", "skip"))
        check_choice("StreamLoader(layout=)", layout, ("nhwc", "nchw"))
        self.stream = stream
        self.pipeline = pipeline
        self.batch_size = batch_size
        self.buffer = buffer
        self.seed = seed
        self.bad: list[DecodeError] = []
        """The pictures that were skipped since the current epoch began."""
        self._prefetch = prefetch
        self._on_error = on_error
        self._window = _Window(stream)
        self._engine = Engine(
            self._window,
            pipeline,
            threads=threads,
            seed=seed,
            dtype=dtype_of(pipeline, dtype),
            layout=layout,
            most_pixels=MOST_PIXELS,
        )
        self._place = (0, 0)

    def __repr__(self) -> str:
        return f"StreamLoader({len(self.stream.files)} files, batches of {self.batch_size}, buffer of {self.buffer})"

    def __iter__(self) -> Iterator[Any]:
        epoch, start = self._place
        self.bad = []
        waiting: deque[Ints] = deque()  # the records of each batch that is being made
        self._window.items.clear()
        for batch in Run(self._engine, self._portions(epoch, start, waiting), ahead=self._prefetch):
            for record in waiting.popleft().tolist():
                del self._window.items[record]
            start += 1
            self._place = (epoch, start)
            if batch.bad and self._on_error == "raise":
                raise batch.bad[0]
            self.bad += batch.bad
            yield from _given(batch)
        self._place = (epoch + 1, 0)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, after the batch that it gave last: plain values for a checkpoint."""
        epoch, batch = self._place
        about = {"seed": self.seed, "batch_size": self.batch_size, "buffer": self.buffer}
        return {"version": _VERSION, "epoch": epoch, "batch": batch, **about}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to where a loader stood: the remaining batches are the same, to the byte.

        The stream is read again from its front, up to the place; no picture is decoded on the way.

        Raises:
            SpecError: The state is of a loader with another seed, batch size or buffer.
        """
        for name, value in self.state_dict().items():
            if name not in ("epoch", "batch") and state.get(name) != value:
                raise SpecError(f"load_state_dict: {name} is {state.get(name)!r}, but this loader's is {value!r}")
        self._place = (int(state["epoch"]), int(state["batch"]))

    def _portions(self, epoch: int, start: int, waiting: deque[Ints]) -> Iterator[list[Portion]]:
        """The records of each batch, whose samples are put into the window."""
        batch: list[int] = []
        number, skipped = start, start * self.batch_size
        for place, (record, item) in enumerate(
            shuffled(enumerate(self.stream), self.buffer, seed=self.seed, epoch=epoch)
        ):
            if place < skipped:
                continue
            self._window.items[record] = item
            batch.append(record)
            if len(batch) == self.batch_size:
                yield [_portion(batch, number, epoch, waiting)]
                batch, number = [], number + 1
        if batch:
            yield [_portion(batch, number, epoch, waiting)]


class _Window(Source):
    """The samples of a stream that are between its buffer and a batch."""

    def __init__(self, stream: Stream) -> None:
        self.classes = tuple(stream.classes)
        self.color = stream.color
        self.items: dict[int, Item] = {}
        self._labeled = stream.label is not None

    def __len__(self) -> int:
        return len(self.items)

    def names(self, indices: Ints) -> list[str]:
        return [self.items[i].name for i in indices.tolist()]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        rows: list[int] = indices.tolist()
        for place, row in enumerate(rows):
            records.set_bytes(place, self.items[row].data)
        return ()

    def targets(self, indices: Ints) -> Ints | None:
        return np.array([self.items[i].label for i in indices.tolist()], np.int64) if self._labeled else None

    def class_indices(self, indices: Ints) -> Ints | None:
        return self.targets(indices)


def shuffled(items: Iterable[T], buffer: int, *, seed: int, epoch: int) -> Iterator[T]:
    """Items in a shuffled order, of which `buffer` wait at a time. The order depends on their number alone.

    Args:
        items: In their own order.
        buffer: At least 1, which leaves the order as it is.
        seed: From 0 to 2**64 - 1.
        epoch: From 0 to 2**64 - 1.
    """
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64)))
    held: list[T] = []
    drawn: list[int] = []
    for item in items:
        if len(held) < buffer:
            held.append(item)
            continue
        if not drawn:
            drawn = generator.integers(buffer, size=_DRAWN_TOGETHER).tolist()
        place = drawn.pop()
        yield held[place]
        held[place] = item
    yield from (held[place] for place in generator.permutation(len(held)).tolist())


def _given(batch: Batch) -> Iterator[Any]:
    """A batch as iterating gives it; of one in which every picture is bad, nothing."""
    if len(batch.images):
        yield batch.images if batch.targets is None else (batch.images, batch.targets)


def _portion(records: list[int], number: int, epoch: int, waiting: deque[Ints]) -> Portion:
    made = np.array(records, np.int64)
    waiting.append(made)
    return Portion(made, made, number=number, epoch=epoch)


def _open(one: Opened, name: str) -> Any:
    try:
        if callable(one):
            return one()
        if is_url(name):
            fsspec: Any = import_module("fsspec")
            return fsspec.open(name, "rb").open()
        return open(one, "rb")
    except OSError as error:
        raise SourceError(f"{name}: cannot be opened ({error})") from error
