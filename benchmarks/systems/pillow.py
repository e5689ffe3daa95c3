"""Pillow in a thread pool: decode everything, then resize or crop. What one writes without any library."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from . import Task


def _validation(task: Task) -> Iterator[np.ndarray]:
    height, width = task.job.size

    def load(path: Path) -> np.ndarray:
        with Image.open(path) as image:
            scale = task.job.short_side / min(image.size)
            image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
        x, y = (image.width - width) // 2, (image.height - height) // 2
        return np.asarray(image.crop((x, y, x + width, y + height)), np.float32) / 255

    return _endless(task, load)


def _crop(task: Task) -> Iterator[np.ndarray]:
    height, width = task.job.size
    rng = random.Random(0)

    def load(path: Path) -> np.ndarray:
        with Image.open(path) as image:
            x, y = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
            return np.asarray(image.crop((x, y, x + width, y + height)), np.float32) / 255

    return _endless(task, load)


def _endless(task: Task, load: Callable[[Path], np.ndarray]) -> Iterator[np.ndarray]:
    paths = sorted(task.folder.glob("images/*/*.jpg"))
    rng = random.Random(0)
    waiting: deque[Future[np.ndarray]] = deque()
    with ThreadPoolExecutor(task.threads) as pool:
        while True:
            while len(waiting) < 2 * task.job.batch_size:
                waiting.append(pool.submit(load, rng.choice(paths)))
            yield np.stack([waiting.popleft().result() for _ in range(task.job.batch_size)])


WORK = {"crop": _crop, "validation": _validation}


def to_numpy(batch: np.ndarray) -> np.ndarray:
    return batch


def versions() -> dict[str, str]:
    return {"pillow": PIL.__version__}
