"""The same pipeline outside the model and inside it, on a CPU: a Loader beside a Keras layer on each backend.

    python benchmarks/inmodel.py [--photos FOLDER] [--rounds 3] [--seconds 1.5] [--backend jax ...] [--job crop ...]

Each backend has a process of its own, and the processes take turns, round after round. In each, from photographs in
files to a batch of 32 tensors of 224x224:

- `outside`: the Loader does everything.
- `inside`: the Loader decodes and resizes to 256x256 bytes, which is all that a batch in a model can start from, and
  the layer does the rest, compiled as Keras does it where nothing else is said.
- `both`: the Loader does all but what leaves the levels, and gives bytes; the layer normalizes.
- `layer`: the layer alone, on one batch of such bytes that is there already: what is left if decoding costs nothing.

Writes results/inmodel.json, and the table of docs/questions/inside-or-outside.md from it as results/inmodel.md; a part
that is not measured this time keeps its figures. The machine must be quiet.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results" / "inmodel.json"
BACKENDS = {"jax": "jax", "tensorflow": "tensorflow", "torch": "torch"}
WAYS = ("outside", "inside", "both", "layer")
JOBS = {
    "crop": "random resized crop, flip, ImageNet's mean and deviation",
    "turn": "rotate, shift, flip, rescale",
    "color": "random resized crop, flip, brightness, contrast, saturation, hue, mean and deviation",
}
BATCH, SIDE, STORED = 32, 224, 256


# ------------------------------------------------------------------------------------------------ one backend


def steps(job: str) -> tuple[list[Any], list[Any]]:
    """What works on levels, and what leaves them."""
    import imagefeed as feed

    crop = [feed.RandomResizedCrop((SIDE, SIDE)), feed.HorizontalFlip()]
    jitter = feed.ColorJitter(brightness=(0.6, 1.4), contrast=(0.6, 1.4), saturation=(0.6, 1.4), hue=(-18, 18))
    turned = [
        feed.Resize((SIDE, SIDE)),
        feed.Rotate(degrees=(-20, 20)),
        feed.Translate(x=(-0.2, 0.2), y=(-0.2, 0.2)),
        feed.HorizontalFlip(),
    ]
    return {
        "crop": (crop, [feed.Normalize.preset("imagenet")]),
        "turn": (turned, [feed.Rescale(1 / 255)]),
        "color": ([*crop, jitter], [feed.Normalize.preset("imagenet")]),
    }[job]


def compiled(layer: Any) -> Callable[[Any], Any]:
    """The layer in training, compiled as Keras compiles a training step on its backend by default."""
    import keras

    match keras.backend.backend():
        case "jax":
            import jax

            held = [[variable.value for variable in layer.non_trainable_variables]]
            function = jax.jit(lambda state, images: layer.stateless_call([], state, images, training=True))

            def call(images: Any) -> Any:
                result, held[0] = function(held[0], images)
                return result.block_until_ready()

            return call
        case "tensorflow":
            import tensorflow as tf

            function = tf.function(lambda images: layer(images, training=True), jit_compile=True)
            return lambda images: function(images)
        case _:
            return lambda images: layer(images, training=True)


def batches(photos: str, taken: list[Any], dtype: str) -> Iterator[Any]:
    """Tensors of a loader over photographs, without end."""
    import keras

    import imagefeed as feed

    loader = feed.Loader(
        feed.folder(photos), feed.Pipeline(taken), batch_size=BATCH, drop_last=True, seed=0, dtype=dtype
    )
    while True:
        for images, _ in loader:
            yield keras.ops.convert_to_tensor(images)


def preprocess(inside: list[Any], side: int) -> Callable[[Any], Any]:
    """The layer of some steps, for pictures of one size."""
    import imagefeed as feed

    layer = feed.Pipeline(inside).to_keras(seed=0)
    layer.build((BATCH, side, side, 3))
    return compiled(layer)


def ways(job: str, photos: str) -> dict[str, Callable[[], Iterator[int]]]:
    """For each way, an endless iterator that makes a batch and gives its number of pictures."""
    import imagefeed as feed

    pixels, units = steps(job)
    stored = [feed.Resize((STORED, STORED))]
    all_inside, units_inside = preprocess([*pixels, *units], STORED), preprocess(units, SIDE)

    def run(tensors: Iterator[Any], layer: Callable[[Any], Any]) -> Iterator[int]:
        for images in tensors:
            layer(images)
            yield BATCH

    def alone() -> Iterator[Any]:
        return itertools.repeat(next(batches(photos, stored, "uint8")))

    return {
        "outside": lambda: run(batches(photos, [*pixels, *units], "float32"), lambda images: images),
        "inside": lambda: run(batches(photos, stored, "uint8"), all_inside),
        "both": lambda: run(batches(photos, pixels, "uint8"), units_inside),
        "layer": lambda: run(alone(), all_inside),
    }


def rate(run: Callable[[], Iterator[int]], seconds: float) -> float:
    """Pictures a second, after a few batches that are not counted."""
    iterator = run()
    for _ in range(2):  # threads start, and what is compiled is compiled
        next(iterator)
    begun, images = time.perf_counter(), 0
    while (passed := time.perf_counter() - begun) < seconds:
        images += next(iterator)
    return images / passed


def serve(photos: str) -> None:
    """Measure what each line of the input asks for: a job, a way and seconds."""
    made: dict[str, dict[str, Callable[[], Iterator[int]]]] = {}
    for line in sys.stdin:
        job, way, seconds = line.split()
        if job not in made:
            made[job] = ways(job, photos)
        print(f"rate {rate(made[job][way], float(seconds))}", flush=True)


# ------------------------------------------------------------------------------------------------ all of them


def start(backend: str, photos: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, __file__, "--serve", "--photos", str(photos)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def ask(process: subprocess.Popen[str], job: str, way: str, seconds: float) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{job} {way} {seconds}\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith("rate "):
            return float(line.split()[1])
    raise SystemExit(f"the measuring process ended with status {process.wait()}")


def measure(jobs: list[str], backends: list[str], photos: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Pictures a second: by job, backend and way, one for each round."""
    found: dict[str, Any] = {job: {backend: {way: [] for way in WAYS} for backend in backends} for job in jobs}
    processes = {backend: start(backend, photos) for backend in backends}
    for number in range(rounds + 1):
        for job in jobs:
            for way in WAYS:
                for backend, process in processes.items():
                    value = ask(process, job, way, seconds if number else 0.1)
                    if number:  # the first round compiles
                        found[job][backend][way].append(value)
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
    for process in processes.values():
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
    return found


def table(results: dict[str, Any]) -> str:
    """The medians, and how many times the rate of the layer's way the loader's is."""
    lines = [
        "| work | backend | outside | inside | both | outside beside inside | the layer alone |",
        "|:--|:--|--:|--:|--:|--:|--:|",
    ]
    for job, backends in results["jobs"].items():
        for backend, found in backends.items():
            middle = {way: f"{median(found[way]):,.0f}" for way in WAYS}
            times = median(a / b for a, b in zip(found["outside"], found["inside"], strict=True))
            shown = [JOBS[job], backend, middle["outside"], middle["inside"], middle["both"], f"{times:.1f}x"]
            lines.append("| " + " | ".join([*shown, middle["layer"]]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("IMAGEFEED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--photos", type=Path, default=data / "cats_dogs" / "train", help="a folder of classes")
    parser.add_argument("--backend", choices=BACKENDS, nargs="+", help="by default those that are installed")
    parser.add_argument("--job", choices=JOBS, nargs="+", default=list(JOBS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(str(options.photos))
        return
    backends = options.backend or [name for name, module in BACKENDS.items() if find_spec(module)]
    known = json.loads(options.out.read_text("utf-8"))["jobs"] if options.out.exists() else {}
    measured = measure(options.job, backends, options.photos, options.rounds, options.seconds)
    results = {
        "machine": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "batch": BATCH,
        "jobs": {job: dict(sorted({**known.get(job, {}), **measured.get(job, {})}.items())) for job in JOBS},
    }
    options.out.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    options.out.with_suffix(".md").write_text(table(results), "utf-8")
    print(table(results), end="")


if __name__ == "__main__":
    main()
