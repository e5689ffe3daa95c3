"""How long each transform takes: ours beside Albumentations and Pillow, on one core, in one run.

    python benchmarks/transforms.py [--only NAME ...] [--rounds 9] [--out FOLDER]

All make a uint8 batch of uint8 pictures in memory, of 224x224 and 512x512. Ours is timed as it is used: a Loader with
one thread, planning included, the whole process held to one core. The others are called picture by picture, as their
documentation shows, with their own threads off, and their results are put into a batch that is there already. The
systems take turns, and a figure is the median of the rounds. Writes results/transforms.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import imagefeed as feed
from transform_pairs import PAIRS, Pair

SIZES = (224, 512)
COUNT = {224: 512, 512: 128}
CHAINS = ("five color ops", "two color ops", "Brightness", "Saturation")
BATCHES = 8  # of 64: an epoch's beginning and end must not weigh much


def photographs(size: int) -> np.ndarray:
    """uint8 (count, size, size, 3): parts of a photograph that scikit-image ships."""
    from skimage import data

    photo = np.asarray(data.astronaut())
    rng = np.random.default_rng(0)
    if size == len(photo):
        return np.stack([np.roll(photo, int(k), axis=1) for k in rng.integers(0, size, COUNT[size])])
    corners = rng.integers(0, len(photo) - size, (COUNT[size], 2))
    return np.stack([photo[y : y + size, x : x + size] for y, x in corners])


def ours(steps: list[feed.Transform], pictures: np.ndarray) -> Callable[[], float]:
    """Seconds a picture of one epoch."""
    pipeline = feed.Pipeline(steps)
    options: dict[str, Any] = {"batch_size": 64, "steps_per_epoch": BATCHES, "dtype": "uint8", "shuffle": False}
    loader = feed.Loader(feed.arrays(pictures), pipeline, threads=1, **options)

    def run() -> float:
        start = time.perf_counter()
        for _ in loader:
            pass
        return (time.perf_counter() - start) / (64 * BATCHES)

    return run


def called(function: Callable[[np.ndarray], Any], pictures: np.ndarray) -> Callable[[], float]:
    """Seconds a picture of a function that is called for each; slow ones see a part of them only."""
    start = time.perf_counter()
    first = function(pictures[0])
    function(pictures[0])
    most = max(2, min(len(pictures), int(0.03 / ((time.perf_counter() - start) / 2))))
    batch = np.zeros((most, *first.shape), np.uint8)

    def run() -> float:
        start = time.perf_counter()
        for k in range(most):
            batch[k] = function(pictures[k])
        return (time.perf_counter() - start) / most

    return run


def systems(pair: Pair, pictures: np.ndarray) -> dict[str, Callable[[], float]]:
    """What there is to time, by name."""
    result = {"imagefeed": ours(pair.ours(), pictures)}
    if pair.albumentations is not None:
        import albumentations

        composed = albumentations.Compose([pair.albumentations(albumentations)])
        result["albumentations"] = called(lambda picture: composed(image=picture)["image"], pictures)
    if pair.pillow is not None:
        from PIL import Image

        work = pair.pillow
        result["pillow"] = called(lambda picture: np.asarray(work(Image.fromarray(picture))), pictures)
    return result


def in_turns(timed: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Microseconds a picture: of each the median of its rounds, without the first."""
    times: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds + 1):
        for name, run in timed.items():
            times[name].append(run())
    return {name: round(statistics.median(values[1:]) * 1e6, 1) for name, values in times.items()}


def measure(pair: Pair, rounds: int) -> dict[str, dict[str, float]]:
    """Microseconds a picture by size and system."""
    return {str(size): in_turns(systems(pair, photographs(size)), rounds) for size in SIZES}


def ratios(rows: dict[str, dict[str, dict[str, float]]], other: str) -> list[float]:
    """How many times as long the other takes, for every transform and size that it has."""
    return [us[other] / us["imagefeed"] for row in rows.values() for us in row.values() if other in us]


def measure_chains(rounds: int) -> dict[str, dict[str, float]]:
    """Microseconds a picture of a chain of color ops and of fewer of them, which take turns."""
    found: dict[str, dict[str, float]] = {}
    for size in SIZES:
        pictures = photographs(size)
        timed = {pair.name: ours(pair.ours(), pictures) for pair in PAIRS if pair.name in CHAINS}
        found[str(size)] = in_turns(timed, rounds)
    return found


def chains(found: dict[str, dict[str, float]]) -> list[str]:
    """What a chain of color ops costs beside fewer of them."""
    lines = [
        "",
        "The time of a chain of five color ops, as a share of that of Brightness and Saturation (they take turns):",
        "",
    ]
    for size, us in found.items():
        five, two, *alone = (us[name] for name in CHAINS)
        apart, chained = five / sum(alone), five / two
        lines.append(f"- at {size}: {apart:.2f} of the two one by one, {chained:.2f} of a chain of both.")
    return lines


def table(
    rows: dict[str, dict[str, dict[str, float]]], chained: dict[str, dict[str, float]], about: dict[str, str]
) -> str:
    """The results as Markdown."""
    heads = [f"{name}, {size}" for size in SIZES for name in ("ours", "Albumentations", "Pillow")]
    lines = [
        "# Every transform, on one core",
        "",
        "Microseconds a picture, from uint8 pictures in memory to a uint8 batch, and in brackets how many times as",
        "long as ours. Where another is faster, the bracket is below 1 and bold. Made by `benchmarks/transforms.py`;",
        ", ".join(f"{name} {version}" for name, version in about.items()) + ".",
        "",
        f"| transform | {' | '.join(heads)} |",
        "|---|" + "---:|" * len(heads),
    ]
    for name, row in rows.items():
        cells = [name]
        for size in SIZES:
            us = row[str(size)]
            cells.append(f"{us['imagefeed']:.0f}")
            for other in ("albumentations", "pillow"):
                if other not in us:
                    cells.append("–")
                    continue
                ratio = us[other] / us["imagefeed"]
                shown = f"**{ratio:.2f}**" if ratio < 1 else f"{ratio:.1f}"
                cells.append(f"{us[other]:.0f} ({shown})")
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    for other, label in (("albumentations", "Albumentations"), ("pillow", "Pillow")):
        found = ratios(rows, other)
        if found:
            faster = sum(ratio >= 1 for ratio in found)
            middle = statistics.median(found)
            lines.append(
                f"Beside {label}: at least as fast in {faster} of {len(found)}; in the median {middle:.2f} times."
            )
    lines += chains(chained)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="names of transforms; the others keep their results")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import albumentations
    import cv2
    import PIL

    cv2.setNumThreads(0)
    rows: dict[str, dict[str, dict[str, float]]] = {pair.name: {} for pair in PAIRS}
    file = arguments.out / "transforms.json"
    chained: dict[str, dict[str, float]] = {}
    if arguments.only and file.exists():
        before = json.loads(file.read_text())
        rows |= before["rows"]
        chained = before.get("chains", {})
    for pair in PAIRS:
        if arguments.only and pair.name not in arguments.only:
            continue
        rows[pair.name] = measure(pair, arguments.rounds)
        print(pair.name, rows[pair.name], flush=True)
    if not arguments.only or set(CHAINS) & set(arguments.only):
        chained = measure_chains(arguments.rounds)
    about = {
        "imagefeed": feed.__version__,
        "Albumentations": albumentations.__version__,
        "Pillow": PIL.__version__,
        "Python": platform.python_version(),
        "instructions": feed._native.simd(),
    }
    rows = {name: row for name, row in rows.items() if row}
    text = table(rows, chained, about)
    print(text)
    arguments.out.mkdir(exist_ok=True)
    file.write_text(json.dumps({"about": about, "rows": rows, "chains": chained}, indent=1) + "\n")
    (arguments.out / "transforms.md").write_text(text)


if __name__ == "__main__":
    main()
