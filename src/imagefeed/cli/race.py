"""The same job by imagefeed and by Keras's ImageDataGenerator, on the same files, in turns."""

from __future__ import annotations

import importlib
import io
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from imagefeed.loader import Loader
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source
from imagefeed.transforms import HorizontalFlip, Rescale, Resize, Rotate

_DEGREES = 15


@dataclass(frozen=True, kw_only=True)
class Race:
    """Images per second.

    Attributes:
        ours: What imagefeed makes, with as many threads as there are cores.
        theirs: What ImageDataGenerator makes, iterated as documented; None where it could not run.
        reason: Why it could not; empty where it could.
    """

    ours: float
    theirs: float | None
    reason: str


def race(
    source: Source,
    folder: Path,
    *,
    size: int,
    batch_size: int,
    rounds: int = 3,
    seconds: float = 1.5,
    advance: Callable[[str], None] = lambda note: None,
) -> Race:
    """Decode, resize, rotate by up to 15 degrees, flip and rescale to float32 batches, for some seconds each.

    Args:
        source: The pictures of `folder`.
        folder: The same, as Keras takes it: a sub-folder for every class.
        size: Height and width in pixels of what comes out.
        batch_size: Of both.
        rounds: How often they take turns; the medians count.
        seconds: How long each turn takes, after a batch that does not count.
        advance: Called after each turn with what it came to.
    """
    ours = _ours(source, size, batch_size)
    theirs, reason = _theirs(folder, size, batch_size)
    rates: tuple[list[float], list[float]] = [], []
    for _ in range(rounds):
        rates[0].append(_rate(ours, seconds))
        advance(f"imagefeed {rates[0][-1]:,.0f} images/s")
        if theirs is not None:
            try:
                rates[1].append(_rate(theirs, seconds))
            except Exception as error:  # whatever a picture makes Pillow raise ends Keras's generator
                theirs, reason = None, f"it stopped: {type(error).__name__}: {error}"
        advance(reason or f"ImageDataGenerator {rates[1][-1]:,.0f} images/s")
    return Race(ours=median(rates[0]), theirs=None if theirs is None else median(rates[1]), reason=reason)


def _ours(source: Source, size: int, batch_size: int) -> Iterator[int]:
    steps = [
        Resize((size, size)),
        Rotate(degrees=(-_DEGREES, _DEGREES), border="replicate"),
        HorizontalFlip(),
        Rescale(1 / 255),
    ]
    loader = Loader(source, Pipeline(steps), batch_size=batch_size)
    while True:
        for images, _ in loader:
            yield len(images)


def _theirs(folder: Path, size: int, batch_size: int) -> tuple[Iterator[int] | None, str]:
    try:
        module: Any = importlib.import_module("keras.src.legacy.preprocessing.image")
        generator = module.ImageDataGenerator(
            rotation_range=_DEGREES, horizontal_flip=True, rescale=1 / 255, fill_mode="nearest"
        )
    except (ImportError, AttributeError) as error:
        return None, f"this release of Keras has no ImageDataGenerator ({error})"
    with redirect_stdout(io.StringIO()):  # it prints what it found
        flow: Any = generator.flow_from_directory(
            str(folder),
            target_size=(size, size),
            interpolation="bilinear",
            batch_size=batch_size,
            class_mode="sparse",
        )
    return _lengths(flow), ""


def _lengths(flow: Any) -> Iterator[int]:
    for images, _ in flow:  # a generator of Keras's never ends
        yield len(images)


def _rate(batches: Iterator[int], seconds: float) -> float:
    next(batches)
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or count == 0:
        count += next(batches)
    return count / spent
