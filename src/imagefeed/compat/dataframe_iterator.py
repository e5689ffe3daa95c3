"""Batches of the files that a table names."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.defaults import DataFormat
from imagefeed.compat.file_iterator import FileIterator
from imagefeed.compat.images import validate_filename
from imagefeed.compat.splits import ordered_split, shuffled_split
from imagefeed.compat.table import Table

if TYPE_CHECKING:
    from imagefeed.compat.generator import ImageDataGenerator

_WITH_CLASSES = ("binary", "categorical", "sparse")


class DataFrameIterator(FileIterator):
    """Batches of the pictures whose files a table names.

    Args:
        dataframe: A table of pandas, polars or pyarrow.
        directory: The folder that file names are relative to; None for whole paths.
        image_data_generator: What is done to each picture.
        x_col: The column with the file names.
        y_col: The column with the targets, or a list of columns.
        weight_col: The column with the weights, or None.
        target_size: (height, width) that pictures are resized to.
        color_mode: "rgb", "rgba" or "grayscale".
        classes: The classes to take, in the order in which they are numbered; by default all, sorted.
        class_mode: "categorical" (strings, or lists of them for several classes), "binary", "sparse", "raw" (numbers
            as they are), "multi_output" (a list of outputs, one for each column), "input", or None.
        batch_size: Pictures a batch.
        shuffle: Whether every epoch has an order of its own.
        seed: Of the order and the draws.
        data_format: Where batches have their channels.
        save_to_dir: A folder for a copy of every picture.
        save_prefix: How the names of the copies begin.
        save_format: The format of the copies.
        subset: "training" or "validation", if the generator has a validation split.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".
        keep_aspect_ratio: Whether to cut the middle out so that nothing is distorted.
        dtype: Of the batches.
        validate_filenames: Whether to leave out files that do not exist.
    """

    allowed_class_modes = frozenset(("binary", "categorical", "input", "multi_output", "raw", "sparse", None))

    def __init__(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str] | None = None,
        image_data_generator: ImageDataGenerator | None = None,
        x_col: str = "filename",
        y_col: str | Sequence[str] = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: DataFormat | None = "channels_last",
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str = "float32",
        validate_filenames: bool = True,
    ) -> None:
        from imagefeed.compat.generator import ImageDataGenerator  # it makes these iterators

        self._set_processing(
            image_data_generator or ImageDataGenerator(),
            target_size=target_size, color_mode=color_mode, data_format=data_format, save_to_dir=save_to_dir,
            save_prefix=save_prefix, save_format=save_format, subset=subset, interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio, dtype=dtype,
        )  # fmt: skip
        self.directory = os.fspath(directory or "")
        self.class_mode = class_mode
        table = Table(dataframe)
        self._check(table, x_col, y_col, weight_col, classes)
        rows = self._existing(table, x_col) if validate_filenames else np.arange(len(table))
        if class_mode in _WITH_CLASSES:
            rows = self._set_classes(table, cast(str, y_col), classes, rows)
        rows = self._of_subset(rows)
        names = cast("list[str]", table.column(x_col))
        self.filenames = [names[row] for row in rows]
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        self._sample_weight = None if weight_col is None else table.values(weight_col)[rows]
        if class_mode == "raw":
            self._targets_of_rows: Any = table.values(y_col)[rows]
        elif class_mode == "multi_output":
            self._targets_of_rows = [np.array(table.column(name, rows)) for name in y_col]
        self.samples = len(self.filenames)
        kind = "validated" if validate_filenames else "non-validated"
        belonging = f" belonging to {self.num_classes} classes" if class_mode in _WITH_CLASSES else ""
        print(f"Found {self.samples} {kind} image filenames{belonging}.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    @property
    def labels(self) -> Any:
        """The class number of every picture (or a list of them), or the values of the columns."""
        return self.classes if self.class_mode in _WITH_CLASSES else self._targets_of_rows

    @property
    def sample_weight(self) -> NDArray[Any] | None:
        """The weight of every picture, or None."""
        return self._sample_weight

    def get_classes(self, df: Any, y_col: str) -> list[Any]:
        """The class number of every row of a table, or a list of them.

        Args:
            df: A table.
            y_col: The column with the classes.
        """
        return [
            self.class_indices[label] if isinstance(label, str) else [self.class_indices[name] for name in label]
            for label in Table(df).column(y_col)
        ]

    # ---------------------------------------------------------------------------------------------- its parts

    def _check(
        self, table: Table, x_col: str, y_col: Any, weight_col: str | None, classes: Sequence[str] | None
    ) -> None:
        mode = self.class_mode
        if mode not in self.allowed_class_modes:
            modes = ", ".join(sorted(map(repr, self.allowed_class_modes)))
            raise ValueError(f"Invalid class_mode: {mode}; expected one of: {modes}")
        if mode == "multi_output" and not isinstance(y_col, list):
            raise TypeError(f'If class_mode="{mode}", y_col must be a list. Received {type(y_col).__name__}.')
        if not table.holds(x_col, str):
            raise TypeError(f"All values in column x_col={x_col} must be strings.")
        if mode in _WITH_CLASSES:
            self._check_classes(table, cast(str, y_col), classes)
        elif classes:
            warnings.warn(f'`classes` will be ignored given the class_mode="{mode}"', stacklevel=4)
        if weight_col is not None and table.values(weight_col).dtype.kind not in "biuf":
            raise TypeError(f"Column weight_col={weight_col} must be numeric.")

    def _check_classes(self, table: Table, y_col: str, classes: Sequence[str] | None) -> None:
        start = f'If class_mode="{self.class_mode}", y_col="{y_col}" column values must be'
        if self.class_mode == "categorical":
            if not table.holds(y_col, str | list | tuple):
                raise TypeError(f"{start} type string, list or tuple.")
            return
        if not table.holds(y_col, str):
            raise TypeError(f"{start} strings.")
        if self.class_mode == "binary":
            start = 'If class_mode="binary" there must be 2 classes.'
            if classes and len(set(classes)) != 2:
                raise ValueError(f"{start} {len(set(classes))} class/es were given.")
            found = len(set(table.column(y_col)))
            if not classes and found != 2:
                raise ValueError(f"{start} Found {found} classes.")

    def _existing(self, table: Table, x_col: str) -> NDArray[np.int64]:
        paths = [os.path.join(self.directory, cast(str, name)) for name in table.column(x_col)]
        good = np.array([validate_filename(path, self.white_list_formats) for path in paths], bool)
        bad = int((~good).sum())
        if bad:
            warnings.warn(
                f'Found {bad} invalid image filename(s) in x_col="{x_col}". These filename(s) will be ignored.',
                stacklevel=4,
            )
        return np.flatnonzero(good)

    def _set_classes(
        self, table: Table, y_col: str, classes: Sequence[str] | None, rows: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Number the classes, and leave out the rows that have none of the wanted ones."""
        labels = table.column(y_col, rows)
        wanted = (
            list(dict.fromkeys(classes)) if classes else sorted({name for label in labels for name in _names(label)})
        )
        self.class_indices = {name: k for k, name in enumerate(wanted)}
        self.num_classes = len(wanted)
        numbered: list[Any] = []
        for label in labels:
            found = [self.class_indices[name] for name in _names(label) if name in self.class_indices]
            numbered.append(found[0] if isinstance(label, str) and found else found)
        kept = [k for k, one in enumerate(numbered) if not (classes and one == [])]
        self.classes: list[Any] = [numbered[k] for k in kept]
        return rows[kept]

    def _of_subset(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.subset is None:
            return rows
        generator = self.image_data_generator
        has_classes = self.class_mode in _WITH_CLASSES
        if generator.mode == "fixed":
            groups = [str(one) for one in self.classes] if has_classes else [0] * len(rows)
            chosen = shuffled_split(groups, generator.validation_split, self.subset)
        else:
            chosen = ordered_split(len(rows), generator.validation_split, self.subset)
        if has_classes:
            self.classes = [self.classes[k] for k in chosen]
        return rows[chosen]


def _names(label: Any) -> list[str]:
    return [label] if isinstance(label, str) else list(label)
