"""Data sets of Hugging Face, whose pictures are decoded here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.checks import fail
from imagefeed.decode import Color, check_color
from imagefeed.errors import SourceError
from imagefeed.sources.base import Ints
from imagefeed.sources.columns import Classes, Columns, Wanted
from imagefeed.sources.listed import Listed
from imagefeed.sources.pictures import Pictures


def hub(
    dataset: Any,
    *,
    image: str = "image",
    label: Wanted = None,
    multi_label: Wanted = None,
    value: Wanted = None,
    weight: str | None = None,
    classes: Classes = None,
    separator: str = " ",
    color: Color = "rgb",
) -> Listed:
    """The records of a `datasets.Dataset`. Its stored bytes are read from its memory-mapped table and decoded natively.

        >>> import datasets
        >>> from imagefeed import hub
        >>> data = datasets.Dataset.from_dict({"image": [str(file) for file in photos.files], "label": photos.labels})
        >>> hub(data.cast_column("image", datasets.Image()), label="label")
        Hub(12 records: 0 6, 1 6)

    Args:
        dataset: One split: with an index and a length, so not a dict of splits, and not streamed.
        image: The column of pictures: of the feature `Image`, or of bytes or paths.
        label: As for `table`; where the feature is a `ClassLabel`, its names are the classes.
        multi_label: As for `table`.
        value: As for `table`.
        weight: As for `table`.
        classes: As for `table`.
        separator: As for `table`.
        color: "rgb", "gray", "rgba" or "gray16", as for `read`.

    Raises:
        SpecError: It is no such data set.
        SourceError: A column or a value is missing or of the wrong kind.
    """
    check_color("hub(color=)", color)
    datasets: Any = import_module("datasets")
    if not isinstance(dataset, datasets.Dataset):
        kind = type(dataset).__name__
        raise fail("hub(dataset=)", kind, "expected one split of a data set, such as load_dataset(...)['train']")
    columns = Columns(
        label=label, multi_label=multi_label, value=value, weight=weight, classes=classes, separator=separator
    )
    if image not in dataset.column_names:
        raise SourceError(f"hub: has no column {image!r}; it has {', '.join(dataset.column_names)}")
    if classes is None:
        named = {name: dataset.features[name].names for name in columns.names if _is_named(dataset, name)}
        columns = Columns(
            label=label, multi_label=multi_label, value=value, weight=weight, classes=named, separator=separator
        )

    def read(name: str) -> list[Any]:
        if name not in dataset.column_names:
            raise KeyError(name)
        return dataset.select_columns([name]).with_format(None)[:][name]

    return Listed(HubPictures(dataset, image), columns.read(read, "hub"), color=color, title="Hub()")


class HubPictures(Pictures):
    """The pictures of a data set, shown to the native core where they lie in its memory-mapped table.

    Args:
        dataset: A `datasets.Dataset`.
        image: The column.
    """

    def __init__(self, dataset: Any, image: str) -> None:
        datasets: Any = import_module("datasets")
        only = dataset.select_columns([image])
        if isinstance(only.features[image], datasets.Image):
            only = only.cast_column(image, datasets.Image(decode=False))
        self._stored = only
        self._image = image

    def __len__(self) -> int:
        return len(self._stored)

    def names(self, indices: Ints) -> list[str]:
        return [f"{self._image}[{i}]" for i in indices.tolist()]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        paths = [""] * len(indices)
        rows = indices if self._rows is None else self._rows[indices]
        chunks: list[int] = np.searchsorted(self._ends, rows, side="right").tolist()
        for place, (number, row) in enumerate(zip(chunks, rows.tolist(), strict=True)):
            chunk: _Chunk = self._chunks[number]
            held = chunk.held(row - chunk.first)
            if held is None:
                records.set_fault(place, "the data set holds neither bytes nor a path")
            elif isinstance(held, str):
                paths[place] = held
            else:
                records.set_buffer(place, held)
        return paths

    @cached_property
    def _chunks(self) -> list[_Chunk]:
        parts = self._stored.data.column(self._image).chunks
        firsts = np.cumsum([0, *(len(part) for part in parts)]).tolist()
        return [_Chunk(part, first) for part, first in zip(parts, firsts, strict=False)]  # strict: the last is the end

    @cached_property
    def _ends(self) -> Ints:
        return np.array([chunk.first + len(chunk.column) for chunk in self._chunks], np.int64)

    @cached_property
    def _rows(self) -> Ints | None:
        """Where the records are in the table, if that is not their order: after a shuffle, select or filter."""
        chosen: Any = self._stored._indices
        return None if chosen is None else chosen.column(0).to_numpy().astype(np.int64)

    def __getstate__(self) -> dict[str, Any]:
        return {"_stored": self._stored, "_image": self._image}  # views of the table do not travel


class _Chunk:
    """One stretch of a table's column: bytes, paths, or both, as `datasets.Image` stores them.

    Args:
        column: An array of pyarrow.
        first: Its first row in the table.
    """

    def __init__(self, column: Any, first: int) -> None:
        self.column = column
        self.first = first

    def held(self, row: int) -> NDArray[np.uint8] | str | None:
        """The bytes of a row, or else its path, or nothing."""
        for valid, offsets, stored, is_path in self._parts:
            if valid[row] and offsets[row] < offsets[row + 1]:
                content = stored[offsets[row] : offsets[row + 1]]
                return content.tobytes().decode() if is_path else content
        return None

    @cached_property
    def _parts(self) -> list[tuple[NDArray[np.bool_], Ints, NDArray[np.uint8], bool]]:
        kind = self.column.type
        parted = hasattr(kind, "get_field_index") and kind.num_fields > 0
        fields = self.column.flatten() if parted else [self.column]  # a row without anything has no fields either
        columns = [fields[kind.get_field_index(name)] for name in ("bytes", "path")] if parted else fields
        return [_binary(one) for one in columns]


def _binary(column: Any) -> tuple[NDArray[np.bool_], Ints, NDArray[np.uint8], bool]:
    """Of a column of bytes or text: which rows have any, where each begins, all of the bytes; whether it is text."""
    whole = column.cast("large_binary")  # whatever it is, now with offsets of 64 bits
    _, offsets, data = whole.buffers()
    begins = np.frombuffer(offsets, np.int64)[whole.offset : whole.offset + len(whole) + 1]
    stored = np.frombuffer(b"" if data is None else data, np.uint8)
    return column.is_valid().to_numpy(zero_copy_only=False), begins, stored, "binary" not in str(column.type)


def _is_named(dataset: Any, name: str) -> bool:
    return name in dataset.column_names and hasattr(dataset.features[name], "names")
