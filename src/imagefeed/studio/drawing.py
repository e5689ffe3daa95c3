"""A grid of pictures, as a loader renders them: the same engine, the same draws, the same bytes."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.engine import Engine
from imagefeed.errors import PlanError, SpecError
from imagefeed.group import Batch, Final
from imagefeed.memory import available_cores
from imagefeed.order import Portion
from imagefeed.overlays import Overlay, overlays
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source
from imagefeed.studio.work import records_of
from imagefeed.transforms import Resize
from imagefeed.types import Dtype

LARGEST_SHOWN = 512
"""Pixels a side. What a pipeline makes larger is shown smaller, and so is what has no common size."""

MOST_PIXELS = 120_000_000
"""Of one picture, before it is decoded."""

GRAY = 127.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One drawn picture.

    Attributes:
        record: Which picture.
        epoch: Which draw.
        pixels: uint8 (height, width, channels); None if it cannot be read.
        overlay: What goes with it.
        error: Why it cannot be read.
    """

    record: int
    epoch: int
    pixels: NDArray[np.uint8] | None
    overlay: Overlay
    error: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A grid.

    Attributes:
        cells: Draws of the first record, then of the next.
        exact: Whether the pixels are a loader's own; else they are made smaller to be shown.
        seconds: What reading, planning and rendering took.
    """

    cells: list[Cell]
    exact: bool
    seconds: dict[str, float]


def draw(
    source: Source,
    pipeline: Pipeline,
    *,
    seed: int,
    records: Sequence[int],
    epochs: Sequence[int],
    size: int,
    stopped: threading.Event,
) -> Drawing:
    """Draw some records, each once for every epoch.

    Args:
        source: Where they come from.
        pipeline: What is done; its units are left out.
        seed: As for a Loader.
        records: Their places in the source.
        epochs: As for a Loader.
        size: The side, in pixels, of what cannot be shown as it is.
        stopped: Ends the work when it is set.

    Raises:
        ImagefeedError: The pipeline cannot be applied.
        StoppedError: `stopped` was set.
    """
    steps = pipeline.levels()
    indices = records_of(records)
    seconds: dict[str, float] = {}
    try:
        batches = _batches(source, steps, seed, indices, epochs, seconds, stopped, largest=LARGEST_SHOWN)
        exact = True
    except (_LargeError, PlanError):
        shown = Pipeline([*steps, Resize((size, size), fit="contain", fill=GRAY)], training=steps.training)
        batches = _batches(source, shown, seed, indices, epochs, seconds, stopped)
        exact = False
    cells = [_cells(source, batch, epoch, records) for batch, epoch in zip(batches, epochs, strict=True)]
    return Drawing([column[k] for k in range(len(records)) for column in cells], exact, seconds)


def floats(source: Source, pipeline: Pipeline, seed: int, records: Sequence[int], epoch: int) -> NDArray[np.float32]:
    """What a model is given of some records: float32 (n, height, width, channels).

    Raises:
        ImagefeedError: The pipeline cannot be applied.
    """
    stopped = threading.Event()
    batches = _batches(source, pipeline, seed, records_of(records), [epoch], {}, stopped, dtype="float32")
    return batches[0].images


class _LargeError(Exception):
    """Pictures come out larger than is shown."""


def _batches(
    source: Source,
    pipeline: Pipeline,
    seed: int,
    indices: NDArray[np.int64],
    epochs: Sequence[int],
    seconds: dict[str, float],
    stopped: threading.Event,
    *,
    dtype: Dtype = "uint8",
    largest: int | None = None,
) -> list[Batch]:
    """A batch of the records for every epoch; the time that it takes is written into `seconds`."""
    engine = Engine(
        source,
        pipeline,
        threads=available_cores(),
        seed=seed,
        dtype=dtype,
        layout="nhwc",
        most_pixels=MOST_PIXELS,
    )
    start = time.perf_counter()
    groups = [engine.fetch(indices, indices, epoch, stopped) for epoch in epochs]
    for group in groups:
        engine.finish_fetch(group)
    fetched = time.perf_counter()
    finals: list[Final] = []
    for group, epoch in zip(groups, epochs, strict=True):
        finals.append(engine.finish_plan(group, epoch))
        if largest is not None and finals[-1].sizes.max() > largest:
            raise _LargeError
    planned = time.perf_counter()
    renderings = [one for final in finals for one in engine.render(final, 0, [Portion(indices, indices)])]
    batches = [engine.finish_render(rendering) for rendering in renderings]
    seconds |= {"read": fetched - start, "plan": planned - fetched, "render": time.perf_counter() - planned}
    return batches


def _cells(source: Source, batch: Batch, epoch: int, records: Sequence[int]) -> list[Cell]:
    """The cells of one epoch, in the order of the records."""
    sizes = [(int(image.shape[0]), int(image.shape[1])) for image in batch.images]
    given = source.targets(batch.indices) if len(batch.indices) else None
    drawn = overlays(given, batch.targets, sizes, source.classes)
    found = {
        record: Cell(record, epoch, image, overlay)
        for record, image, overlay in zip(batch.indices.tolist(), batch.images, drawn, strict=True)
    }
    bad = iter(batch.bad)
    return [
        found.get(record) or Cell(record, epoch, None, Overlay(), next((error.reason for error in bad), "unreadable"))
        for record in records
    ]


def rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Three channels of any number: gray three times, or the first three, or the first of two."""
    return pixels[..., :3] if pixels.shape[-1] >= 3 else np.repeat(pixels[..., :1], 3, axis=-1)


def packed(drawing: Drawing, extra: dict[str, Any]) -> bytes:
    """A drawing as the page takes it: four bytes with the length of a JSON text, that text, then pixels.

    The pixels of a cell are RGBA, as a canvas takes them, and begin `at` so many bytes after the text; those of its
    mask, one byte each, at `mask`.
    """
    blocks: list[bytes] = []
    at = 0

    def put(block: bytes) -> int:
        nonlocal at
        blocks.append(block)
        at += len(block)
        return at - len(block)

    cells = [_packed_cell(cell, put) for cell in drawing.cells]
    milliseconds = {name: round(value * 1e3, 2) for name, value in drawing.seconds.items()}
    header = {"cells": cells, "exact": drawing.exact, "milliseconds": milliseconds} | extra
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([struct.pack("<I", len(text)), text, *blocks])


def _packed_cell(cell: Cell, put: Any) -> dict[str, Any]:
    result: dict[str, Any] = {"record": cell.record, "epoch": cell.epoch, "error": cell.error}
    if cell.pixels is None:
        return result
    height, width = cell.pixels.shape[:2]
    rgba = np.empty((height, width, 4), np.uint8)
    rgba[..., :3] = rgb(cell.pixels)
    rgba[..., 3] = 255
    overlay = cell.overlay
    result |= {
        "height": height,
        "width": width,
        "at": put(rgba.tobytes()),
        "words": overlay.words,
        "boxes": overlay.boxes.round(2).tolist(),
        "names": overlay.names,
        "points": overlay.points.round(2).tolist(),
    }
    if overlay.mask is not None:
        # Padded, so that the next picture begins where a canvas can take it.
        block = np.ascontiguousarray(overlay.mask).tobytes()
        result["mask"] = put(block + bytes(-len(block) % 4))
    return result


def original(source: Source, record: int, side: int) -> bytes:
    """A record as it is stored, upright and whole, as a PNG that fits into a square.

    Raises:
        ImagefeedError: It cannot be read.
    """
    import io

    from PIL import Image  # not before it is needed

    steps = Pipeline([])
    engine_batch = _batches(source, steps, 0, records_of([record]), [0], {}, threading.Event())[0]
    for error in engine_batch.bad:
        raise error
    picture = Image.fromarray(rgb(engine_batch.images[0]))
    picture.thumbnail((side, side), Image.Resampling.BOX, reducing_gap=2.0)
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def check_shown(pipeline: Pipeline) -> None:
    """Raise SpecError where a pipeline makes pictures that are too large for a page."""
    for number, step in enumerate(pipeline):
        size = getattr(step, "size", None)
        if isinstance(size, tuple) and size[0] * size[1] > LARGEST_SHOWN * LARGEST_SHOWN * 16:
            raise SpecError(f"steps[{number}].{type(step).__name__}.size: got {size}; the page shows at most 2048x2048")
