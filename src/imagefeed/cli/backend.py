"""Keras, on whichever backend is installed. imagefeed itself never imports it; the demo does."""

from __future__ import annotations

import importlib
import os
from importlib.util import find_spec
from typing import Any

from imagefeed.errors import ImagefeedError

# The lightest first: with Keras they take 0.7, 1.1 and 1.7 GB of disk (Linux on x86-64, without a GPU).
_BACKENDS = ("jax", "torch", "tensorflow")


class MissingError(ImagefeedError):
    """Something that a command needs is not installed."""


def load_keras() -> Any:
    """The module `keras`. Without KERAS_BACKEND in the environment, on the first backend that is installed.

    Raises:
        MissingError: Keras or every backend that trains is missing; says what to install.
    """
    backend = os.environ.get("KERAS_BACKEND") or next((name for name in _BACKENDS if find_spec(name)), None)
    if find_spec("keras") is None or backend is None:
        missing = "Keras" if find_spec("keras") is None else f"a backend of Keras ({', '.join(_BACKENDS)})"
        raise MissingError(f"{missing} is not installed: pip install 'imagefeed[demo]'")
    os.environ["KERAS_BACKEND"] = backend
    return importlib.import_module("keras")
