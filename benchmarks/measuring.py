"""What statistics cost at size: seconds, and the peak of memory. Writes results/statistics.json, and its table for a
page as results/statistics.md.

    python benchmarks/measuring.py [--photos FOLDER] [CASE ...]

Each case has a process of its own, whose peak is its own. Pictures but photographs are made as they are read, so
that no peak holds them; what a process holds before it measures is taken off. Of pictures by the million the exact sums
are known, in whole numbers, and the error is against them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import imagefeed as feed

RESULTS = Path(__file__).parent / "results" / "statistics.json"
DATA = Path(os.environ.get("IMAGEFEED_DATA", Path(__file__).parents[2] / "shared" / "data"))
MILLION = 1_000_000
CLOCKED = ("seconds", "alone")  # what other work on the machine makes larger
Counts = NDArray[np.int64]


class Shifted:
    """Any number of 32x32x3 pictures: one of a few patterns, and a number that is added to all its levels.

    Attributes:
        shape, dtype, chunks: As of an array that is stored in chunks, which `imagefeed.arrays` takes.
    """

    PATTERNS, SHIFTS = 509, 61

    def __init__(self, count: int, side: int) -> None:
        self.shape, self.dtype, self.chunks = (count, side, side, 3), np.dtype(np.uint8), (1, side, side, 3)
        self.patterns = np.random.default_rng(0).integers(
            0, 256 - self.SHIFTS, (self.PATTERNS, side, side, 3), np.uint8
        )

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        return self.patterns[index % self.PATTERNS] + np.uint8(index % self.SHIFTS)

    def exact(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation at every place, from sums in whole numbers."""
        index = np.arange(self.shape[0])
        pattern, shift = index % self.PATTERNS, index % self.SHIFTS
        times, shifts, squares = (np.bincount(pattern, weights).astype(np.int64) for weights in (None, shift, shift**2))
        wide = self.patterns.astype(np.int64)

        def over(weights: Counts, values: Counts) -> Counts:
            return np.einsum("p,phwc->hwc", weights, values)

        total = over(times, wide) + shift.sum()
        square = over(times, wide**2) + 2 * over(shifts, wide) + squares.sum()
        # Whole numbers up to here: what is taken apart is not rounded first.
        variance = (square * len(index) - total.astype(object) ** 2) / len(index) ** 2
        return total / len(index), np.sqrt(variance.astype(np.float64))


class Natural:
    """Any number of pictures whose variance falls along a few dozen directions, as that of photographs does.

    Attributes:
        shape, dtype, chunks: As of `Shifted`.
    """

    DIRECTIONS = 64

    def __init__(self, count: int, side: int) -> None:
        self.shape, self.dtype, self.chunks = (count, side, side, 3), np.dtype(np.uint8), (1, side, side, 3)
        self.basis = np.random.default_rng(0).normal(size=(self.DIRECTIONS, side * side * 3)).astype(np.float32)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        rng = np.random.default_rng(index)
        drawn = rng.normal(size=self.DIRECTIONS) * 13 / np.arange(1, self.DIRECTIONS + 1) ** 0.7
        values = drawn.astype(np.float32) @ self.basis + 128
        values += 3 * rng.standard_normal(len(values), np.float32)
        return np.clip(values, 0, 255).astype(np.uint8).reshape(self.shape[1:])


def photographs(folder: Path) -> dict[str, Any]:
    """Of real files: how quickly they come, and how quickly they are measured."""
    source, steps = feed.folder(folder), feed.Pipeline([feed.Resize((224, 224))])
    loader = feed.Loader(source, steps.deterministic())
    next(iter(loader))
    begun = time.perf_counter()
    for _ in loader:
        pass
    middle = time.perf_counter()
    feed.Statistics.fit(source, steps, progress=False)
    return {"pictures": len(source), "seconds": time.perf_counter() - middle, "alone": middle - begun}


def fitted(pictures: Shifted | Natural, **options: Any) -> dict[str, Any]:
    """Seconds, peak and quality of one fit."""
    source = feed.arrays(pictures)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    found = feed.Statistics.fit(source, progress=False, **options)
    result: dict[str, Any] = {
        "pictures": len(source),
        "side": pictures.shape[1],
        "seconds": time.perf_counter() - begun,
        "peak": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024,
    }
    if found.covariance is not None:
        result["explained"] = found.covariance.explained
    elif isinstance(pictures, Shifted) and options.get("per") == "pixel":
        mean, std = pictures.exact()
        result["error"] = float(max(abs(found.mean / mean - 1).max(), abs(found.std / std - 1).max()))
    return result


def cases(photos: Path) -> dict[str, tuple[str, Callable[[], dict[str, Any]]]]:
    """What each is, in words, and how it is measured."""
    return {
        "photographs": ("photographs in files, resized to 224×224, per channel", lambda: photographs(photos)),
        "channel": ("32×32×3, per channel", lambda: fitted(Shifted(MILLION, 32))),
        "pixel": ("32×32×3, per pixel", lambda: fitted(Shifted(MILLION, 32), per="pixel")),
        "exact": ("32×32×3, ZCA, exact", lambda: fitted(Natural(20_000, 32), whiten="zca")),
        "sketch": ("96×96×3, ZCA, a sketch of rank 512", lambda: fitted(Natural(20_000, 96), whiten="zca")),
        "large": ("224×224×3, ZCA, a sketch of rank 512", lambda: fitted(Natural(2_000, 224), whiten="zca")),
    }


def table(results: dict[str, Any], words: dict[str, str]) -> str:
    """The figures for a page."""
    lines = ["| pictures | measured | seconds | peak of memory | |", "|--:|:--|--:|--:|:--|"]
    for name, one in results["cases"].items():
        peak = f"{one['peak'] / 2**30:.2f} GiB" if "peak" in one else ""
        note = f"error {one['error']:.0e} of the value" if "error" in one else ""
        if "explained" in one:
            note = f"holds {one['explained']:.1%} of the variance"
        if "alone" in one:
            note = f"{one['alone']:.1f} s to decode and resize them alone"
        seconds = f"{one['seconds']:.1f}" if "seconds" in one else "-"
        lines.append(f"| {one['pictures']:,} | {words[name]} | {seconds} | {peak} | {note} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="*", help="some of " + ", ".join(cases(DATA)))
    parser.add_argument("--photos", type=Path, default=DATA / "cats_dogs" / "train", help="a folder of classes")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--busy", action="store_true", help="leave seconds out: the machine does other work meanwhile")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    known = cases(chosen.photos)
    if chosen.alone:
        print(json.dumps(known[chosen.case[0]][1]()))
        return
    results = json.loads(chosen.out.read_text("utf-8")) if chosen.out.exists() else {"cases": {}}
    results |= {"machine": platform.processor() or platform.machine(), "cores": len(os.sched_getaffinity(0))}
    for name in chosen.case or known:
        command = [sys.executable, __file__, "--alone", "--photos", str(chosen.photos), name]
        results["cases"][name] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        if chosen.busy:
            results["cases"][name] = {key: value for key, value in results["cases"][name].items() if key not in CLOCKED}
        print(name, results["cases"][name], flush=True)
        write(results, known, chosen.out)  # what is measured stays, if a later case is broken off


def write(results: dict[str, Any], known: dict[str, Any], file: Path) -> None:
    results["cases"] = {name: results["cases"][name] for name in known if name in results["cases"]}
    file.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    file.with_suffix(".md").write_text(table(results, {name: one[0] for name, one in known.items()}), "utf-8")


if __name__ == "__main__":
    main()
