"""The benchmarks hang together: every job can be done, and every kind of result becomes a table and a plot."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

NAMES = ("jobs", "kind_tables", "limits", "plots", "render_tables", "systems", "table_cells")


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
        "| FFCV, its file of levels, short side 256 | 2.00 s | 100 | **10.00x** (2x: held) | 3 MiB | 38% | 9 MiB |"
        in page
    )
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
