"""Fixtures that several test files share."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

PROJECT = Path(__file__).resolve().parent.parent

# Keras reads it when it is first imported, and would otherwise take TensorFlow, installed or not.
os.environ.setdefault("KERAS_BACKEND", next(filter(find_spec, ("jax", "torch", "tensorflow")), "jax"))


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator of its own for each test, the same every time."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """`data("cats_dogs/train")` is that set of real photographs; the test is skipped where it is missing.

    The sets lie where IMAGEFEED_DATA says; without it, in ../shared/data beside the checkout.
    """
    root = Path(os.environ.get("IMAGEFEED_DATA", PROJECT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        if not (root / name).exists():
            pytest.skip(f"real data {name!r} is not in {root}: set IMAGEFEED_DATA to the folder that has it")
        return root / name

    return find
