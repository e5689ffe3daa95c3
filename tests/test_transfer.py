"""examples/transfer_learning.py, on so few photographs that it takes seconds; and the figures that it made of all."""

import json
import subprocess
import sys

import pytest

UNITS = ["its own", "rescale=1/255", "raw levels"]


def test_the_example_runs_to_its_end(data, project, tmp_path) -> None:
    for name in ("keras", "h5py", "matplotlib"):
        pytest.importorskip(name)
    photographs, weights = data("cats_dogs"), data("weights") / "squeezenet_v1.1_imagenet.h5"
    few = ["--train", "8", "--test", "8", "--epochs", "1", "--out", tmp_path]
    command = [sys.executable, project / "examples" / "transfer_learning.py", photographs, weights, *few]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads((tmp_path / "transfer-learning.json").read_text())["rows"]
    assert list(rows) == UNITS
    guard = [rows[name]["guard"] for name in UNITS]
    assert guard == ["", *["range: end the pipeline in Normalize.preset('caffe')"] * 2]
    for file in ("transfer-learning.md", "transfer-learning.svg", "cats_dogs.keras"):
        assert (tmp_path / file).stat().st_size > 0
    assert done.stdout.count(", with probability ") == 2  # of the model that was saved, from photographs as they are


def test_the_figures_of_the_page_are_of_all_photographs(project) -> None:
    found = json.loads((project / "benchmarks" / "results" / "transfer-learning.json").read_text())
    assert (found["train"], found["test"]) == (500, 300)
    own, rescaled = (found["rows"][name]["pretrained"] for name in ("its own", "rescale=1/255"))
    assert own > 0.96
    assert rescaled < own - 0.1
