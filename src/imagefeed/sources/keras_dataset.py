"""The small data sets that Keras knows by name."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from imagefeed.checks import check_choice
from imagefeed.sources.arrays import Arrays

KerasDataset: TypeAlias = Literal["mnist", "fashion_mnist", "cifar10", "cifar100"]

_CLASSES: dict[str, tuple[str, ...]] = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "cifar100": tuple(map(str, range(100))),
}


def keras_dataset(name: KerasDataset) -> tuple[Arrays, Arrays]:
    """The training and the test part of a data set of `keras.datasets`, which downloads it the first time.

        >>> from imagefeed import keras_dataset
        >>> train, test = keras_dataset("cifar10")  # doctest: +SKIP

    Args:
        name: "mnist", "fashion_mnist", "cifar10" or "cifar100".

    Returns:
        Two sources of uint8 pictures and class numbers, int64 (n,).

    Raises:
        SpecError: There is no such data set.
        ModuleNotFoundError: Keras is not installed.
    """
    check_choice("keras_dataset(name=)", name, get_args(KerasDataset))
    keras: Any = import_module("keras")
    parts = getattr(keras.datasets, name).load_data()
    made = [Arrays(images, np.ravel(labels).astype(np.int64), _CLASSES[name]) for images, labels in parts]
    return made[0], made[1]
