"""A grid of pictures, as a loader renders them: the same engine, the same draws, the same bytes."""

from __future__ import annotations

import io
import json
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.cache import Cache, RamStore
from imagefeed.cache_point import shrunk_point, useful_short_side
from imagefeed.engine import Engine
from imagefeed.errors import SpecError
from imagefeed.group import Batch, Final
from imagefeed.keeper import Keeper
from imagefeed.memory import available_cores
from imagefeed.order import Portion
from imagefeed.overlays import Overlay, overlays
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source
from imagefeed.studio.work import records_of
from imagefeed.transforms import ResizeLongestSide
from imagefeed.types import Dtype

LARGEST_SHOWN = 512
"""Pixels a side. What a pipeline makes larger is shown smaller, and so is what has no common size."""

MOST_PIXELS = 120_000_000
"""Of one picture, before it is decoded."""

_COPIES = Cache("ram", budget="1GB", store="raw")
"""Of pictures that take long to decode."""


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


@dataclass(frozen=True, slots=True)
class _View:
    """Which draws of which records."""

    seed: int
    indices: NDArray[np.int64]
    epochs: Sequence[int]
    stopped: threading.Event


class _LargeError(Exception):
    """Pictures come out larger than is shown."""


class Painter:
    """Makes pictures of a source: as a loader gives them, or quickly from shrunk copies that it keeps.

    Args:
        source: Where they come from.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._copies = RamStore(_COPIES.bytes)

    def draw(
        self,
        pipeline: Pipeline,
        *,
        seed: int,
        records: Sequence[int],
        epochs: Sequence[int],
        size: int,
        stopped: threading.Event,
        quick: bool = False,
    ) -> Drawing:
        """Draw some records, each once for every epoch.

        Args:
            pipeline: What is done; its units are left out.
            seed: As for a Loader.
            records: Their places in the source.
            epochs: As for a Loader.
            size: The side, in pixels, of what cannot be shown as it is.
            stopped: Ends the work when it is set.
            quick: Draw from shrunk copies, which are made of pictures that are seen for the first time.

        Raises:
            ImagefeedError: The pipeline cannot be applied.
            StoppedError: `stopped` was set.
        """
        steps = pipeline.levels()
        view = _View(seed, records_of(records), epochs, stopped)
        shown = Pipeline([*steps, ResizeLongestSide(size)], training=steps.training)
        exact = not quick
        if quick and _copied_side(steps) is None and _copied_side(shown) is not None:
            steps = shown  # pictures stay as large as they are, and are large or else there were no hurry
        try:
            columns, seconds = self._batches(steps, view, quick=quick, largest=LARGEST_SHOWN)
        except _LargeError:
            columns, seconds = self._batches(shown, view, quick=quick)
            exact = False
        cells = [
            _cell(self.source, column[k], epoch, record)
            for k, record in enumerate(records)
            for column, epoch in zip(columns, epochs, strict=True)
        ]
        return Drawing(cells, exact, seconds)

    def floats(self, pipeline: Pipeline, seed: int, records: Sequence[int], epoch: int) -> NDArray[np.float32]:
        """What a model is given of some records: float32 (pixels of all of them, channels).

        Raises:
            ImagefeedError: The pipeline cannot be applied, or none of them can be read.
        """
        view = _View(seed, records_of(records), [epoch], threading.Event())
        batches = self._batches(pipeline, view, dtype="float32")[0][0]
        found = [batch.images.reshape(-1, batch.images.shape[-1]) for batch in batches if len(batch.images)]
        if not found:
            raise batches[0].bad[0]
        return np.concatenate(found)

    def original(self, record: int, side: int) -> bytes:
        """A record as it is stored, upright and whole, as a PNG that fits into a square.

        Raises:
            ImagefeedError: It cannot be read.
        """
        from PIL import Image  # not before it is needed

        view = _View(0, records_of([record]), [0], threading.Event())
        batch = self._batches(Pipeline([]), view, quick=True, side=side)[0][0][0]
        for error in batch.bad:
            raise error
        picture = Image.fromarray(rgb(batch.images[0]))
        picture.thumbnail((side, side), Image.Resampling.BOX, reducing_gap=2.0)
        out = io.BytesIO()
        picture.save(out, "PNG", compress_level=1)
        return out.getvalue()

    def _batches(
        self,
        pipeline: Pipeline,
        view: _View,
        *,
        dtype: Dtype = "uint8",
        largest: int | None = None,
        quick: bool = False,
        side: int | None = None,
    ) -> tuple[list[list[Batch]], dict[str, float]]:
        """For every epoch a batch of each record, so that they may be of several sizes; and what the parts of the work
        took, in seconds.
        """
        engine = self._engine(pipeline, view.seed, dtype)
        start = time.perf_counter()
        if quick:
            point = shrunk_point(pipeline, side or _copied_side(pipeline), scalable=True)
            engine.keep(Keeper(self.source, _COPIES, point, engine.sizes, self._copies))
            engine.fill(view.indices)  # once for all epochs
        portions = [[Portion(one, one, epoch=epoch) for one in view.indices[:, None]] for epoch in view.epochs]
        groups = [engine.fetch(column, view.stopped) for column in portions]
        for group in groups:
            engine.finish_fetch(group)
        fetched = time.perf_counter()
        finals: list[Final] = []
        for group in groups:
            finals.append(engine.finish_plan(group))
            if largest is not None and finals[-1].sizes.max() > largest:
                raise _LargeError
        planned = time.perf_counter()
        renderings = [
            [engine.render(final, k, [one])[0] for k, one in enumerate(column)]
            for final, column in zip(finals, portions, strict=True)
        ]
        batches = [[engine.finish_render(one) for one in column] for column in renderings]
        rendered = time.perf_counter()
        return batches, {"read": fetched - start, "plan": planned - fetched, "render": rendered - planned}

    def _engine(self, pipeline: Pipeline, seed: int, dtype: Dtype) -> Engine:
        return Engine(
            self.source,
            pipeline,
            threads=available_cores(),
            seed=seed,
            dtype=dtype,
            layout="nhwc",
            most_pixels=MOST_PIXELS,
        )


def _copied_side(pipeline: Pipeline) -> int | None:
    """The short side of copies that a pipeline can be drawn from: few sizes serve all positions of its sliders."""
    side = useful_short_side(pipeline)
    return None if side is None else 1 << max(side - 1, 1).bit_length()


def _cell(source: Source, batch: Batch, epoch: int, record: int) -> Cell:
    """What became of one record."""
    for error in batch.bad:
        return Cell(record, epoch, None, Overlay(), error.reason)
    image = batch.images[0]
    size = int(image.shape[0]), int(image.shape[1])
    (overlay,) = overlays(source.targets(batch.indices), batch.targets, [size], source.classes)
    return Cell(record, epoch, image, overlay)


def rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Three channels of any number: gray three times, or the first three, or the first of two."""
    return pixels[..., :3] if pixels.shape[-1] >= 3 else np.repeat(pixels[..., :1], 3, axis=-1)


def packed(drawing: Drawing, extra: dict[str, Any]) -> bytes:
    """A drawing as the page takes it: four bytes with the length of a JSON text, that text, then pixels.

    The pixels of a cell are RGBA, as a canvas takes them, and begin `at` so many bytes after the text; those of its
    mask, one byte each, at `mask`.
    """
    blocks = Blocks()
    cells = [_packed_cell(cell, blocks) for cell in drawing.cells]
    milliseconds = {name: round(value * 1e3, 2) for name, value in drawing.seconds.items()}
    several = len({(cell["height"], cell["width"]) for cell in cells if not cell["error"]}) > 1
    header = {"cells": cells, "exact": drawing.exact, "several": several, "milliseconds": milliseconds} | extra
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([struct.pack("<I", len(text)), text, *(one.data for one in blocks.arrays)])


class Blocks:
    """Arrays of bytes, one after another."""

    def __init__(self) -> None:
        self.arrays: list[NDArray[np.uint8]] = []
        self._at = 0

    def put(self, size: int) -> tuple[int, NDArray[np.uint8]]:
        """Where the next so many bytes are, and they themselves, to be written."""
        at, block = self._at, np.empty(size, np.uint8)
        self.arrays.append(block)
        self._at += size
        return at, block


def _packed_cell(cell: Cell, blocks: Blocks) -> dict[str, Any]:
    result: dict[str, Any] = {"record": cell.record, "epoch": cell.epoch, "error": cell.error}
    if cell.pixels is None:
        return result
    height, width = cell.pixels.shape[:2]
    at, block = blocks.put(height * width * 4)
    rgba = block.reshape(height, width, 4)
    for channel in range(3):  # quicker than three at once
        rgba[..., channel] = cell.pixels[..., channel if cell.pixels.shape[-1] >= 3 else 0]
    rgba[..., 3] = 255
    overlay = cell.overlay
    result |= {
        "height": height,
        "width": width,
        "at": at,
        "words": overlay.words,
        "boxes": overlay.boxes.round(2).tolist(),
        "names": overlay.names,
        "points": overlay.points.round(2).tolist(),
    }
    if overlay.mask is not None:
        size = overlay.mask.size
        # Padded, so that the next picture begins where a canvas can take it.
        result["mask"], block = blocks.put(size + -size % 4)
        block[:size] = overlay.mask.ravel()
    return result


def check_shown(pipeline: Pipeline) -> None:
    """Raise SpecError where a pipeline makes pictures that are too large for a page."""
    for number, step in enumerate(pipeline):
        size = getattr(step, "size", None)
        if isinstance(size, tuple) and size[0] * size[1] > LARGEST_SHOWN * LARGEST_SHOWN * 16:
            raise SpecError(f"steps[{number}].{type(step).__name__}.size: got {size}; the page shows at most 2048x2048")
