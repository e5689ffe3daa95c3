"""The examples that train small networks in Keras, in one process, since it imports slowly."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
from PIL import Image

# Runs scripts one after another, each as if it had been called with its arguments.
RUNNER = "import json, runpy, sys\nfor sys.argv in json.loads(sys.argv[1]): runpy.run_path(sys.argv[0])"


@pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed")
def test_the_examples_train(data, project, tmp_path) -> None:
    coco, camvid, sheet = data("coco_tiny"), data("camvid"), tmp_path / "sheet.png"
    boxes = [coco / "annotations/instances_train2017.json", coco / "train2017", "--epochs", "4"]
    masks = [camvid / "val", camvid / "valannot", "--epochs", "2", "--steps", "4", "--size", "64", "--sheet", sheet]
    calls = [
        [project / "examples/multi_label.py", *boxes],
        [project / "examples/segmentation.py", *masks],
    ]
    command = [sys.executable, "-c", RUNNER, json.dumps([list(map(str, call)) for call in calls])]
    own = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}  # the examples choose one
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=own)
    assert done.returncode == 0, done.stderr[-2000:]
    first, last = re.search(r"80 pictures, 80 classes: loss ([\d.]+) to ([\d.]+)", done.stdout).groups()
    assert float(last) < 0.6 * float(first)
    first, last = re.search(r"81 pictures: loss ([\d.]+) to ([\d.]+); [\d.]+ on 20 others", done.stdout).groups()
    assert float(last) < float(first)
    with Image.open(sheet) as picture:
        assert picture.size == (256, 192)
