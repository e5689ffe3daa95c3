"""Data sets of Hugging Face, whose pictures are decoded here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

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
    """The pictures of a data set, as they are stored.

    Args:
        dataset: A `datasets.Dataset`.
        image: The column.
    """

    def __init__(self, dataset: Any, image: str) -> None:
        datasets: Any = import_module("datasets")
        only = dataset.select_columns([image]).with_format(None)
        if isinstance(only.features[image], datasets.Image):
            only = only.cast_column(image, datasets.Image(decode=False))
        self._stored = only.with_format("arrow")  # bytes where they are mapped, and no object for each
        self._image = image

    def __len__(self) -> int:
        return len(self._stored)

    def names(self, indices: Ints) -> list[str]:
        return [f"{self._image}[{i}]" for i in indices.tolist()]

    def stage(self, records: _native.Records, indices: Ints) -> Sequence[str]:
        column = self._stored[indices.tolist()].column(0).combine_chunks()
        parted = hasattr(column.type, "get_field_index") and column.type.num_fields > 0  # as `Image` stores it
        columns = [column.field(name) for name in ("bytes", "path")] if parted else [column]
        paths = [""] * len(indices)
        for place in range(len(indices)):
            held = next((one[place] for one in columns if one[place].is_valid), None)
            if held is None:
                records.set_fault(place, "the data set holds neither bytes nor a path")
            elif "binary" in str(held.type):
                records.set_buffer(place, np.frombuffer(held.as_buffer(), np.uint8))
            else:
                paths[place] = held.as_py()
        return paths


def _is_named(dataset: Any, name: str) -> bool:
    return name in dataset.column_names and hasattr(dataset.features[name], "names")
