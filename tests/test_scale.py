"""The examples of docs/scale.md, with several processes."""

import os
import re
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SLOW = pytest.mark.skipif(
    not os.environ.get("IMAGEFEED_SLOW"),
    reason="a cluster of Ray's takes half a minute, and tests/test_ray.py has one: set IMAGEFEED_SLOW=1",
)


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for k in range(12):
            small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
            small.resize((96, 80), Image.Resampling.BICUBIC).save(tmp_path / "photos" / name / f"{k}.jpg")
    return tmp_path / "photos"


def run(project: Path, name: str, *arguments: object, processes: tuple[dict[str, str], ...] = ({},)) -> str:
    """What the processes print."""
    command = [sys.executable, str(project / "examples" / f"{name}.py"), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    running = [
        subprocess.Popen(command, env={**os.environ, "RAY_raylet_start_wait_time_s": "180", **own}, **pipes)
        for own in processes
    ]
    printed = [one.communicate(timeout=400)[0] for one in running]
    assert [one.returncode for one in running] == [0] * len(running), "\n".join(printed)
    return "\n".join(printed)


def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_torch(project, photos) -> None:
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port()), "WORLD_SIZE": "2"}
    printed = run(project, "scale_torch", photos, processes=tuple({**address, "RANK": str(k)} for k in range(2)))
    for line in ("process 0 of 2, epoch 1: 12 pictures", "process 1 of 2, epoch 1: 12 pictures"):
        assert line in printed


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_jax(project, photos) -> None:
    address = {"JAX_COORDINATOR": f"127.0.0.1:{port()}", "JAX_PROCESSES": "2", "JAX_PLATFORMS": "cpu"}
    printed = run(project, "scale_jax", photos, processes=tuple({**address, "JAX_PROCESS": str(k)} for k in range(2)))
    for k in range(2):
        assert f"process {k} of 2, epoch 1: 24 pictures in all" in printed


@SLOW
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_ray(project, photos, tmp_path) -> None:
    printed = run(project, "scale_ray", photos, tmp_path / "out")
    for line in ("24 pictures measured", "24 pictures kept in 8 files", "48 draws written"):
        assert line in printed
    assert printed.count("(8, 56, 56, 3) (8,)") == 6


@SLOW
@pytest.mark.skipif(not (find_spec("ray") and find_spec("torch")), reason="Ray or torch is not installed")
def test_ray_train(project, photos) -> None:
    printed = run(project, "scale_ray_train", photos)
    counts = dict(re.findall(r"worker (\d): (\d+) pictures", printed))
    assert sorted(counts) == ["0", "1"]
    assert sum(map(int, counts.values())) == 48
    assert "None" in printed.splitlines()  # no error; what a worker printed may come after it
