#!/usr/bin/env python3
"""How quickly statistics are measured, and pictures whitened; beside NumPy. Prints a table.

    python benchmarks/measuring.py PHOTOS [--large]

PHOTOS is a folder of JPEGs. With --large, 20,000 pictures of 96x96x3 and 2,000 of
224x224x3 are whitened too, and the peak of memory is shown.
"""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np

import imagefeed as feed
from imagefeed import Loader, Pipeline, Resize, Statistics, Whiten


def pictures(count: int, side: int) -> np.ndarray:
    """Pictures whose variance falls along a few hundred directions, as that of photographs does."""
    rng = np.random.default_rng(0)
    values = side * side * 3
    basis = rng.normal(size=(64, values)).astype(np.float32)
    whole = np.empty((count, values), np.uint8)
    for first in range(0, count, 500):
        size = min(500, count - first)
        drawn = (rng.normal(size=(size, 64)) * (13 / np.arange(1, 65) ** 0.7)).astype(np.float32)
        noise = rng.normal(size=(size, values)).astype(np.float32) * 3
        whole[first : first + size] = np.clip(drawn @ basis + 128 + noise, 0, 255)
    return whole.reshape(count, side, side, 3)


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def row(what: str, count: int, ours: float, note: str = "") -> None:
    print(f"| {what} | {count} | {ours:.2f} | {count / ours:,.0f} | {note} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos")
    parser.add_argument("--large", action="store_true")
    chosen = parser.parse_args()
    print("| what | pictures | seconds | pictures a second | |\n|---|---|---|---|---|")

    source = feed.folder(chosen.photos)
    steps = Pipeline([Resize((224, 224))])
    row("decode, resize to 224x224", len(source), seconds(lambda: list(Loader(source, steps.deterministic()))))
    for per in ("channel", "pixel"):
        taken = seconds(lambda per=per: Statistics.fit(source, steps, per=per, progress=False))
        row(f"the same, and measure per {per}", len(source), taken)

    small = pictures(5000, 32)
    taken = seconds(lambda: Statistics.fit(small, whiten="zca", progress=False))
    row("ZCA, 32x32x3, exact", len(small), taken)
    statistics = Statistics.fit(small, whiten="zca", progress=False)
    loader = Loader(feed.arrays(small), Pipeline([Whiten(statistics)]), shuffle=False)
    next(iter(loader))
    taken = seconds(lambda: [None for _ in loader])
    assert statistics.covariance is not None
    basis, variances = statistics.covariance.basis, statistics.covariance.variances
    matrix = ((basis / np.sqrt(variances + 1e-6)) @ basis.T).astype(np.float32)
    rows = small.reshape(len(small), -1).astype(np.float32)
    theirs = seconds(lambda: [one @ matrix for one in rows[:500]]) * 10
    row("whiten 32x32x3 in the loader", len(small), taken, f"{theirs / taken:.1f} times NumPy's, picture by picture")

    if chosen.large:
        for count, side in ((20_000, 96), (2_000, 224)):
            large = pictures(count, side)
            taken = seconds(lambda large=large: Statistics.fit(large, whiten="zca", progress=False))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            row(f"ZCA, {side}x{side}x3, sketch of rank 512", count, taken, f"peak so far {peak:.2f} GiB")


if __name__ == "__main__":
    main()
