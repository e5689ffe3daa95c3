"""How far backends are from the loader: test_inmodel_backends.py runs it in a process of its own for each framework.

    KERAS_BACKEND=torch IMAGEFEED_PARITY_OF=torch,keras-torch pytest tests/inmodel_parity.py

A backend is numpy, torch, jax, onnx, or keras-tensorflow, keras-jax, keras-torch. The drawn values are the loader's: a
framework's generator is replaced by one that gives them. Where IMAGEFEED_PARITY names a folder, it gets BACKEND.json:
the largest and the mean difference in levels of each case, or in words why the backend does not do it. Otherwise random
ops are only sampled for JAX, which compiles each for a second or two.
"""

import doctest
import importlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

import imagefeed as feed
from imagefeed import _native, rng
from imagefeed.errors import PlanError, SpecError
from imagefeed.inmodel import InModel
from imagefeed.plan import plan
from imagefeed.presets import PRESETS
from imagefeed.program import program

# TensorFlow's and torch's variables, as Keras hands them to NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

BACKENDS = os.environ["IMAGEFEED_PARITY_OF"].split(",")
WRITES = os.environ.get("IMAGEFEED_PARITY")
# In levels. What holds a whole level in between may round one the other way.
EXACT, RANDOM, RANDOM_MEAN = 0.02, 1.0, 0.05
EXACT_CASES = ("preset ", "Resize, ", "Resize(", "CenterCrop(", "Normalize", "Rescale(", "Whiten, ", "Rotate", "all of")
REFUSED = ("no model can do this", "in a model a batch has one size", "deterministic pipelines only")

SIZE, COUNT = (40, 52), 3

# A batch has one size, whatever these do.
AROUND = {
    "RandomRotate90": lambda step: [feed.CenterCrop((40, 40)), step],
    "Transpose": lambda step: [feed.CenterCrop((40, 40)), step],
    "RandomScale": lambda step: [step, feed.CenterCrop((40, 50))],
    "RandomZoomOut": lambda step: [step, feed.CenterCrop((40, 50), border="constant", fill=step.fill)],
}


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
    out = np.empty((COUNT, *result.sizes[0], 3), np.float32)
    job = pool.render(records, program(result, color=True, dtype="float32", layout="nhwc"), 0, out)
    while not job.wait(1000):
        continue
    if job.faults():
        raise AssertionError(job.faults())
    return out


def runner(backend: str, patch: pytest.MonkeyPatch, folder: Path):
    """`run(pipeline, images, numbers)` for a backend, by way of what a user calls."""
    if backend == "numpy":
        return lambda pipeline, images, numbers: InModel(pipeline)(images, numbers, np)
    if backend == "onnx":
        return lambda pipeline, images, numbers: run_onnx(pipeline, images, numbers, folder / "one.onnx")
    if backend == "torch":
        torch = importlib.import_module("torch")

        def run_torch(pipeline: feed.Pipeline, images: np.ndarray, numbers: np.ndarray | None) -> np.ndarray:
            patch.setattr(torch, "rand", lambda *shape, **options: torch.from_numpy(numbers))
            return pipeline.to_torch(layout="nhwc").train()(torch.from_numpy(images)).numpy()

        return run_torch
    if backend == "jax":
        jax = importlib.import_module("jax")

        def run_jax(pipeline: feed.Pipeline, images: np.ndarray, numbers: np.ndarray | None) -> np.ndarray:
            patch.setattr(jax.random, "uniform", lambda *arguments, dtype: jax.numpy.asarray(numbers, dtype))
            return pipeline.to_jax()(images, jax.random.key(0) if pipeline.is_random else None)

        return run_jax
    keras = importlib.import_module("keras")
    assert backend == f"keras-{keras.backend.backend()}"

    def run_keras(pipeline: feed.Pipeline, images: np.ndarray, numbers: np.ndarray | None) -> np.ndarray:
        given = lambda *arguments, dtype, **options: keras.ops.convert_to_tensor(numbers, dtype)  # noqa: E731
        patch.setattr(keras.random, "uniform", given)
        return keras.ops.convert_to_numpy(pipeline.to_keras()(images, training=True))

    return run_keras


def run_onnx(pipeline: feed.Pipeline, images: np.ndarray, numbers: np.ndarray | None, file: Path) -> np.ndarray:
    """By ONNX Runtime, with pictures of any size in the graph."""
    if numbers is not None:
        raise PlanError("deterministic pipelines only")
    pipeline.to_onnx(file)
    return importlib.import_module("onnxruntime").InferenceSession(file).run(None, {"pictures": images})[0]


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


@pytest.fixture
def measured(request, monkeypatch, tmp_path) -> dict[str, list[float] | str]:
    """Of each case, what the backend of the test is off by."""
    # Numbers that a float32 holds exactly, so that all backends draw the same values.
    exact = rng.uniform
    monkeypatch.setattr(rng, "uniform", lambda *arguments: np.floor(exact(*arguments) * 2**23) / 2**23)
    # Only the random form is measured, also of what has no other.
    monkeypatch.setattr(feed.Pipeline, "deterministic", lambda self: self)
    backend: str = request.getfixturevalue("backend")
    run, images = runner(backend, monkeypatch, tmp_path), pictures()
    known: dict[feed.Pipeline, list[float] | str] = {}  # most presets are the same few lines
    found = {}
    for name, one in cases().items():
        if not WRITES and "jax" in backend and not is_quick(name, one):
            continue
        if one not in known:
            known[one] = difference(one, images, run)
        found[name] = known[one]
    if WRITES:
        (Path(WRITES) / f"{backend}.json").write_text(json.dumps(found), "utf-8")
    return found


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_gives_what_the_loader_gives(backend: str, measured) -> None:
    assert len(measured) > 60
    for name, difference in measured.items():
        if isinstance(difference, str):
            reasons = (*REFUSED, "has no form in") if backend == "onnx" else REFUSED
            assert any(reason in difference for reason in reasons), f"{name}: {difference}"
            continue
        largest, mean = difference
        if name.startswith(EXACT_CASES):
            assert largest <= EXACT, name
        else:
            assert largest <= RANDOM + EXACT, name
            assert mean <= RANDOM_MEAN, name
