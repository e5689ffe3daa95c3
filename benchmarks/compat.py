"""The ImageDataGenerator family beside Keras's own, in one process, round after round in turn.

    python benchmarks/compat.py --photos ../shared/data/cats_dogs/train
    python benchmarks/compat.py --part arguments       # some of it; the other results are kept

Writes results/compat.json, and the tables of docs/migration.md from it. The machine must be quiet.
"""

# ruff: noqa: E402 (Keras reads its backend, and everyone the filters of warnings, when it is imported)
from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import resource
import statistics
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
warnings.simplefilter("ignore")

import keras
import numpy as np
from PIL import Image

import imagefeed
import imagefeed.compat as ours

theirs: Any = __import__("keras.src.legacy.preprocessing.image", fromlist=["image"])

RESULTS = Path(__file__).parent / "results" / "compat.json"
CORES = len(os.sched_getaffinity(0))
DOCUMENTATION = {  # the arguments of the example in Keras's documentation
    "featurewise_center": True,
    "featurewise_std_normalization": True,
    "rotation_range": 20,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "horizontal_flip": True,
}
PHOTOGRAPHS = {
    "rotation_range": 20,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "horizontal_flip": True,
    "rescale": 1 / 255,
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "rotation_range": {"rotation_range": 20},
    "width_shift_range": {"width_shift_range": 0.2},
    "height_shift_range": {"height_shift_range": 0.2},
    "shear_range": {"shear_range": 10},
    "zoom_range": {"zoom_range": 0.2},
    "horizontal_flip": {"horizontal_flip": True},
    "vertical_flip": {"vertical_flip": True},
    "brightness_range": {"brightness_range": (0.7, 1.3)},
    "channel_shift_range": {"channel_shift_range": 30.0},
    "rescale": {"rescale": 1 / 255},
    "samplewise_std_normalization": {"samplewise_std_normalization": True},
    "featurewise_std_normalization": {"featurewise_std_normalization": True},
    "preprocessing_function": {"preprocessing_function": lambda image: image[..., ::-1]},
    "interpolation_order": {"rotation_range": 20, "interpolation_order": 3},
}


# ------------------------------------------------------------------------------------------------ measuring


def in_threads(iterator: Any) -> Iterator[Any]:
    """Batches by number, a thread for each core: what Keras's `workers` settings do, at its fastest."""
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(CORES) as pool:
        while True:
            for index in range(len(iterator)):
                waiting.append(pool.submit(iterator.__getitem__, index))
                if len(waiting) > 2 * CORES:
                    yield waiting.popleft().result()
            iterator.on_epoch_end()


def forever(iterator: Any) -> Iterator[Any]:
    while True:
        yield next(iterator)


def rate(batches: Iterator[Any], seconds: float) -> float:
    """Images a second, after a batch that is not counted."""
    next(batches)
    images, begun = 0, time.perf_counter()
    while True:
        batch = next(batches)
        images += len(batch[0] if isinstance(batch, tuple) else batch)
        passed = time.perf_counter() - begun
        if passed > seconds:
            return images / passed


def beside(make: dict[str, Callable[[], Iterator[Any]]], *, rounds: int, seconds: float) -> dict[str, Any]:
    """The median rate of each, and the median of ours to the fastest of the others in the same round."""
    rates: dict[str, list[float]] = {name: [] for name in make}
    for _ in range(rounds):
        for name, begin in make.items():
            batches = begin()
            rates[name].append(rate(batches, seconds))
            batches.close()
    return summary(rates)


def summary(rates: dict[str, list[float]]) -> dict[str, Any]:
    fastest = [max(one) for one in zip(*(values for name, values in rates.items() if name != "ours"), strict=True)]
    ratios = [mine / other for mine, other in zip(rates["ours"], fastest, strict=True)]
    return {
        "rates": {name: statistics.median(values) for name, values in rates.items()},
        "ratio": statistics.median(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }


def quietly(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments, **options)


# ------------------------------------------------------------------------------------------------ what is measured


def photographs(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """flow_from_directory at 224x224 with rotation, shifts, flip and rescale."""

    def flow(module: Any) -> Any:
        generator = module.ImageDataGenerator(**PHOTOGRAPHS)
        return quietly(generator.flow_from_directory, str(folder), target_size=(224, 224), seed=0)

    return beside(
        {
            "ours": lambda: forever(flow(ours)),
            "Keras": lambda: forever(flow(theirs)),
            "Keras, threads": lambda: in_threads(flow(theirs)),
        },
        rounds=rounds,
        seconds=seconds,
    )


def arrays(images: np.ndarray, rounds: int, seconds: float) -> dict[str, Any]:
    """flow of 32x32 arrays with the arguments of Keras's documentation example."""

    def flow(module: Any) -> Any:
        generator = module.ImageDataGenerator(**DOCUMENTATION)
        generator.fit(images[:1000])
        return generator.flow(images, np.arange(len(images)), batch_size=32, seed=0)

    return beside(
        {
            "ours": lambda: forever(flow(ours)),
            "Keras": lambda: forever(flow(theirs)),
            "Keras, threads": lambda: in_threads(flow(theirs)),
        },
        rounds=rounds,
        seconds=seconds,
    )


def whitening(images: np.ndarray, rounds: int) -> dict[str, Any]:
    """fit with ZCA whitening: pictures a second, and how far the memory grew for it."""
    rates: dict[str, list[float]] = {"ours": [], "Keras": []}
    memory: dict[str, float] = {}
    for _ in range(rounds):
        for name, module in (("ours", ours), ("Keras", theirs)):
            generator = module.ImageDataGenerator(zca_whitening=True)
            with growth() as grown:
                begun = time.perf_counter()
                generator.fit(images)
                rates[name].append(len(images) / (time.perf_counter() - begun))
            memory[name] = grown[0]
    covariance = np.prod(images.shape[1:]) ** 2 * 8
    seconds = {name: len(images) / statistics.median(values) for name, values in rates.items()}
    grown = {name: value / covariance for name, value in memory.items()}
    return summary(rates) | {"seconds": seconds, "covariances_of_memory": grown}


@contextlib.contextmanager
def growth() -> Iterator[list[float]]:
    """How many bytes this process has at most, within the block, above what it had before: sampled."""
    page, grown, done = resource.getpagesize(), [0.0], threading.Event()

    def held() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * page

    def watch(before: int) -> None:
        while not done.wait(0.005):
            grown[0] = max(grown[0], held() - before)

    watcher = threading.Thread(target=watch, args=(held(),))
    watcher.start()
    try:
        yield grown
    finally:
        done.set()
        watcher.join()


def arguments(images: np.ndarray, rounds: int, seconds: float) -> dict[str, Any]:
    """flow with each argument alone."""
    result: dict[str, Any] = {}
    for name, chosen in ARGUMENTS.items():

        def flow(module: Any, chosen: dict[str, Any] = chosen) -> Any:
            generator = module.ImageDataGenerator(**chosen)
            if any(one.startswith("featurewise") for one in chosen):
                generator.fit(images[:100])
            return generator.flow(images, batch_size=32, seed=0)

        made = {"ours": lambda flow=flow: forever(flow(ours)), "Keras": lambda flow=flow: forever(flow(theirs))}
        result[name] = beside(made, rounds=rounds, seconds=seconds)
    return result


def patches(folder: Path, count: int, size: int) -> np.ndarray:
    """Squares of photographs, shrunk: uint8 (count, size, size, 3)."""
    files = sorted(folder.rglob("*.jpg"))
    random = np.random.default_rng(0)
    made: list[np.ndarray] = []
    while len(made) < count:
        image = Image.open(files[len(made) // 8 % len(files)]).convert("RGB")
        for _ in range(8):
            edge = int(random.integers(min(image.size) // 2, min(image.size) + 1))
            x, y = (int(random.integers(0, extent - edge + 1)) for extent in image.size)
            box = (x, y, x + edge, y + edge)
            made.append(np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box)))
    return np.stack(made[:count])


# ------------------------------------------------------------------------------------------------ tables


def render(results: dict[str, Any]) -> str:
    """The tables of docs/migration.md."""
    lines = [
        "| work | imagefeed | Keras | Keras, a thread a core | ratio to the faster | promised |",
        "|:--|--:|--:|--:|--:|--:|",
    ]
    for name, title, promise in (
        ("photographs", "`flow_from_directory`, 224×224: rotation, shifts, flip, rescale", 6),
        ("arrays", "`flow`, 32×32: the arguments of Keras's documentation example", 30),
    ):
        if name in results:
            one = results[name]
            rates = one["rates"]
            lines.append(
                f"| {title} | {rates['ours']:,.0f}/s | {rates['Keras']:,.0f}/s | {rates['Keras, threads']:,.0f}/s | "
                f"**{one['ratio']:.1f}** ({one['least']:.1f}–{one['most']:.1f}) | {promise} |"
            )
    if "whitening" in results:
        one = results["whitening"]
        seconds = one["seconds"]
        lines.append(
            f"| `fit` with ZCA whitening, 5,000 of 32×32×3 | {seconds['ours']:.1f} s | {seconds['Keras']:.1f} s | – | "
            f"**{one['ratio']:.1f}** ({one['least']:.1f}–{one['most']:.1f}) | 8 |"
        )
    sizes = [name for name in ("arguments-224", "arguments-32") if name in results]
    if not sizes:
        return "\n".join(lines)
    lines += ["", "| argument alone | 224×224: imagefeed | Keras | ratio | 32×32: imagefeed | Keras | ratio |"]
    lines += ["|:--|--:|--:|--:|--:|--:|--:|"]
    for argument in ARGUMENTS:
        cells: list[str] = []
        for size in ("arguments-224", "arguments-32"):
            one = results.get(size, {}).get(argument)
            cells += (
                ["–"] * 3
                if one is None
                else [*(f"{one['rates'][k]:,.0f}/s" for k in ("ours", "Keras")), f"{one['ratio']:.1f}"]
            )
        lines.append(f"| `{argument}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def into(page: Path, table: str) -> None:
    """Put the tables between the page's two marks."""
    before, rest = page.read_text().split("<!-- speed -->\n", 1)
    _, after = rest.split("<!-- /speed -->", 1)
    page.write_text(f"{before}<!-- speed -->\n{table}\n<!-- /speed -->{after}")


def main() -> None:
    data = Path(os.environ.get("IMAGEFEED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parts = ("photographs", "arrays", "whitening", "arguments-224", "arguments-32")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=data / "cats_dogs" / "train")
    parser.add_argument("--part", action="append", choices=parts)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--into", type=Path, help="the page whose tables are replaced")
    chosen = parser.parse_args()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    small = patches(chosen.photos, 5000, 32)
    measured: dict[str, Callable[[], Any]] = {
        "photographs": lambda: photographs(chosen.photos, chosen.rounds, chosen.seconds),
        "arrays": lambda: arrays(small, chosen.rounds, chosen.seconds),
        "whitening": lambda: whitening(small, chosen.rounds),
        "arguments-224": lambda: arguments(patches(chosen.photos, 256, 224), chosen.rounds, chosen.seconds),
        "arguments-32": lambda: arguments(small, chosen.rounds, chosen.seconds),
    }
    for part in chosen.part or parts:
        results[part] = measured[part]()
    results["versions"] = {
        "imagefeed": imagefeed.__version__, "keras": keras.__version__, "numpy": np.__version__,
        "python": platform.python_version(), "cores": CORES,
    }  # fmt: skip
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    table = render(results)
    print(table)
    if chosen.into:
        into(chosen.into, table)


if __name__ == "__main__":
    main()
