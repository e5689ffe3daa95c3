"""A training loop with a small model: how long it waits for its batches.

The model is the same for every system and needs no framework: a perceptron with one hidden layer, trained by plain
gradient descent in NumPy, on one thread. What making batches takes from it shows too: a step takes longer while the
loader has the cores.
"""

from __future__ import annotations

import time
from typing import Any

from systems import Load, Task

Result = dict[str, Any]
HIDDEN = 64
STEPS_ALONE = 8
LEARNING_RATE = 1e-4


class Perceptron:
    """Two classes of flattened pictures."""

    def __init__(self, values: int) -> None:
        import numpy as np

        rng = np.random.default_rng(0)
        self.first = rng.normal(0, values**-0.5, (values, HIDDEN)).astype(np.float32)
        self.second = rng.normal(0, HIDDEN**-0.5, (HIDDEN, 2)).astype(np.float32)

    def step(self, images: Any) -> None:
        """One step of gradient descent; every other picture is of the second class."""
        import numpy as np

        rows = images.reshape(len(images), -1)
        hidden = np.maximum(rows @ self.first, 0)
        scores = hidden @ self.second
        chances = np.exp(scores - scores.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        chances[np.arange(len(rows)), np.arange(len(rows)) % 2] -= 1
        back = (chances @ self.second.T) * (hidden > 0)
        self.second -= LEARNING_RATE * (hidden.T @ chances)
        self.first -= LEARNING_RATE * (rows.T @ back)


def training(load: Load, task: Task, request: Result) -> Result:
    """Seconds of a step alone, of a step in the loop with its wait, and of the wait."""
    module = load()
    import numpy as np

    model = Perceptron(task.job.size[0] * task.job.size[1] * 3)
    images = np.random.default_rng(0).random((task.job.batch_size, *task.job.size, 3), np.float32)
    alone: list[float] = []
    for _ in range(STEPS_ALONE):
        begin = time.perf_counter()
        model.step(images)
        alone.append(time.perf_counter() - begin)
    stream = getattr(module, task.job.work)(task)
    end = time.perf_counter() + request["warm_up"]
    while time.perf_counter() < end:
        model.step(module.to_numpy(next(stream)))
    steps, waited, begin = 0, 0.0, time.perf_counter()
    while time.perf_counter() - begin < request["seconds"]:
        asked = time.perf_counter()
        images = module.to_numpy(next(stream))
        waited += time.perf_counter() - asked
        model.step(images)
        steps += 1
    whole = (time.perf_counter() - begin) / steps
    return {"alone": sorted(alone)[len(alone) // 2], "step": whole, "waited": waited / steps}
