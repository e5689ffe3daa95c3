"""Where a loader stands, as a small value that a checkpoint holds."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from imagefeed.checks import check_count
from imagefeed.errors import SpecError
from imagefeed.order import Order
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source

VERSION = 1
# Names that stand for all: a state must be quick to take at any size.
_NAMES = 256


def fingerprint(source: Source, pipeline: Pipeline, order: Order) -> dict[str, str]:
    """What the batches depend on, in short: digests of the source, the pipeline and the order."""
    weights = None if order.weights is None else _digest(order.weights.tobytes())
    sequence = (order.batch_size, order.shuffle, order.drop_last, order.steps, weights)
    return {
        "source": fingerprint_of_source(source),
        "pipeline": _digest(repr(pipeline).encode()),
        "order": _digest(repr(sequence).encode()),
    }


def fingerprint_of_source(source: Source) -> str:
    """A digest of the number of records and of the keys of some of them; so a folder may be moved."""
    some = np.unique(np.linspace(0, len(source) - 1, _NAMES).astype(np.int64))
    return _digest(repr((len(source), source.keys(some))).encode("utf-8", "surrogateescape"))


def state_of(seed: int, epoch: int, batch: int, prints: Mapping[str, str]) -> dict[str, Any]:
    """A loader's state: plain values, under a kilobyte of JSON."""
    return {"version": VERSION, "seed": seed, "epoch": epoch, "batch": batch, "fingerprint": dict(prints)}


def place_of(state: Mapping[str, Any], seed: int, batches: int, prints: Mapping[str, str]) -> tuple[int, int]:
    """The epoch and the batch that a state stands at.

    Raises:
        SpecError: It is no state of this version, or of a loader that gives other batches.
    """
    if state.get("version") != VERSION:
        raise SpecError(f"load_state_dict: got version {state.get('version')!r}; expected {VERSION}, from state_dict()")
    if state["seed"] != seed:
        raise SpecError(f"load_state_dict: is of seed {state['seed']}; make the Loader with seed={state['seed']}")
    meaning = {
        "source": "the source has other records",
        "pipeline": "the pipeline has other steps",
        "order": "batch_size, shuffle, drop_last, steps_per_epoch or sampling differ",
    }
    for part, told in meaning.items():
        if state["fingerprint"][part] != prints[part]:
            raise SpecError(
                f"load_state_dict: {told}, so the remaining batches could not be the same; make the Loader as it was, "
                f"or begin an epoch anew with loader.epoch = {state['epoch']}"
            )
    epoch, batch = int(state["epoch"]), int(state["batch"])
    if epoch < 0 or not 0 <= batch < batches:
        raise SpecError(f"load_state_dict: got epoch {epoch}, batch {batch}; an epoch has batches 0 to {batches - 1}")
    return epoch, batch


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


class Placed(ABC):
    """What knows which batch comes next, and what that depends on: the part of a loader that a checkpoint saves."""

    source: Source
    pipeline: Pipeline
    seed: int
    _order: Order
    _place = (0, 0)  # the epoch, and the batch after the one that was given last
    _next_epoch = 0
    _fingerprint: dict[str, str] | None = None

    @abstractmethod
    def __len__(self) -> int:
        """How many batches an epoch has."""

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration gives; set it to go elsewhere."""
        return self._next_epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._go_to(check_count("Loader.epoch", epoch), 0)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands: after the batch that it gave last. Plain values, under a kilobyte of JSON.

        Taken at any time, also within an epoch, by the thread that iterates. What is made ahead does not count.

            >>> from imagefeed import Loader, Pipeline, RandomCrop
            >>> loader = Loader(photos, Pipeline([RandomCrop((32, 32))]), batch_size=5)
            >>> _ = next(iter(loader))
            >>> state = loader.state_dict()
            >>> state["epoch"], state["batch"]
            (0, 1)
            >>> later = Loader(photos, Pipeline([RandomCrop((32, 32))]), batch_size=5)
            >>> later.load_state_dict(state)
            >>> len(list(later)), len(list(later))
            (2, 3)
        """
        epoch, batch = self._place
        if batch >= len(self):
            epoch, batch = epoch + 1, 0
        return state_of(self.seed, epoch, batch, self._prints())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to where a loader stood when `state_dict()` was taken: the remaining batches are the same, to the byte.

        The number of threads, processes and shards may be another one.

        Args:
            state: What `state_dict()` gave, also after a journey through JSON.

        Raises:
            SpecError: The state is of a loader with another source, pipeline, seed or order.
        """
        self._go_to(*place_of(state, self.seed, len(self), self._prints()))

    def _coming(self) -> tuple[int, int]:
        """The epoch that comes next, and the batch that it begins with."""
        return self._place if self._place[0] == self._next_epoch else (self._next_epoch, 0)

    def _go_to(self, epoch: int, start: int) -> None:
        """Let the next epoch be this one, from that batch on."""
        self._next_epoch = epoch
        self._place = (epoch, start)

    def _prints(self) -> dict[str, str]:
        if self._fingerprint is None:
            self._fingerprint = fingerprint(self.source, self.pipeline, self._order)
        return self._fingerprint
