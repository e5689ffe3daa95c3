"""How far a backend is from the loader: run by test_inmodel_backends.py in a process of its own for each.

    python tests/inmodel_worker.py BACKEND OUT.json [quick]

BACKEND is numpy, torch, jax, onnx, or keras-tensorflow, keras-jax, keras-torch. The drawn values are the loader's: a
framework's generator is replaced by one that gives them. OUT gets, for each case, the largest and
the mean difference in levels, or in words why the backend does not do it. Where it is to be quick, random ops are
sampled: JAX compiles each for a second or two.
"""

import doctest
import json
import os
import sys
import tempfile
from pathlib import Path

BACKEND, OUT, *REST = sys.argv[1:] if len(sys.argv) > 2 else ("", "")
os.environ["KERAS_BACKEND"] = BACKEND.removeprefix("keras-") if BACKEND.startswith("keras-") else "jax"
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # what is compiled here runs once

import numpy as np  # noqa: E402 - after the environment

import imagefeed as feed  # noqa: E402
from imagefeed import _native, rng  # noqa: E402
from imagefeed.errors import PlanError, SpecError  # noqa: E402
from imagefeed.inmodel import InModel  # noqa: E402
from imagefeed.plan import plan  # noqa: E402
from imagefeed.presets import PRESETS  # noqa: E402
from imagefeed.program import program  # noqa: E402

SIZE, COUNT = (40, 52), 3

# A batch has one size, whatever these do.
AROUND = {
    "RandomRotate90": lambda step: [feed.CenterCrop((40, 40)), step],
    "Transpose": lambda step: [feed.CenterCrop((40, 40)), step],
    "RandomScale": lambda step: [step, feed.CenterCrop((40, 50))],
    "RandomZoomOut": lambda step: [step, feed.CenterCrop((40, 50), border="constant", fill=step.fill)],
}

# Numbers that a float32 holds exactly, so that all backends draw the same values.
_exact = rng.uniform
rng.uniform = lambda *arguments: np.floor(_exact(*arguments) * 2**23) / 2**23
# Only the random form is measured, also of what has no other.
feed.Pipeline.deterministic = lambda self: self


def cases() -> dict[str, feed.Pipeline]:
    """Every transform by the examples in its documentation, every kernel, every preset, statistics of all kinds."""
    names = {name: getattr(feed, name) for name in feed.__all__} | {"np": np}
    found: dict[str, feed.Pipeline] = {}
    for name, cls in list(names.items()):
        if isinstance(cls, type) and issubclass(cls, feed.Transform):
            for example in doctest.DocTestParser().get_examples(cls.__doc__ or ""):
                if example.source.startswith(name + "("):
                    step = eval(example.source, names)
                    found[repr(step)] = feed.Pipeline([step] if name not in AROUND else AROUND[name](step))
    for kernel in ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"):
        step = feed.Resize((24, 30), interpolation=kernel)
        found[f"Resize, {kernel}"] = feed.Pipeline([step])
    for preset in PRESETS:
        found[f"preset {preset}"] = feed.Pipeline([feed.Resize((24, 30)), feed.Normalize.preset(preset)])
    generator = np.random.default_rng(5)
    small = feed.arrays(generator.integers(0, 256, (40, 6, 7, 3), np.uint8))
    places = feed.Statistics(count=9, mean=generator.random((24, 30, 3)) * 99, std=generator.random((24, 30, 3)) + 40)
    found["Normalize, at every place"] = feed.Pipeline([feed.Resize((24, 30)), feed.Normalize(places)])
    for method in ("zca", "pca"):
        fitted = feed.Statistics.fit(small, feed.Pipeline([]), whiten=method)
        found[f"Whiten, {method}"] = feed.Pipeline([feed.Resize((6, 7)), feed.Whiten(fitted)])
    # What a turn that shrinks reads is not rounded, or the last step would show it.
    found["Rotate, shrink, brighten"] = feed.Pipeline(
        [feed.Resize((24, 30)), feed.Rotate(degrees=(-20, 20)), feed.Brightness(factor=(1.5, 1.5))]
    )
    found["all of it"] = feed.Pipeline(
        [
            feed.RandomResizedCrop((24, 30)),
            feed.HorizontalFlip(),
            feed.Rotate(degrees=(-20, 20)),
            feed.Contrast(factor=(0.8, 1.2)),
            feed.Normalize.preset("imagenet"),
        ]
    )
    return {name: one for name, one in found.items() if all(s.role != "host" and not s.sees_boxes for s in one)}


# Of the random steps, one for each way of moving, coloring, filtering, drawing and covering pixels.
QUICK = (
    "Rotate(",
    "Zoom(",
    "Brightness(",
    "Hue(",
    "Gamma(",
    "GaussianBlur(",
    "SaltAndPepper(",
    "RandomErasing(",
    "all of",
    "Rotate, ",
    "Equalize(",
    "AutoContrast(",
    "Clahe(",
)


def is_quick(name: str, pipeline: feed.Pipeline) -> bool:
    return not pipeline.is_random or name.startswith(QUICK)


def pictures() -> np.ndarray:
    """Uint8, from black to white, with noise."""
    generator = np.random.default_rng(1)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    phase = generator.random((COUNT, 1, 1, 3)) * 9
    waves = 127.5 + 110 * np.sin(x / 7.0)[None, :, :, None] * np.cos((y / 5.0)[None, :, :, None] + phase)
    return np.clip(np.rint(waves + generator.normal(0, 12, waves.shape)), 0, 255).astype(np.uint8)


def loader(pipeline: feed.Pipeline, images: np.ndarray) -> np.ndarray:
    """What the native core makes of the pictures."""
    result = plan(pipeline.stages()[0], np.tile(SIZE, (COUNT, 1)), np.arange(COUNT), seed=3, epoch=0)
    records, pool = _native.Records(COUNT), _native.Pool(1)
    for row, image in enumerate(images):
        records.set_array(row, image)
    out = np.empty((COUNT, *result.common_size(), 3), np.float32)
    job = pool.render(records, program(result, color=True, dtype="float32", layout="nhwc"), 0, out)
    while not job.wait(1000):
        continue
    if job.faults():
        raise AssertionError(job.faults())
    return out


def backend() -> object:
    """`run(pipeline, images, numbers)` for the backend that was asked for, by way of what a user calls."""
    if BACKEND == "numpy":
        return lambda pipeline, images, numbers: InModel(pipeline)(images, numbers, np)
    if BACKEND == "onnx":
        return run_onnx
    if BACKEND == "torch":
        import torch

        def run_torch(pipeline: feed.Pipeline, images: np.ndarray, numbers: np.ndarray | None) -> np.ndarray:
            torch.rand = lambda *shape, **options: torch.from_numpy(numbers)
            return pipeline.to_torch(layout="nhwc").train()(torch.from_numpy(images)).numpy()

        return run_torch
    if BACKEND == "jax":
        import jax

        def run_jax(pipeline: feed.Pipeline, images: np.ndarray, numbers: np.ndarray | None) -> np.ndarray:
            jax.random.uniform = lambda *arguments, dtype: jax.numpy.asarray(numbers, dtype)
            return pipeline.to_jax()(images, jax.random.key(0) if pipeline.is_random else None)

        return run_jax
    import keras

    def run_keras(pipeline: feed.Pipeline, images: np.ndarray, numbers: np.ndarray | None) -> np.ndarray:
        keras.random.uniform = lambda *arguments, dtype, **options: keras.ops.convert_to_tensor(numbers, dtype)
        return keras.ops.convert_to_numpy(pipeline.to_keras()(images, training=True))

    return run_keras


def run_onnx(pipeline: feed.Pipeline, images: np.ndarray, numbers: np.ndarray | None) -> np.ndarray:
    """By ONNX Runtime, with pictures of any size in the graph."""
    import onnxruntime

    if numbers is not None:
        raise PlanError("deterministic pipelines only")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.onnx"
        pipeline.to_onnx(path)
        return onnxruntime.InferenceSession(path).run(None, {"pictures": images})[0]


def difference(pipeline: feed.Pipeline, images: np.ndarray, run) -> list[float] | str:
    """Largest and mean, in levels; or why there is none."""
    try:
        form = InModel(pipeline)
        stage = pipeline.stages()[0]
        numbers = rng.uniform(3, 0, stage.numbers, stage.counts, np.arange(COUNT)) if form.count else None
        theirs = np.asarray(run(pipeline, images, numbers))
    except (PlanError, SpecError, AttributeError) as error:
        return " ".join(str(error).split())
    off = abs(theirs.astype(np.float64) - loader(pipeline, images))
    if "analysis" in form.statistics:  # by how much a level stretches, at most
        off = off / abs(form.statistics["analysis"]).max() / abs(form.statistics["scale"]).max()
    elif "scale" in form.statistics:
        off = off / abs(form.statistics["scale"])
    return [float(off.max()), float(off.mean())]


if __name__ == "__main__":
    run, images = backend(), pictures()
    known: dict[feed.Pipeline, list[float] | str] = {}  # most presets are the same few lines
    found = {}
    for name, one in cases().items():
        if REST == ["quick"] and not is_quick(name, one):
            continue
        if one not in known:
            known[one] = difference(one, images, run)
        found[name] = known[one]
    Path(OUT).write_text(json.dumps(found))
