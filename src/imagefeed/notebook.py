"""How pipelines, sources and loaders show themselves in a notebook."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.checks import fail
from imagefeed.loader import Loader
from imagefeed.overlays import Overlay, overlays
from imagefeed.pipeline import Pipeline
from imagefeed.plan import plan
from imagefeed.sources import Source

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXAMPLE = (375, 500)
"""(height, width) of the picture for which a fused plan is shown."""

MOST_CLASSES = 20
COLORS = 10  # of matplotlib's cycle, "C0" to "C9"


def pipeline_html(pipeline: Pipeline) -> str:
    """The steps, and what they become together for a picture of an ordinary size."""
    steps = _table(("", "step"), ((str(k), repr(step)) for k, step in enumerate(pipeline)))
    height, width = EXAMPLE
    sizes, records = np.array([EXAMPLE], np.int64), np.zeros(1, np.int64)
    words = plan(pipeline.stages()[0], sizes, records, seed=0, epoch=0).explain(0)
    passes = [line.strip() for line in words.splitlines() if line.strip().startswith(("pass ", "read ", "then "))]
    fused = "".join(f"<li>{escape(line)}</li>" for line in passes)
    summary = f"<summary>what they become together, in one draw for a picture of {height}x{width}</summary>"
    return f"{steps}<details>{summary}<ul>{fused}</ul></details>"


def source_html(source: Source) -> str:
    """How many records, of which classes."""
    counts = source.class_counts if source.classes else {}
    if not any(counts.values()):  # classes of boxes or masks, not of pictures
        counts = {}
    rows = [(name, f"{count:,}") for name, count in list(counts.items())[:MOST_CLASSES]]
    if len(counts) > MOST_CLASSES:
        rows.append((f"… {len(counts) - MOST_CLASSES} more", ""))
    records = "1 record" if len(source) == 1 else f"{len(source):,} records"
    named = f"; classes: {escape(', '.join(source.classes[:MOST_CLASSES]))}" if source.classes and not counts else ""
    head = f"<p><b>{escape(type(source).__name__)}</b>: {records}{named}</p>"
    return head + (_table(("class", "records"), rows) if rows else "")


def loader_html(loader: Loader) -> str:
    """What it gives, and where its time went."""
    style = "white-space: pre-wrap; word-break: normal; font-family: monospace"  # Jupyter's own breaks words
    report = f'<pre style="{style}">{escape(str(loader.report()))}</pre>'
    return f"<p>{escape(repr(loader))}</p>{report}"


def figure(loader: Loader, *, count: int, columns: int) -> Figure:
    """The first pictures of a loader's coming epoch with their labels, boxes, points and masks.

    Args:
        loader: What is shown; its place stays where it is.
        count: How many pictures.
        columns: How many stand side by side.
    """
    for name, value in (("count", count), ("columns", columns)):
        if type(value) is not int or value < 1:
            raise fail(f"show({name}=)", value, "expected an integer above 0")
    shown = list(itertools.islice(_drawn(loader), count))
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    result = _empty_figure(figsize=(2.4 * columns, 2.6 * rows))
    for k, (image, overlay) in enumerate(shown):
        axes: Any = result.add_subplot(rows, columns, k + 1)
        _show(axes, image, overlay)
    return result


def _drawn(loader: Loader) -> Iterator[tuple[NDArray[Any], Overlay]]:
    """The pictures of a loader's coming epoch without their units, and what is drawn over each."""
    names = ("batch_size", "shuffle", "seed", "steps_per_epoch", "sampling", "on_error", "max_bad", "max_pixels")
    same: dict[str, Any] = {name: getattr(loader.options, name) for name in names}
    source = loader.source
    for batch in Loader(source, loader.pipeline.levels(), prefetch=1, **same).batches(loader.epoch):
        sizes = [(int(image.shape[0]), int(image.shape[1])) for image in batch.images]
        drawn = overlays(source.targets(batch.indices), batch.targets, sizes, source.classes)
        yield from zip(batch.images, drawn, strict=True)


def _empty_figure(figsize: tuple[float, float]) -> Figure:
    from matplotlib.figure import Figure  # not before it is needed

    class Shown(Figure):
        """A figure that a notebook shows although nobody has imported pyplot, which is what tells it how."""

        def _repr_png_(self) -> bytes:
            file = io.BytesIO()
            self.savefig(file, format="png")  # pyright: ignore[reportUnknownMemberType]
            return file.getvalue()

    return Shown(figsize=figsize, layout="constrained")


def _show(axes: Any, image: NDArray[Any], overlay: Overlay) -> None:
    if image.shape[-1] >= 3:
        axes.imshow(image[..., :3])
    else:
        axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=255)
    axes.set_title(", ".join(overlay.words), fontsize=9)
    axes.set_axis_off()
    from matplotlib.patches import Rectangle

    if overlay.mask is not None:
        colors = (overlay.mask.astype(np.int16) - 1) % COLORS  # they come again from the eleventh class on
        hidden: Any = np.ma.masked_where(overlay.mask == 0, colors)  # pyright: ignore[reportUnknownMemberType]
        axes.imshow(hidden, cmap="tab10", vmin=0, vmax=9, alpha=0.5, interpolation="nearest")
    for k, (left, top, right, bottom) in enumerate(overlay.boxes.tolist()):
        color = f"C{k % COLORS}"
        # The middle of the first pixel is at 0 there, and at 0.5 here.
        corner = (left - 0.5, top - 0.5)
        axes.add_patch(Rectangle(corner, right - left, bottom - top, fill=False, edgecolor=color, linewidth=1.5))
        if overlay.names:
            axes.text(left, top, overlay.names[k], fontsize=7, color="white", backgroundcolor=color, va="top")
    if len(overlay.points):
        axes.scatter(overlay.points[:, 0] - 0.5, overlay.points[:, 1] - 0.5, s=12, c="C1", edgecolors="black")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    # Notebooks align to the right, as numbers want it; a step is text.
    left = ' style="text-align: left"'
    cells = "".join(f"<th{left}>{escape(one)}</th>" for one in head)
    lines = "".join("<tr>" + "".join(f"<td{left}>{escape(one)}</td>" for one in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{lines}</table>"
