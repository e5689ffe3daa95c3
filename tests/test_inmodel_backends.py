"""A pipeline inside a model, on every backend, against the loader: the parity table of docs/parity.md.

Each backend runs in a process of its own (Keras has one for each process). `IMAGEFEED_PARITY=1` writes the table anew.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

BACKENDS = {
    "numpy": "numpy",
    "torch": "torch",
    "jax": "jax",
    "onnx": "onnxruntime",
    "keras-tensorflow": "tensorflow",
    "keras-jax": "jax",
    "keras-torch": "torch",
}
SLOW = ("jax", "keras-jax")  # of these a part is measured, unless the table is to be written
WRITES = bool(os.environ.get("IMAGEFEED_PARITY"))
# In levels. What holds a whole level in between may round one the other way.
EXACT, RANDOM, RANDOM_MEAN = 0.02, 1.0, 0.05
EXACT_CASES = ("preset ", "Resize, ", "Resize(", "CenterCrop(", "Normalize", "Rescale(", "Whiten, ", "Rotate", "all of")
REFUSED = ("no model can do this", "in a model a batch has one size", "deterministic pipelines only")


@pytest.fixture(scope="module")
def measured(tmp_path_factory, project: Path):
    """`measured(backend)`: what the worker found."""
    found: dict[str, dict[str, list[float] | str]] = {}

    # What one process compiled need not be compiled again by another.
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("compiled")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }

    def measure(backend: str) -> dict[str, list[float] | str]:
        if backend not in found:
            out = tmp_path_factory.mktemp("parity") / "found.json"
            command = [sys.executable, project / "tests" / "inmodel_worker.py", backend, out]
            if backend in SLOW and not WRITES:
                command.append("quick")
            done = subprocess.run(command, capture_output=True, text=True, timeout=1800, env=os.environ | cache)
            assert done.returncode == 0, done.stderr[-3000:]
            found[backend] = json.loads(out.read_text())
        return found[backend]

    yield measure
    if WRITES:
        write(found, project / "docs" / "parity.md")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_gives_what_the_loader_gives(backend: str, measured) -> None:
    if not find_spec(BACKENDS[backend]):
        pytest.skip(f"{BACKENDS[backend]} is not installed")
    found = measured(backend)
    assert len(found) > 60
    for name, difference in found.items():
        if isinstance(difference, str):
            reasons = (*REFUSED, "has no form in") if backend == "onnx" else REFUSED
            assert any(reason in difference for reason in reasons), name
            continue
        largest, mean = difference
        if name.startswith(EXACT_CASES):
            assert largest <= EXACT, name
        else:
            assert largest <= RANDOM + EXACT, name
            assert mean <= RANDOM_MEAN, name


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_the_layer_does_on_every_backend_what_it_does_on_one(backend: str, project: Path) -> None:
    """test_inmodel_keras.py again, on the backends that this process does not have."""
    if not find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    if os.environ["KERAS_BACKEND"] == backend:
        pytest.skip("that is this process's own")
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_inmodel_keras.py"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


def write(found: dict[str, dict[str, list[float] | str]], page: Path) -> None:
    """The table, in place of the one on the page."""
    start = page.read_text("utf-8").partition("| what |")[0]
    lines = ["| what | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    for name in next(iter(found.values())):
        cells = [found[backend].get(name, "") for backend in found]
        shown = ["-" if isinstance(cell, str) else f"{cell[0]:.4f} / {cell[1]:.5f}" for cell in cells]
        lines.append(f"| `{name}` | " + " | ".join(shown) + " |")
    page.write_text(start + "\n".join(lines) + "\n", "utf-8")
