"""The systems compared, one file each, and the words that they share with the worker.

A system's file offers

- ``WORK``: by the job's `work`, a function from `Task` to an endless iterator of batches, each with
  a length: its images. It starts no sooner than it is called.
- ``to_numpy(batch)``: the batch's images as float32 (n, height, width, 3), or None if it has none.
- ``versions()``: what is installed, by name.
- ``listing(folder)``, where it has one: the number of files found, a class per sub-folder.

It imports its package at the top, and nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobs import Job


@dataclass(frozen=True, kw_only=True)
class System:
    """One row of the tables.

    `module` is the file in this folder, `environment` the name that ``--python NAME=PATH`` gives
    an interpreter to, `package` what "import time" imports. `antialias` tells how it shrinks
    pictures: our row with the same answer is the one it is compared with. `options` are for its file.
    """

    name: str
    title: str
    module: str
    environment: str
    package: str
    antialias: bool
    works: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a system's function gets: the job, its files, how many threads, and the row's terms."""

    job: Job
    folder: Path
    threads: int
    antialias: bool
    options: Mapping[str, str]


ALL_WORK = ("affine", "resized_crop", "validation", "crop", "arrays", "color", "policy")

SYSTEMS: tuple[System, ...] = (
    System(
        name="imagefeed",
        title="imagefeed (antialiased)",
        module="ours",
        environment="imagefeed",
        package="imagefeed",
        antialias=True,
        works=ALL_WORK,
    ),
    System(
        name="imagefeed-plain",
        title="imagefeed (plain bilinear)",
        module="ours",
        environment="imagefeed",
        package="imagefeed",
        antialias=False,
        works=("affine", "resized_crop", "color", "policy"),
    ),
    System(
        name="roof",
        title="roof: libjpeg-turbo decoding alone (arrays: conversion to float32 alone)",
        module="roof",
        environment="imagefeed",
        package="ctypes",
        antialias=True,
        works=ALL_WORK,
    ),
    System(
        name="keras",
        title="Keras ImageDataGenerator",
        module="keras_generator",
        environment="tf",
        package="tensorflow",
        antialias=True,
        works=("affine", "arrays"),
    ),
    System(
        name="tfdata-layers",
        title="tf.data: image_dataset_from_directory, Keras layers",
        module="tfdata_layers",
        environment="tf",
        package="tensorflow",
        antialias=False,
        works=("affine", "arrays", "color", "policy"),
    ),
    System(
        name="tfdata",
        title="tf.data by hand: decode_and_crop_jpeg",
        module="tfdata",
        environment="tf",
        package="tensorflow",
        antialias=False,
        works=("resized_crop", "validation", "crop"),
        options={"dct": "INTEGER_ACCURATE"},
    ),
    System(
        name="tfdata-fast",
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
        title="NVIDIA DALI on the CPU (antialiased, its default)",
        module="dali",
        environment="dali",
        package="nvidia.dali",
        antialias=True,
        works=ALL_WORK,
    ),
    System(
        name="dali-plain",
        title="NVIDIA DALI on the CPU (plain bilinear)",
        module="dali",
        environment="dali",
        package="nvidia.dali",
        antialias=False,
        works=("affine", "resized_crop", "color", "policy"),
    ),
    System(
        name="dali-whole",
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
        title="PyTorch DataLoader, Albumentations",
        module="torch_albumentations",
        environment="torch",
        package="albumentations",
        antialias=False,
        works=tuple(work for work in ALL_WORK if work != "policy"),
    ),
    System(
        name="pillow",
        title="Pillow and a thread pool: decode, then resize or crop",
        module="pillow",
        environment="imagefeed",
        package="PIL.Image",
        antialias=True,
        works=("validation", "crop"),
    ),
)


def system_named(name: str) -> System:
    """The system of that name. Raises `ValueError`, listing the names, where there is none."""
    for system in SYSTEMS:
        if system.name == name:
            return system
    raise ValueError(f"system: got {name!r}; expected one of {', '.join(s.name for s in SYSTEMS)}")
