"""The roof: libjpeg-turbo alone on files that lie in memory; for arrays, conversion alone.

It gives no batches: it decodes, and throws the pixels away. Nothing that decodes every picture whole
can be faster on the same cores.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np

from . import Task, pairs as _pairs, photographs

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
    files = [Path(path).read_bytes() for path in photographs(task)]
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


def pairs(task: Task) -> Iterator[range]:
    """What zlib alone takes for the pictures and their masks."""
    files = [path for pair in _pairs(task) for path in pair]
    streams = [_compressed(Path(path).read_bytes()) for path in files]
    with ThreadPoolExecutor(task.threads) as pool:
        while True:
            deque(pool.map(zlib.decompress, streams), maxlen=0)
            yield range(len(streams) // 2)


def _compressed(data: bytes) -> bytes:
    """The zlib stream of a PNG: the contents of its IDAT chunks."""
    found, at = b"", 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            found += data[at + 8 : at + 8 + size]
        at += 12 + size
    return found


affine = resized_crop = validation = crop = color = policy = _decode
arrays = _convert


def to_numpy(batch: range) -> None:
    """None: the roof keeps no picture."""


def listing(folder: Path) -> int:
    """`os.scandir` alone over the sub-folders."""
    return sum(1 for label in os.scandir(folder) for _ in os.scandir(label.path))


def versions() -> dict[str, str]:
    number = _library().roof_libjpeg_version()
    text = f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"
    return {"libjpeg-turbo (roof)": text}
