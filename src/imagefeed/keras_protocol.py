"""How `keras.Model.fit`, `evaluate` and `predict` read a loader: as a `keras.utils.PyDataset`."""

from __future__ import annotations

import sys
import threading
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from imagefeed.loader_state import Placed


class Settled:
    """An attribute that keeps its value, whatever is assigned."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __get__(self, instance: object, owner: type) -> int:
        return self._value

    def __set__(self, instance: object, value: int) -> None: ...


class LooksLikePyDataset:
    """An object that Keras takes for a PyDataset.

    Keras recognizes data by their class. imagefeed must not import a framework, so the object answers for itself, as
    the data model allows (`instance.__class__`): where Keras has been imported, it is a PyDataset too.
    """

    # The parallel work is our own. With settings of theirs, Keras would start threads that wait for each other, or
    # processes, each with a copy of the order; so they may be set, as scripts do, and stay what they are.
    workers = Settled(1)
    use_multiprocessing = Settled(False)
    max_queue_size = Settled(1)

    @property
    def __class__(self) -> type[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        keras = sys.modules.get("keras")
        return type(self) if keras is None else keras.utils.PyDataset

    def __len__(self) -> int:
        """How many batches an epoch has."""
        raise NotImplementedError

    @property
    def num_batches(self) -> int:
        """How many batches an epoch has, as Keras asks for it."""
        return len(self)


class KerasProtocol(LooksLikePyDataset, Placed):
    """The members of a PyDataset, for a class that gives its epochs one after another.

    Keras asks for the batches of an epoch by number, in an order that it shuffles itself. A loader's order is keyed by
    its seed and its batches are made ahead, so between `on_epoch_begin` and `on_epoch_end` the batch that is asked for
    is the next one, whatever its number: every batch of the epoch once.

    Before it trains, Keras takes one batch to build the model from, and calls that an epoch too. The first time that no
    more than one batch is taken, the epoch is therefore still to come.
    """

    _within: Iterator[Any] | None = None
    _began = (0, 0)
    _taken = 0
    _built = False
    _lock: threading.Lock

    @abstractmethod
    def _epoch(self, epoch: int, start: int = 0) -> Iterator[Any]:
        """The batches of an epoch, from one of them on."""

    @abstractmethod
    def _single(self, number: int) -> Any:
        """A batch of the coming epoch, which goes on being the coming one."""

    def __getitem__(self, index: int) -> Any:
        """A batch of the coming epoch, made for this call alone; while Keras runs an epoch, its next batch.

        Args:
            index: From 0 to len - 1, or negative to count from the end.
        """
        with self._lock:
            if self._within is not None:
                self._taken += 1
                return self._next(self._within)
        if not -len(self) <= index < len(self):
            raise IndexError(f"batch {index}: expected 0 to {len(self) - 1}")
        return self._single(index % len(self))

    def on_epoch_begin(self) -> None:
        """Keras begins an epoch."""
        with self._lock:
            self._began = self._coming()
            self._within = self._epoch(*self._began)

    def on_epoch_end(self) -> None:
        """Keras has ended an epoch, whether or not it took all of its batches."""
        with self._lock:
            if self._taken > (0 if self._built else 1):
                self.epoch += 1
            elif self._within is not None:  # Keras also ends an epoch that it has not begun, before it trains on
                self._go_to(*self._began)
            self._built = self._built or self._taken > 0
            self._within = None
            self._taken = 0

    def _next(self, within: Iterator[Any]) -> Any:
        batch = next(within, None)
        if batch is not None:
            return batch
        # Keras was told to take more steps than an epoch has: the next one begins.
        self.epoch += 1
        self._within = self._epoch(self.epoch)
        return next(self._within)
