"""Levels before and after the units of a model, and what each step of a pipeline costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.pipeline import Pipeline
from imagefeed.studio.drawing import Painter

BINS = 64
ROUNDS = 3
LONG = 300.0
"""Milliseconds: what takes so long need not be repeated to be measured."""

_NAMES = {1: ("gray",), 3: ("red", "green", "blue")}


def measure(
    painter: Painter, pipeline: Pipeline, *, seed: int, records: Sequence[int], epoch: int, stopped: threading.Event
) -> dict[str, Any]:
    """Histograms, means and deviations of what the screen shows and of what the model is given; and times.

    Raises:
        ImagefeedError: The pipeline cannot be applied.
    """
    steps = pipeline.levels()
    before = painter.floats(steps, seed, records, epoch)
    after = before if len(steps) == len(pipeline) else painter.floats(pipeline, seed, records, epoch)
    return {
        "before": levels(before, 0.0, 255.0),
        "after": levels(after, float(after.min()), float(after.max())),
        "costs": costs(painter, steps, seed=seed, records=records, epoch=epoch, stopped=stopped),
    }


def levels(pixels: NDArray[np.float32], low: float, high: float) -> dict[str, Any]:
    """The histogram of every channel in equal bins from `low` to `high`, with its mean and deviation."""
    high = high if high > low else low + 1.0
    channels: list[dict[str, Any]] = []
    names = _NAMES.get(pixels.shape[-1], tuple(f"channel {k}" for k in range(pixels.shape[-1])))
    for k, name in enumerate(names):
        values = pixels[:, k]
        counts, _ = np.histogram(values, BINS, (low, high))
        mean, std = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
        channels.append({"name": name, "counts": counts.tolist(), "mean": mean, "std": std})
    return {"low": low, "high": high, "channels": channels}


def costs(
    painter: Painter, steps: Pipeline, *, seed: int, records: Sequence[int], epoch: int, stopped: threading.Event
) -> list[dict[str, Any]]:
    """Milliseconds a picture for reading and showing it, and how much more each step costs.

    Each is what a pipeline takes with the step at its end, less what it takes without; where that is soon done, the
    quickest of a few times.
    Steps that fuse cost next to nothing, and a crop at the beginning less than nothing: what is cut off need not be
    decoded.
    """
    result: list[dict[str, Any]] = []
    last = 0.0
    for count in range(len(steps) + 1):
        pipeline = Pipeline(steps.steps[:count], training=steps.training)
        taken: list[float] = []
        while not taken or (len(taken) < ROUNDS and sum(taken) * len(records) < LONG):
            start = time.perf_counter()
            painter.draw(pipeline, seed=seed, records=records, epochs=[epoch], size=160, stopped=stopped)
            taken.append((time.perf_counter() - start) * 1e3 / len(records))
        quickest = min(taken)  # what the machine does besides only adds
        name = "read, decode" if count == 0 else type(steps.steps[count - 1]).__name__
        result.append({"name": name, "milliseconds": quickest - last})
        last = quickest
    return result
