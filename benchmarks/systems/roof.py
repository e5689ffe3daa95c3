"""The roof: libjpeg-turbo alone on files that lie in memory; for arrays, conversion alone.

It gives no batches: it decodes, and throws the pixels away. Nothing that decodes every picture whole
can be faster on the same cores.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from . import Task

SOURCE = Path(__file__).resolve().parent.parent / "roof.cpp"


@cache
def _library() -> ctypes.CDLL:
    """roof.cpp, compiled with the system's C++ compiler and linked to the system's libjpeg-turbo."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "roof.so"
        compiler = os.environ.get("CXX", "c++")
        flags = ["-std=c++17", "-O3", "-march=native", "-shared", "-fPIC", "-pthread"]
        subprocess.run([compiler, *flags, str(SOURCE), "-o", str(target), "-ljpeg"], check=True)
        return ctypes.CDLL(str(target))


def _decode(task: Task) -> Iterator[range]:
    library = _library()
    files = [path.read_bytes() for path in sorted(task.folder.glob("images/*/*.jpg"))]
    data = (ctypes.c_char_p * len(files))(*files)
    sizes = (ctypes.c_size_t * len(files))(*map(len, files))
    while True:
        failed = library.roof_decode(data, sizes, len(files), task.threads)
        if failed:
            raise RuntimeError(f"{failed} of {len(files)} files could not be decoded")
        yield range(len(files))


def _convert(task: Task) -> Iterator[range]:
    library = _library()
    images = np.ascontiguousarray(np.load(task.folder / "images.npy"))
    values = images[0].size
    batch = np.empty((task.job.batch_size, values), np.float32)
    while True:
        library.roof_convert(
            ctypes.c_void_p(images.ctypes.data),
            len(images),
            values,
            ctypes.c_void_p(batch.ctypes.data),
            task.job.batch_size,
            task.threads,
        )
        yield range(len(images))


WORK = {
    "affine": _decode,
    "resized_crop": _decode,
    "validation": _decode,
    "crop": _decode,
    "arrays": _convert,
    "color": _decode,
    "policy": _decode,
}


def to_numpy(batch: range) -> None:
    """None: the roof keeps no picture."""


def listing(folder: Path) -> int:
    """`os.scandir` alone over the sub-folders."""
    return sum(1 for label in os.scandir(folder) for _ in os.scandir(label.path))


def versions() -> dict[str, str]:
    number = _library().roof_libjpeg_version()
    text = f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"
    return {"libjpeg-turbo (roof)": text}
