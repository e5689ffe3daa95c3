"""Whether the systems do the same work: what came out, in few numbers."""

from __future__ import annotations

from typing import Any

from systems import Load, Pair, Task

Result = dict[str, Any]
MASK_LEVELS = 20
"""In the files made to be compared, a picture's level is this many times its mask's class."""


def check(load: Load, task: Task, request: Result) -> Result:
    """Mean and spread over many draws, and sharpness.

    `mean_picture` and `spread_picture` are the draws' mean and standard deviation at each place,
    averaged over blocks; on one photograph drawn many times they show the ranges of the draws, the
    border, the direction of shifts. `sharpness` is the mean absolute difference of neighbors, which
    tells antialiased shrinking from plain. `aligned` is the share of a mask's pixels that say what their picture shows.
    """
    module = load()
    import numpy as np

    total = squares = 0.0
    sharpness: list[float] = []
    aligned: list[float] = []
    count = 0
    low, high, dtype = float("inf"), float("-inf"), ""
    for batch in getattr(module, task.job.work)(task):
        images = module.to_numpy(batch.images if isinstance(batch, Pair) else batch)
        if images is None:
            return {"shape": None}
        if isinstance(batch, Pair):
            masks = np.asarray(module.to_numpy(batch.masks)).reshape(images.shape[:3])
            levels = images[..., 0] * (task.job.levels / MASK_LEVELS)
            aligned.append(float((np.abs(levels - masks) < 0.05).mean()))
        dtype, low, high = str(images.dtype), min(low, images.min()), max(high, images.max())
        blocks = images.astype(np.float64)
        total, squares = total + blocks.sum(0), squares + (blocks**2).sum(0)
        sharpness.append(float(np.abs(np.diff(blocks, axis=2)).mean()))
        count += len(images)
        if count >= task.job.check_draws:
            break
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0))
    side = mean.shape[0] // 8

    def coarse(picture: Any) -> list[Any]:
        return picture.reshape(8, side, 8, side, 3).mean((1, 3)).tolist()

    result: Result = {"aligned": float(np.mean(aligned))} if aligned else {}
    return result | {
        "draws": count,
        "shape": list(mean.shape),
        "dtype": dtype,
        "low": float(low),
        "high": float(high),
        "mean": float(mean.mean()),
        "sharpness": float(np.mean(sharpness)),
        "mean_picture": coarse(mean),
        "spread_picture": coarse(spread),
    }
