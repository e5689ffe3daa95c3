"""The benchmarks hang together: every job can be done, and every kind of result becomes a table and a plot."""

import ast
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

NAMES = ("gpu", "gpu_models", "jobs", "kind_tables", "limits", "plots", "render_tables", "systems", "table_cells")


@pytest.fixture(scope="module")
def bench(project: Path) -> Iterator[dict[str, Any]]:
    """The modules, by name; they import each other by bare names."""
    folder = str(project / "benchmarks")
    sys.path.insert(0, folder)
    yield {name: import_module(name) for name in NAMES}
    sys.path.remove(folder)
    for name in NAMES:
        sys.modules.pop(name, None)


def offered(file: Path) -> set[str]:
    """The names that a system's file gives to functions."""
    names: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def test_every_system_offers_the_work_that_it_takes_part_in(project: Path, bench: dict[str, Any]) -> None:
    for system in bench["systems"].SYSTEMS:
        names = offered(project / "benchmarks" / "systems" / f"{system.module}.py")
        assert {*system.works, "to_numpy", "versions"} <= names, system.name


def test_every_job_names_systems_that_there_are(bench: dict[str, Any]) -> None:
    known = {system.name: system for system in bench["systems"].SYSTEMS}
    for job in bench["jobs"].JOBS:
        assert {*(job.systems or ()), *job.targets} <= set(known), job.name
        assert any(job.work in system.works for name, system in known.items() if name.startswith("imagefeed")), job.name
        for name in job.systems or ():
            assert job.work in known[name].works, (job.name, name)
    letters = {job.letter for job in bench["jobs"].JOBS}
    assert letters == set("abcdefghiklmn") | {"j"}


def rounds(measure: str, points: tuple[int, ...], speed: float) -> list[dict[str, Any]]:
    """Three rounds of a system that is so many times as fast as another."""
    made: dict[str, dict[str, Any]] = {
        "rate": {"rate": 100 * speed},
        "start": {"import": 0.2 / speed, "first batch": 0.1, "listing": 1 / speed},
        "memory": {"resident": [5 << 20] * 6},
        "cache": {"first": 2.0, "rate": 100 * speed, "disk": 3 << 20, "peak": 9 << 20},
        "limited": {"images": 7, "wanted": 8, "epochs": [1.5], "peak": 1 << 20, "ended": speed > 1, "status": -9},
        "training": {"alone": 0.02, "step": 0.03, "waited": 0.01 / speed},
        "fit": {"fit": 8.0 / speed, "grown": int((64 << 20) / speed), "found": [1.0, 2.0]},
    }
    if measure in ("threads", "records"):
        return [{"points": {str(one): {"rate": 10.0 * one, "resident": one << 20} for one in points}}] * 3
    return [made[measure]] * 3


@pytest.fixture
def results(bench: dict[str, Any]) -> dict[str, Any]:
    jobs: dict[str, Any] = {}
    for job in bench["jobs"].JOBS:
        systems = {one.name: {"rounds": []} for one in bench["systems"].SYSTEMS if job.work in one.works}
        for name, entry in systems.items():
            entry["rounds"] = rounds(job.measure, job.points, 10.0 if name.startswith("imagefeed") else 1.0)
        systems["dali"] = {"rounds": [], "skipped": "it is not installed"}
        jobs[job.name] = {"job": asdict(job), "systems": systems}
    machine = dict.fromkeys(("processor", "architecture", "cores", "memory_gib", "system", "python"), 1)
    datasets = {job["job"]["dataset"]: {"count": 8, "mean_bytes": 1 << 20} for job in jobs.values()}
    settings = {"threads": 2, "rounds": 3, "seconds": 1.0, "warm_up": 1.0}
    return {
        "machine": machine | {"vectors": []},
        "settings": settings,
        "datasets": datasets,
        "versions": {},
        "jobs": jobs,
    }


def section(page: str, title: str) -> str:
    return page.partition(f") {title}")[2].partition("\n## ")[0]


def test_every_kind_of_result_becomes_a_table(bench: dict[str, Any], results: dict[str, Any]) -> None:
    page = bench["render_tables"].page(results).replace("\u00d7", "x")
    for job in bench["jobs"].JOBS:
        shown = section(page, job.title.replace("\u00d7", "x"))
        assert "skipped" in shown, job.name
        assert "imagefeed" in shown, job.name
    assert "Keras takes 10.0x as long (10x: held)" in page
    assert (
        "| FFCV, its file of levels, short side 256 | 2.00 s | 100 | **10.00x** (2x: held) | **10.00x** (2x: held) "
        "| 3 MiB | 38% | 9 MiB |" in page
    )
    assert "cache in a folder, JPEG | 2.00 s | 1,000 |  |  | 3 MiB | 38% (less than 100%: held) |" in page
    assert "**no**: ended by the system, out of memory | 7 of 8 | 1.5 s |" in page
    assert "33% | the lowest: held |" not in page
    assert "1.0 ms | 3% | the lowest: held |" in page
    assert "| Keras ImageDataGenerator | 8.00 | **10.0x** | 8x: held | 64 MiB | 10.0x (10x: held) | 0e+00 |" in page
    assert "| imagefeed (antialiased) | 10 | 20 | 2.00 | 1 MiB |" in page


def test_a_plot_has_a_bar_for_every_rate(bench: dict[str, Any], results: dict[str, Any]) -> None:
    shown = [one for one in results["jobs"].values() if one["job"]["measure"] == "rate"]
    plot = bench["plots"].page(results)
    assert plot.count("<rect") == sum(len(one["systems"]) - 1 for one in shown)
    assert plot.count('class="head"') == len(shown)


@pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
def test_a_group_with_a_limit_is_made_and_taken_away(bench: dict[str, Any]) -> None:
    group = bench["limits"].make(64 << 20)
    if group is None:
        pytest.skip("this user can make no control group with a limit of memory")
    assert any(int((group / name).read_text()) == 64 << 20 for name in ("memory.max", "memory.limit_in_bytes")
               if (group / name).exists())  # fmt: skip
    bench["limits"].remove(group)
    assert not group.exists()


def walked(bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch, out: Path, *arguments: str) -> dict[str, Any]:
    """What benchmarks/gpu.py says."""
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--out", str(out), "--batch", "2", "--seconds", "0.05", *arguments])
    bench["gpu"].main()
    return json.loads(out.read_text())


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_the_benchmark_of_gpus_walks_on_a_processor(
    bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, framework: str
) -> None:
    """Every line but those that are a GPU's alone, with a model of one block and pictures of 32x32."""
    pytest.importorskip(framework)
    photos = bench["gpu"].photographs(tmp_path / "photos", 8)
    for module, name, value in (("gpu", "SIZE", 32), ("gpu", "WARM", 1), ("gpu_models", "STAGES", ((2, 1),))):
        monkeypatch.setattr(bench[module], name, value)
    chosen = ("--only", framework, "--photos", str(photos), "--threads", "1")
    found = walked(bench, monkeypatch, tmp_path / "cpu.json", "--device", "cpu", *chosen)
    assert found["loader"]["images_per_second"] > 0
    for way in ("resident", "device", "host"):
        steps = found[framework][way]
        assert steps["images_per_second"] * steps["step_ms"] == pytest.approx(2000)
        assert 0 <= steps["waiting"] < 1
    if bench["gpu"].reason_not_to(framework, "gpu"):
        skipped = walked(bench, monkeypatch, tmp_path / "gpu.json", "--device", "gpu", "--only", framework)
        assert skipped[framework] == {"skipped": f"{'torch' if framework == 'torch' else 'JAX'} sees no GPU"}


def test_the_benchmark_of_gpus_says_how_much_of_a_copy_is_hidden(bench: dict[str, Any]) -> None:
    resident = {"step_ms": 10.0, "images_per_second": 1200.0}
    found = [
        bench["gpu"].with_overlap({"step_ms": step, "images_per_second": 900.0}, resident, 8.0) for step in (12, 9)
    ]
    assert [one["exposed_ms"] for one in found] == [2, 0]
    assert [one["overlap"] for one in found] == [0.75, 1]
    assert [one["of_resident"] for one in found] == [0.75, 0.75]


def test_the_model_of_the_benchmark_of_gpus_is_a_resnet_50(bench: dict[str, Any]) -> None:
    """Its number of parameters is the one that is known: 25,557,032, a thousand of which shift the classes."""
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        model = bench["gpu_models"].torch_resnet50()
    assert sum(one.numel() for one in model.parameters()) == 25_557_032
    assert sum(map(math.prod, bench["gpu_models"]._jax_shapes(1000))) == 25_557_032 - 1000
