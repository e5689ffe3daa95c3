"""The systems compared, one file each, and the words that they share with the worker.

A system's file offers

- a function named as the job's `work`, from `Task` to an endless iterator of batches, each with a length: its
  images. It starts no sooner than it is called.
- ``to_numpy(images)``: a batch's images as float32 (n, height, width, 3), or None if it has none. A batch of pictures
  and masks is a `Pair`.
- ``versions()``: what is installed, by name.
- ``listing(folder)``, where it has one: the number of files found, a class per sub-folder.

It imports its package at the top, and nothing of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from jobs import Job


@dataclass(frozen=True, kw_only=True)
class System:
    """One row of the tables. `label` is short, for plots, `title` says what was done.

    `module` is the file in this folder, `environment` the name that ``--python NAME=PATH`` gives
    an interpreter to, `package` what "import time" imports. `antialias` tells how it shrinks
    pictures: our row with the same answer is the one it is compared with. `options` are for its file.
    """

    name: str
    label: str
    title: str
    module: str
    environment: str
    package: str
    antialias: bool
    works: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a system's function gets: the job, its files, how many threads, the row's terms, a folder for a cache."""

    job: Job
    folder: Path
    threads: int
    antialias: bool
    options: Mapping[str, str]
    scratch: Path | None = None


Load: TypeAlias = Callable[[], ModuleType]
"""What imports a system's file, when a measurement is ready for it."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A batch of pictures and their masks."""

    images: Any
    masks: Any

    def __len__(self) -> int:
        return len(self.images)


def photographs(task: Task) -> list[str]:
    """The paths of a task's JPEGs, sorted; those of the second class have "class1" in them."""
    return sorted(map(str, task.folder.glob("images/*/*.jpg")))


def pairs(task: Task) -> list[tuple[str, str]]:
    """The paths of a task's pictures and of their masks."""
    pictures = sorted((task.folder / "images").glob("*.png"))
    return [(str(path), str(task.folder / "masks" / path.name)) for path in pictures]


ALL_WORK = ("affine", "resized_crop", "validation", "crop", "arrays", "color", "policy", "pairs")
ALBUMENTATIONS_WORK = tuple(work for work in ALL_WORK if work != "policy")
PLAIN_WORK = ("affine", "resized_crop", "color", "policy")
CACHED_WORK = ("cached_crop", "multi_label")

SYSTEMS: tuple[System, ...] = (
    System(
        name="imagefeed",
        label="imagefeed",
        title="imagefeed (antialiased)",
        module="ours",
        environment="imagefeed",
        package="imagefeed",
        antialias=True,
        works=(*ALL_WORK, "cached_crop", "moments", "whitening"),
    ),
    System(
        name="imagefeed-plain",
        label="imagefeed, plain bilinear",
        title="imagefeed (plain bilinear)",
        module="ours",
        environment="imagefeed",
        package="imagefeed",
        antialias=False,
        works=PLAIN_WORK,
    ),
    System(
        name="imagefeed-ram",
        label="imagefeed, in memory",
        title="imagefeed, cache in memory",
        module="ours",
        environment="imagefeed",
        package="imagefeed",
        antialias=True,
        works=CACHED_WORK,
        options={"cache": "ram"},
    ),
    System(
        name="imagefeed-raw",
        label="imagefeed, levels",
        title="imagefeed, cache in a folder, levels",
        module="ours",
        environment="imagefeed",
        package="imagefeed",
        antialias=True,
        works=CACHED_WORK,
        options={"cache": "raw"},
    ),
    System(
        name="imagefeed-jpeg",
        label="imagefeed, JPEG",
        title="imagefeed, cache in a folder, JPEG",
        module="ours",
        environment="imagefeed",
        package="imagefeed",
        antialias=True,
        works=CACHED_WORK,
        options={"cache": "jpeg"},
    ),
    System(
        name="roof",
        label="roof",
        title="roof: libjpeg-turbo decoding alone (arrays: conversion to float32; PNG: zlib alone)",
        module="roof",
        environment="imagefeed",
        package="ctypes",
        antialias=True,
        works=ALL_WORK,
    ),
    System(
        name="keras",
        label="Keras ImageDataGenerator",
        title="Keras ImageDataGenerator",
        module="keras_generator",
        environment="tf",
        package="tensorflow",
        antialias=True,
        works=("affine", "arrays", "moments", "whitening"),
    ),
    System(
        name="tfdata-layers",
        label="tf.data, Keras layers",
        title="tf.data: image_dataset_from_directory, Keras layers",
        module="tfdata_layers",
        environment="tf",
        package="tensorflow",
        antialias=False,
        works=("affine", "arrays", "color", "policy", "moments"),
    ),
    System(
        name="tfdata",
        label="tf.data by hand",
        title="tf.data by hand: decode_and_crop_jpeg",
        module="tfdata",
        environment="tf",
        package="tensorflow",
        antialias=False,
        works=("resized_crop", "validation", "crop", "pairs"),
        options={"dct": "INTEGER_ACCURATE"},
    ),
    System(
        name="tfdata-cache",
        label="tf.data, cache()",
        title="tf.data by hand, cache() in memory, bytes",
        module="tfdata",
        environment="tf",
        package="tensorflow",
        antialias=False,
        works=CACHED_WORK,
        options={"dct": "INTEGER_ACCURATE", "cache": "ram"},
    ),
    System(
        name="tfdata-cache-file",
        label="tf.data, cache(file)",
        title="tf.data by hand, cache(file), bytes",
        module="tfdata",
        environment="tf",
        package="tensorflow",
        antialias=False,
        works=CACHED_WORK,
        options={"dct": "INTEGER_ACCURATE", "cache": "raw"},
    ),
    System(
        name="tfdata-fast",
        label="tf.data by hand, fast DCT",
        title="tf.data by hand: decode_and_crop_jpeg, fast DCT",
        module="tfdata",
        environment="tf",
        package="tensorflow",
        antialias=False,
        works=("resized_crop", "crop"),
        options={"dct": "INTEGER_FAST"},
    ),
    System(
        name="tfdata-whole",
        label="tf.data, decoded whole",
        title="tf.data by hand: decode_jpeg, then crop",
        module="tfdata",
        environment="tf",
        package="tensorflow",
        antialias=False,
        works=("crop",),
        options={"dct": "INTEGER_ACCURATE", "decode": "whole"},
    ),
    System(
        name="dali",
        label="NVIDIA DALI",
        title="NVIDIA DALI on the CPU (antialiased, its default)",
        module="dali",
        environment="dali",
        package="nvidia.dali",
        antialias=True,
        works=(*ALL_WORK, "cached_crop"),
    ),
    System(
        name="dali-plain",
        label="NVIDIA DALI, plain bilinear",
        title="NVIDIA DALI on the CPU (plain bilinear)",
        module="dali",
        environment="dali",
        package="nvidia.dali",
        antialias=False,
        works=PLAIN_WORK,
    ),
    System(
        name="dali-whole",
        label="NVIDIA DALI, decoded whole",
        title="NVIDIA DALI on the CPU: decode, then crop",
        module="dali",
        environment="dali",
        package="nvidia.dali",
        antialias=True,
        works=("crop",),
        options={"decode": "whole"},
    ),
    System(
        name="albumentations",
        label="PyTorch, Albumentations",
        title="PyTorch DataLoader, Albumentations",
        module="torch_albumentations",
        environment="torch",
        package="albumentations",
        antialias=False,
        works=(*ALBUMENTATIONS_WORK, "cached_crop"),
    ),
    System(
        name="torchvision",
        label="PyTorch, torchvision v2",
        title="PyTorch DataLoader, torchvision v2",
        module="torch_vision",
        environment="torchvision",
        package="torchvision",
        antialias=True,
        works=("affine", "resized_crop", "validation", "crop", "color", "policy", "pairs"),
    ),
    System(
        name="grain",
        label="Grain, Albumentations",
        title="Google Grain, Albumentations",
        module="grain_albumentations",
        environment="torch",
        package="grain",
        antialias=False,
        works=tuple(work for work in ALBUMENTATIONS_WORK if work != "pairs"),
    ),
    System(
        name="hub",
        label="Hugging Face, Albumentations",
        title="Hugging Face datasets, PyTorch DataLoader, Albumentations",
        module="hub_albumentations",
        environment="torch",
        package="datasets",
        antialias=False,
        works=("affine", "resized_crop", "validation", "crop", "color"),
    ),
    System(
        name="ffcv",
        label="FFCV",
        title="FFCV, its file of JPEGs of full size",
        module="ffcv_file",
        environment="ffcv",
        package="ffcv",
        antialias=True,
        works=("resized_crop",),
        options={"store": "jpg"},
    ),
    System(
        name="ffcv-raw",
        label="FFCV, levels",
        title="FFCV, its file of levels, short side 256",
        module="ffcv_file",
        environment="ffcv",
        package="ffcv",
        antialias=True,
        works=("cached_crop",),
        options={"store": "raw"},
    ),
    System(
        name="pillow",
        label="Pillow, threads",
        title="Pillow and a thread pool: decode, then resize or crop",
        module="pillow",
        environment="imagefeed",
        package="PIL.Image",
        antialias=True,
        works=("validation", "crop", "pairs"),
    ),
)


def system_named(name: str) -> System:
    """The system of that name. Raises `ValueError`, listing the names, where there is none."""
    for system in SYSTEMS:
        if system.name == name:
            return system
    raise ValueError(f"system: got {name!r}; expected one of {', '.join(s.name for s in SYSTEMS)}")
