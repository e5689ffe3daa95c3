"""What the page shows at the moment, as values; and the pipeline that follows from it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed import spec
from imagefeed.checks import fail
from imagefeed.errors import SpecError
from imagefeed.pipeline import Pipeline

MOST_STEPS = 64
MOST_CELLS = 64
LARGEST_NUMBER = 2**53  # what JavaScript's numbers count to


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The steps as they stand on the page, and what is looked at.

    Attributes:
        steps: Each as JSON has it.
        on: Whether each is switched on.
        training: As for a Pipeline.
        seed: Of the draws.
        epoch: Of the first draw; each further one is of the next epoch.
        draws: How many of each picture.
        records: Which pictures, by their place in the source.
        size: How large a picture is on the page, in pixels.
    """

    steps: tuple[Mapping[str, Any], ...] = ()
    on: tuple[bool, ...] = ()
    training: bool = True
    seed: int = 0
    epoch: int = 0
    draws: int = 4
    records: tuple[int, ...] = ()
    size: int = 160

    @classmethod
    def parse(cls, content: Any, count: int) -> Work:
        """What the page sent, checked.

        Args:
            content: Parsed JSON.
            count: How many records there are.

        Raises:
            SpecError: It is something else.
        """
        if not isinstance(content, dict) or set(cast(Any, content)) != set(cls.__slots__):
            raise SpecError(f"work: expected an object of {', '.join(cls.__slots__)}")
        given = cast("dict[str, Any]", content)
        steps, on, records = (_list(given, name) for name in ("steps", "on", "records"))
        if len(steps) > MOST_STEPS or len(on) != len(steps):
            raise SpecError(f"work.steps: got {len(steps)} and {len(on)} switches; expected at most {MOST_STEPS}")
        if not all(isinstance(step, dict) for step in steps) or not all(isinstance(one, bool) for one in on):
            raise SpecError("work.steps: expected objects, and true or false for each")
        if not isinstance(given["training"], bool):
            raise fail("work.training", given["training"], "expected true or false")
        for name, low, high in (
            ("seed", 0, LARGEST_NUMBER),
            ("epoch", 0, LARGEST_NUMBER),
            ("draws", 1, MOST_CELLS),
            ("size", 16, 1024),
        ):
            _whole(f"work.{name}", given[name], low, high)
        for record in records:
            _whole("work.records", record, 0, count - 1)
        if len(records) * given["draws"] > MOST_CELLS:
            raise SpecError(f"work.records: {len(records)} by {given['draws']} is more than {MOST_CELLS} pictures")
        made: dict[str, Any] = given | {"steps": tuple(steps), "on": tuple(on), "records": tuple(records)}
        return cls(**made)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Arrays:
    """The arrays of pipelines that were opened: the page knows them by names that say nothing but which is which."""

    _held: dict[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])

    def steps(self, pipeline: Pipeline) -> list[dict[str, Any]]:
        """The steps of a pipeline as JSON has them, whose arrays are held here."""
        document = spec.encode(pipeline)
        names: dict[str, str] = {}
        for name, array in document.tensors.items():
            digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode() + array.tobytes()).hexdigest()[:16]
            names[name] = digest
            self._held[digest] = array
        content = json.loads(document.text)["value"]["steps"]
        return [_renamed(step, names) for step in content]

    def pipeline(self, work: Work) -> Pipeline:
        """The steps that are switched on.

        Raises:
            SpecError: One of them cannot be; the message begins with its number on the page: `steps[2].Rotate...`.
        """
        places = [place for place, on in enumerate(work.on) if on]
        chosen = [work.steps[place] for place in places]
        value = {"type": "Pipeline", "steps": chosen, "training": work.training}
        named = set(_named(chosen))
        arrays = {name: array for name, array in self._held.items() if name in named}
        try:
            return spec.decode(json.dumps({"version": spec.VERSION, "value": value}), arrays, Pipeline)
        except SpecError as error:
            raise SpecError(on_page(str(error), work)) from error
        except ValueError as error:
            raise SpecError(f"work.steps: {error}") from error


def on_page(message: str, work: Work) -> str:
    """A message with the numbers that steps have on the page, where some are switched off."""
    places = [place for place, on in enumerate(work.on) if on]

    def number(found: re.Match[str]) -> str:
        place = int(found[1])
        return f"steps[{places[place]}]" if place < len(places) else found[0]

    return re.sub(r"steps\[(\d{1,3})\]", number, message)


def step_of(message: str) -> int | None:
    """The step that a message is about."""
    found = re.search(r"steps\[(\d{1,3})\]", message)
    return int(found[1]) if found else None


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(one, names) for one in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    content = cast("dict[str, Any]", value)
    if set(content) == {"tensor"}:
        return {"tensor": names[content["tensor"]]}
    return {key: _renamed(one, names) for key, one in content.items()}


def _named(value: Any) -> Iterable[str]:
    """The names of arrays in JSON."""
    if isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from _named(one)
    elif isinstance(value, dict):
        content = cast("dict[str, Any]", value)
        if set(content) == {"tensor"} and isinstance(content["tensor"], str):
            yield content["tensor"]
        for one in content.values():
            yield from _named(one)


def _list(given: Mapping[str, Any], name: str) -> list[Any]:
    value = given[name]
    if not isinstance(value, list):
        raise fail(f"work.{name}", value, "expected a list")
    return cast("list[Any]", value)


def _whole(where: str, value: Any, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise fail(where, value, f"expected a whole number from {low} to {high}")


def records_of(indices: Iterable[int]) -> NDArray[np.int64]:
    """Indices as sources take them."""
    return np.array(list(indices), np.int64)
