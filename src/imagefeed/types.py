"""The literals and aliases that signatures share."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal, TypeAlias

import numpy as np

Size: TypeAlias = tuple[int, int]
"""(height, width) in pixels."""

Range: TypeAlias = tuple[float, float]
"""(low, high), low not above high."""

Interpolation: TypeAlias = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
Sampling: TypeAlias = Literal["nearest", "bilinear"]
"""The interpolations that can follow a rotation or a shear."""

Border: TypeAlias = Literal["constant", "replicate", "reflect", "wrap"]
Fit: TypeAlias = Literal["stretch", "cover", "contain"]
Dtype: TypeAlias = Literal["uint8", "float16", "float32", "bfloat16"]
Layout: TypeAlias = Literal["nhwc", "nchw"]
Order: TypeAlias = Literal["rgb", "bgr"]
Per: TypeAlias = Literal["sample", "batch"]
"""What a drawn value is for."""

Array: TypeAlias = Any
"""An array of any array API library. The standard has no type for it yet."""

Namespace: TypeAlias = Any
"""An array API namespace: numpy, array_api_compat.torch, jax.numpy."""


def numpy_dtype(dtype: Dtype) -> np.dtype[Any]:
    """The dtype of NumPy's arrays with this name.

    Raises:
        ModuleNotFoundError: It is bfloat16, and ml_dtypes is not installed.
    """
    return np.dtype(import_module("ml_dtypes").bfloat16 if dtype == "bfloat16" else dtype)
