"""Pillow in a thread pool: decode everything, then resize or crop. What one writes without any library."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import PIL
from PIL import Image

from . import Pair, Task, pairs as _pairs, photographs


def validation(task: Task) -> Iterator[np.ndarray]:
    height, width = task.job.size

    def load(path: str) -> np.ndarray:
        with Image.open(path) as image:
            scale = task.job.short_side / min(image.size)
            image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
        x, y = (image.width - width) // 2, (image.height - height) // 2
        return np.asarray(image.crop((x, y, x + width, y + height)), np.float32) / 255

    return _endless(task, load)


def crop(task: Task) -> Iterator[np.ndarray]:
    height, width = task.job.size
    rng = random.Random(0)

    def load(path: str) -> np.ndarray:
        with Image.open(path) as image:
            x, y = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
            return np.asarray(image.crop((x, y, x + width, y + height)), np.float32) / 255

    return _endless(task, load)


def pairs(task: Task) -> Iterator[Pair]:
    height, width = task.job.size
    rng = random.Random(0)

    def load(paths: tuple[str, str]) -> np.ndarray:
        with Image.open(paths[0]) as image, Image.open(paths[1]) as mask:
            x, y = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
            box = (x, y, x + width, y + height)
            both = [np.asarray(image.crop(box), np.float32) / 255, np.asarray(mask.crop(box), np.float32)[..., None]]
            return np.concatenate(both, -1)

    for both in _batches(task, load, _pairs(task)):
        yield Pair(images=both[..., :3], masks=both[..., 3])


def _endless(task: Task, load: Callable[[str], np.ndarray]) -> Iterator[np.ndarray]:
    return _batches(task, load, photographs(task))


def _batches(task: Task, load: Callable[[Any], np.ndarray], paths: list[Any]) -> Iterator[np.ndarray]:
    rng = random.Random(0)
    waiting: deque[Future[np.ndarray]] = deque()
    with ThreadPoolExecutor(task.threads) as pool:
        while True:
            while len(waiting) < 2 * task.job.batch_size:
                waiting.append(pool.submit(load, rng.choice(paths)))
            yield np.stack([waiting.popleft().result() for _ in range(task.job.batch_size)])


def to_numpy(batch: np.ndarray) -> np.ndarray:
    return batch


def versions() -> dict[str, str]:
    return {"pillow": PIL.__version__}
