"""A pipeline inside a model, on every backend, against the loader: the parity table of docs/parity.md.

Each framework has one process (Keras has one backend in each), which does all that needs it: importing one takes longer
than most of what it is asked. `IMAGEFEED_PARITY=1` writes the table anew.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FRAMEWORKS = {
    "onnxruntime": ["numpy", "onnx"],
    "torch": ["torch", "keras-torch"],
    "jax": ["jax", "keras-jax"],
    "tensorflow": ["keras-tensorflow"],
}
COLUMNS = ["numpy", "torch", "jax", "onnx", "keras-tensorflow", "keras-jax", "keras-torch"]
LAYERS = ["tests/test_inmodel_keras.py", "tests/test_skew.py::test_real_models_of_keras"]


@pytest.fixture(scope="module")
def written(tmp_path_factory, project: Path):
    """The folder for what is measured, of which the page is made; "" where it is not to be made anew."""
    if not os.environ.get("IMAGEFEED_PARITY"):
        yield ""
        return
    folder = tmp_path_factory.mktemp("parity")
    yield str(folder)
    found = {backend: json.loads((folder / f"{backend}.json").read_text("utf-8")) for backend in COLUMNS}
    write(found, project / "docs" / "parity.md")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_gives_what_the_loader_gives_and_its_layer_does_what_it_should(
    framework: str, project: Path, written: str
) -> None:
    """inmodel_parity.py; and test_inmodel_keras.py, on the backends that the process of this test does not have."""
    if not find_spec(framework):
        pytest.skip(f"{framework} is not installed")
    environment = os.environ | {
        "IMAGEFEED_PARITY_OF": ",".join(FRAMEWORKS[framework]),
        "IMAGEFEED_PARITY": written,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
    }
    tests = ["tests/inmodel_parity.py"]
    keras = any("keras" in backend for backend in FRAMEWORKS[framework])
    if keras:
        environment["KERAS_BACKEND"] = framework
    if keras and os.environ["KERAS_BACKEND"] != framework:
        tests += LAYERS
    else:
        environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # what is compiled there runs once
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=1800, env=environment)
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
