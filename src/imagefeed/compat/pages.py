"""Large arrays, whose memory is taken and given back by pages."""

from __future__ import annotations

import contextlib
import math
import mmap
import os
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def zeros(shape: tuple[int, ...], dtype: DTypeLike, *, partly: bool = False) -> NDArray[Any]:
    """An array of zeros, which gives its memory back when nothing refers to it any more.

    What is freed of NumPy's arrays of tens of megabytes, the C library keeps for later.

    Args:
        shape: Of any number of axes.
        dtype: Of the values.
        partly: Whether it takes memory for what is written alone, in small pages: half of it, for a lower triangle.
            Huge pages, which NumPy asks the system for, are quicker, but each takes 2 MiB from its first byte on.
    """
    count = math.prod(shape)
    size = max(1, count * np.dtype(dtype).itemsize)
    # Private, as an array is: what a forked process writes is its own.
    private: dict[str, int] = {} if os.name == "nt" else {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}
    memory = mmap.mmap(-1, size, **private)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel built without huge pages takes no advice about them, nor needs it
            memory.madvise(mmap.MADV_NOHUGEPAGE if partly else mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, dtype, count).reshape(shape)
