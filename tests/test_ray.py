"""Past one machine, on Ray: what ray_worker.py finds on a cluster of three."""

import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'imagefeed[ray]'")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    worker = Path(__file__).with_name("ray_worker.py")
    environment = {
        **os.environ,
        "RAY_raylet_start_wait_time_s": "180",  # on a busy machine
        "RAY_agent_register_timeout_ms": "180000",
        "RAY_enable_metrics_collection": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    }
    command = [sys.executable, str(worker), str(tmp_path_factory.mktemp("ray"))]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=800, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr[-5000:]
    print(ran.stderr[-300:])
    return json.loads(ran.stdout.splitlines()[-1])


@needs_ray
@pytest.mark.parametrize(("kind", "count"), [("channel", 300), ("zca", 150)])
def test_statistics_are_those_of_one_machine(found, kind, count) -> None:
    measured, difference = found[f"statistics {kind}"]
    assert measured == count
    assert difference < 1e-9


@needs_ray
def test_batches_are_those_of_a_loader_though_a_machine_dies(found) -> None:
    assert found["batches columns"] == ["batch", "epoch", "image", "index", "target"]
    assert found["batches made where one died"] >= 12
    assert found["batches records"] == [True, True]
    same, of = found["batches same"]
    assert same == of


@needs_ray
def test_files_hold_every_draw_once_though_a_machine_dies(found) -> None:
    assert found["files made where one died"] >= 12
    assert found["files samples"] == 300
    assert found["files same"] is True
    assert found["files left"] == ["manifest.json"]


@needs_ray
def test_a_cache_holds_what_the_first_steps_make(found) -> None:
    assert found["cache"] == [1, 3, 150, {"cats": 75, "dogs": 75}, True]


@needs_ray
def test_errors_are_those_of_this_package(found) -> None:
    kind, file, said = found["error"]
    assert (kind, file) == ("DecodeError", "bad/a/x.jpg")
    assert "bad/a/x.jpg: not a picture in a format" in said
    assert found["error cpus"] == "cpus=: got 9; expected at most 1, the cores of the largest machine"


@pytest.mark.parametrize("missing", ["ray", "ray.data"])
def test_without_ray_the_error_says_how_to_install_it(monkeypatch, missing) -> None:
    if missing == "ray.data" and find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    monkeypatch.delitem(sys.modules, "imagefeed.adapters.ray", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModuleNotFoundError, match=rf"{missing} is not installed: pip install 'imagefeed\[ray\]'"):
        import_module("imagefeed.adapters.ray")
