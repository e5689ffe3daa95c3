"""The order of batches, and making them ahead of whoever takes them."""

from __future__ import annotations

import operator
import threading
from collections import deque
from collections.abc import Callable, Iterator as AnyIterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.images import FORMATS
from imagefeed.keras_protocol import LooksLikePyDataset

Ints = NDArray[np.int64]

# How many batches are made ahead at least, whatever their size.
_LEAST_AHEAD = 3


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where an iterator stands between two batches: its public attributes of these names."""

    batch_index: int
    total_batches_seen: int
    index_array: Ints | None

    def same(self, other: Place) -> bool:
        return (
            self.batch_index == other.batch_index
            and self.total_batches_seen == other.total_batches_seen
            and self.index_array is other.index_array
        )


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One batch: which pictures, and what was drawn for them.

    Attributes:
        number: The batch that was asked for by number, or None for the next one.
        indices: int64 (b,).
        drawn: What `_draw` gave.
        before: Where the iterator stands before it.
        after: And after it.
    """

    number: int | None
    indices: Ints
    drawn: Any
    before: Place
    after: Place


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """A batch that is being made, and what it was planned under."""

    step: Step
    settings: tuple[Any, ...]
    group: Future[list[Any]]
    position: int


class Iterator(LooksLikePyDataset):
    """The base class of image iterators: an endless row of batches, or a sequence of those of an epoch.

    A subclass makes batches in `_get_batches_of_transformed_samples`.

    Args:
        n: How many pictures there are.
        batch_size: How many a batch has; the last one of an epoch may have fewer.
        shuffle: Whether every epoch has an order of its own.
        seed: Of the order and the draws; None for other ones every time.
        kwargs: `workers`, `use_multiprocessing` and `max_queue_size` of Keras's PyDataset. They are not used: batches
            are made by native threads, ahead of time, whatever is asked for.
    """

    white_list_formats = FORMATS

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None, **kwargs: Any) -> None:
        unknown = kwargs.keys() - {"workers", "use_multiprocessing", "max_queue_size"}
        if unknown:
            raise TypeError(f"{type(self).__name__}: unexpected arguments {', '.join(sorted(unknown))}")
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.batch_index = 0
        self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array: Any = None
        self.index_generator = self._flow_index()
        self._random = np.random.RandomState()
        self._ahead: deque[Ahead] = deque()
        self._last: Step | None = None
        self._is_reset = False
        self._last_number = -1
        self._cursor: int | None = None

    # ---------------------------------------------------------------------------------------------- as Keras has it

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return (self.n + self.batch_size - 1) // self.batch_size

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        """The next batch, without end."""
        with self.lock:
            if not self._is_reset:
                self._is_reset = True
                self.reset()
            item = self._take(None)
        return item.group.result()[item.position]

    def next(self) -> Any:
        """The next batch, without end."""
        return self.__next__()

    def __getitem__(self, idx: int) -> Any:
        """A batch of the epoch's order.

        Args:
            idx: From 0 to len - 1, or negative to count from the end.

        Raises:
            ValueError: There is no such batch.
        """
        count = len(self)
        if not -count <= idx < count:
            raise ValueError(f"Asked to retrieve element {idx}, but the Sequence has length {count}")
        with self.lock:
            item = self._take(self._number(idx % count))
        return item.group.result()[item.position]

    def reset(self) -> None:
        """Begin the next epoch with the next batch."""
        self.batch_index = 0

    def on_epoch_begin(self) -> None:
        """Keras begins an epoch."""
        with self.lock:
            self._cursor = 0

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        with self.lock:
            self._cursor = None
            self._rewind()
            self.index_array = self._order()

    # ---------------------------------------------------------------------------------------------- for subclasses

    def _get_batches_of_transformed_samples(self, index_array: Ints) -> Any:
        """The batch of some pictures, with numbers from the stream of the batch before."""
        raise NotImplementedError(f"{type(self).__name__} must define _get_batches_of_transformed_samples")

    def _prepare(self) -> Any:
        """What the next batches have in common, which `_draw` and `_submit` are given."""

    def _draw(self, common: Any, count: int) -> Any:
        """Take from the stream what a batch of `count` pictures needs; nothing, if it is taken while they are made."""

    def _submit(self, common: Any, steps: Sequence[Step]) -> Future[list[Any]]:
        """Begin to make some batches."""
        future: Future[list[Any]] = Future()
        try:
            future.set_result([self._get_batches_of_transformed_samples(step.indices) for step in steps])
        except BaseException as error:
            future.set_exception(error)
        return future

    def _can_run_ahead(self) -> bool:
        """Whether batches may be made before they are asked for."""
        return False

    def _together(self) -> int:
        """How many pictures are planned together, if batches are smaller."""
        return 1

    def _settings(self) -> tuple[Any, ...]:
        """What else batches depend on; those made under other settings are not used."""
        return (self.n, self.batch_size, self.seed, self.shuffle)

    # ---------------------------------------------------------------------------------------------- order

    def _place(self) -> Place:
        return Place(self.batch_index, self.total_batches_seen, self.index_array)

    def _set_place(self, place: Place) -> None:
        self.batch_index = place.batch_index
        self.total_batches_seen = place.total_batches_seen
        self.index_array = place.index_array

    def _order(self) -> Ints:
        return np.asarray(self._random.permutation(self.n) if self.shuffle else np.arange(self.n), np.int64)

    def _rewind(self) -> None:
        """Bring the stream to where the last batch left it: batches made ahead have moved it on."""
        if self._last is not None and self.seed is not None and self._can_run_ahead():
            self._plan(self._last.before, self._last.number, lambda count: self._draw(self._prepare(), count))

    def _plan(self, place: Place, number: int | None, draw: Callable[[int], Any]) -> Step:
        """The batch that follows a place, by number or the next one; `draw` is given its size."""
        if self.seed is not None:
            self._random.seed(self.seed + place.total_batches_seen)
        order, size = place.index_array, self.batch_size
        if order is None or (number is None and place.batch_index == 0):
            order = self._order()
        index = place.batch_index
        if number is None:
            first = index * size % self.n if self.n else 0
            index = index + 1 if self.n > first + size else 0
        else:
            first = number * size
        after = Place(index, place.total_batches_seen + 1, order)
        indices = order[first : first + size]
        return Step(number, indices, draw(len(indices)), place, after)

    def _flow_index(self) -> AnyIterator[Ints]:
        """The pictures of batch after batch; taking one moves the iterator on."""
        self._is_reset = True
        self.reset()
        while True:
            step = self._plan(self._place(), None, lambda count: None)
            self._last = None
            self._set_place(step.after)
            yield step.indices

    def _number(self, idx: int) -> int:
        """Which batch answers a request for number `idx`.

        While Keras runs an epoch of a shuffled iterator, it asks in an order that it shuffles itself. One shuffle is
        enough, and without the second the batches can be made ahead: it gets the next one, every one once.
        """
        if self._cursor is None or not self.shuffle:
            return idx
        number = self._cursor % len(self)
        self._cursor += 1
        return number

    # ---------------------------------------------------------------------------------------------- ahead

    def _take(self, number: int | None) -> Ahead:
        """The batch asked for: made ahead if it was foreseen, or begun now."""
        place, settings = self._place(), self._settings()
        first = self._ahead[0] if self._ahead else None
        if first is None or not self._answers(first, place, number, settings):
            self._drop()
            self._begin(place, number, settings, 1)
        item = self._ahead.popleft()
        self._set_place(item.step.after)
        self._last = item.step
        foreseen = self._cursor is not None and self.shuffle
        in_a_row = number is None or foreseen or number == self._last_number + 1 > 0
        self._last_number = -1 if number is None else number
        if in_a_row and self._can_run_ahead():
            self._run_ahead(item, settings)
        return item

    @staticmethod
    def _answers(item: Ahead, place: Place, number: int | None, settings: tuple[Any, ...]) -> bool:
        same = len(item.settings) == len(settings) and all(map(operator.is_, item.settings, settings))
        return same and item.step.number == number and item.step.before.same(place)

    def _run_ahead(self, item: Ahead, settings: tuple[Any, ...]) -> None:
        """Begin what will probably be asked for next."""
        last = self._ahead[-1].step if self._ahead else item.step
        together = max(1, min(self._together() // max(self.batch_size, 1), len(self)))
        wanted = max(_LEAST_AHEAD, 2 * together)
        while len(self._ahead) + together <= wanted or not self._ahead:
            number = None if last.number is None else last.number + 1
            if number is not None and number >= len(self):
                return
            count = together if number is None else min(together, len(self) - number)
            self._begin(last.after, number, settings, count)
            last = self._ahead[-1].step

    def _begin(self, place: Place, number: int | None, settings: tuple[Any, ...], count: int) -> None:
        """Plan `count` batches from a place on, and begin to make them."""
        common = self._prepare()
        steps: list[Step] = []
        for k in range(count):
            step = self._plan(place, None if number is None else number + k, partial(self._draw, common))
            steps.append(step)
            place = step.after
        group = self._submit(common, steps)
        self._ahead.extend(Ahead(step, settings, group, k) for k, step in enumerate(steps))

    def _drop(self) -> None:
        """Forget what was made ahead."""
        for item in self._ahead:
            item.group.cancel()
        self._ahead.clear()
