"""Batches from a folder with a sub-folder for every class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat.defaults import DataFormat
from imagefeed.compat.file_iterator import FileIterator
from imagefeed.compat.splits import ordered_split, shuffled_split

if TYPE_CHECKING:
    from imagefeed.compat.generator import ImageDataGenerator


class DirectoryIterator(FileIterator):
    """Batches of the pictures below a folder.

    Args:
        directory: The folder, with a sub-folder for every class.
        image_data_generator: What is done to each picture.
        target_size: (height, width) that pictures are resized to.
        color_mode: "rgb", "rgba" or "grayscale".
        classes: The sub-folders to take, in the order in which they are numbered; by default all, sorted.
        class_mode: "categorical", "binary", "sparse", "input", or None for pictures alone.
        batch_size: Pictures a batch.
        shuffle: Whether every epoch has an order of its own.
        seed: Of the order and the draws.
        data_format: By default the generator's.
        save_to_dir: A folder for a copy of every picture.
        save_prefix: How the names of the copies begin.
        save_format: The format of the copies.
        follow_links: Whether to enter links to folders below a class.
        subset: "training" or "validation", if the generator has a validation split.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".
        keep_aspect_ratio: Whether to cut the middle out so that nothing is distorted.
        dtype: Of the batches; by default the generator's.
    """

    allowed_class_modes = frozenset(("categorical", "binary", "sparse", "input", None))

    def __init__(
        self,
        directory: str | os.PathLike[str],
        image_data_generator: ImageDataGenerator,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: DataFormat | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = None,
    ) -> None:
        self._set_processing(
            image_data_generator,
            target_size=target_size, color_mode=color_mode, data_format=data_format, save_to_dir=save_to_dir,
            save_prefix=save_prefix, save_format=save_format, subset=subset, interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio, dtype=dtype,
        )  # fmt: skip
        if class_mode not in self.allowed_class_modes:
            modes = ", ".join(sorted(map(repr, self.allowed_class_modes)))
            raise ValueError(f"Invalid class_mode: {class_mode}; expected one of: {modes}")
        self.directory: str | os.PathLike[str] = directory
        self.class_mode = class_mode
        names = _class_folders(directory) if not classes else list(classes)
        self.class_indices = {name: k for k, name in enumerate(names)}
        self.num_classes = len(names)
        self._list(names, follow_links)
        self.samples = len(self.filenames)
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    @property
    def labels(self) -> NDArray[np.int32]:
        """The class number of every picture, int32 (n,)."""
        return self.classes

    def _list(self, names: Sequence[str], follow_links: bool) -> None:
        root = os.fspath(cast(str, self.directory))
        self.filenames = []
        counts: list[int] = []
        for name in names:
            files = _pictures(os.path.join(root, name), follow_links)
            chosen = self._chosen(len(files))
            self.filenames += [os.path.join(name, files[k]) for k in chosen]
            counts.append(len(chosen))
        self.classes: NDArray[np.int32] = np.repeat(np.arange(len(names), dtype=np.int32), counts)
        self._filepaths = [os.path.join(root, name) for name in self.filenames]

    def _chosen(self, count: int) -> Sequence[int]:
        """Which files of a class belong to the subset."""
        if self.subset is None:
            return range(count)
        generator = self.image_data_generator
        if generator.mode == "fixed":
            return shuffled_split([0] * count, generator.validation_split, self.subset).tolist()
        return ordered_split(count, generator.validation_split, self.subset).tolist()


def _class_folders(directory: str | os.PathLike[str]) -> list[str]:
    with os.scandir(directory) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir())


def _pictures(top: str, follow_links: bool) -> list[str]:
    """The pictures below a folder by their paths from it: folder by folder in the order of their paths."""
    if not Path(top).is_dir():
        return []
    endings = tuple(f".{one}" for one in FileIterator.white_list_formats)
    found: list[tuple[str, list[str]]] = []
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        files: list[str] = []
        with os.scandir(os.path.join(top, inside)) as entries:
            for entry in entries:
                if entry.is_dir():
                    if follow_links or not entry.is_symlink():
                        waiting.append(os.path.join(inside, entry.name))
                elif entry.name.lower().endswith(endings):
                    files.append(entry.name)
        found.append((inside, sorted(files)))
    result = [os.path.join(inside, name) for inside, files in sorted(found) for name in files]
    if any(name.lower().endswith(".tiff") for name in result):
        warnings.warn(
            'Using ".tiff" files with multiple bands will cause distortion. Please verify your output.', stacklevel=5
        )
    return result
