"""Every job on every system, in turn, in one run: ``python benchmarks/run.py --help``.

Each measurement is a process of its own, in the interpreter of the system's environment. Rounds are
interleaved (A B C, A B C, ...), so that a slow minute of the machine hits every system, and ratios
are taken within a round.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from typer import Option

import limits
import plots
import render_tables
import scratch_files
from jobs import JOBS, Job, job_named
from systems import SYSTEMS, System, system_named

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("IMAGEFEED_DATA", HERE.parent.parent / "shared" / "data"))
PHOTOS = DATA / "cats_dogs"
WORK = Path(tempfile.gettempdir()) / "imagefeed-bench"
OUTPUT = HERE / "results" / "latest"
Result = dict[str, Any]

console = Console(stderr=True)


def machine() -> Result:
    """What the figures depend on: processor, vector instructions, cores, memory, system."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    fields = dict((part.strip() for part in line.split(":", 1)) for line in cpuinfo.splitlines() if ":" in line)
    flags = set(fields.get("flags", "").split())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": fields.get("model name", platform.processor()),
        "architecture": platform.machine(),
        "vectors": [flag for flag in ("sse4_2", "avx2", "avx512f", "avx512_vbmi", "amx_int8") if flag in flags],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(memory / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def interpreters(mapping: list[str]) -> dict[str, str]:
    """`NAME=PATH` options to a dictionary; an environment left out is the running interpreter's."""
    known = {system.environment for system in SYSTEMS}
    found = dict.fromkeys(known, sys.executable)
    for item in mapping:
        name, _, path = item.partition("=")
        if name not in known or not Path(path).exists():
            raise typer.BadParameter(
                f"--python: got {item!r}; expected NAME=PATH, a name of {', '.join(sorted(known))}, "
                "and the path of an interpreter"
            )
        found[name] = path
    return found


def measure(python: str, request: Result) -> Result:
    """One worker's result, or ``{"skipped": reason}``."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "request.json", Path(folder) / "result.json"
        asked.write_text(json.dumps(request))
        command = [python, str(HERE / "worker.py"), str(asked), str(answer)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=request["limit"])
        except subprocess.TimeoutExpired:
            return {"skipped": f"not done within {request['limit']} s"}
        if answer.exists():
            return json.loads(answer.read_text()) | ({"status": done.returncode} if done.returncode else {})
        said = [line for line in done.stderr.splitlines() if line.strip()]
        return {"skipped": said[-1].strip() if said else f"exit status {done.returncode}, and no word"}


def under_a_limit(python: str, request: Result, limit: int | None) -> Result:
    """One worker's result, in a control group with that many bytes of memory, if that can be had."""
    if limit is None:
        return measure(python, request)
    group = limits.make(limit)
    if group is None:
        return {"skipped": "no control group with a limit of memory can be made by this user"}
    try:
        return measure(python, {**request, "memory_group": str(group)})
    finally:
        limits.remove(group)


class Run:
    """The measurements of one run, and the file that they are written to after every job."""

    def __init__(self, options: Result, pythons: dict[str, str], photos: Path, work: Path, output: Path) -> None:
        self.options, self.pythons, self.photos, self.work, self.output = (
            options,
            pythons,
            photos,
            work,
            output,
        )
        self.results: Result = {
            "machine": machine(),
            "settings": options,
            "datasets": {},
            "versions": {},
            "jobs": {},
        }

    def keep_others(self) -> None:
        """Take over what an earlier run left in the output, to measure only some of its jobs again."""
        path = self.output.with_suffix(".json")
        if not path.exists():
            return
        before = json.loads(path.read_text())
        for name in ("machine", "settings"):
            if before[name] != json.loads(json.dumps(self.results[name])):
                raise typer.BadParameter(
                    f"--job: {path} has other jobs with another {name}; give --output another name, or leave out --job"
                )
        for name in ("datasets", "versions", "jobs"):
            self.results[name] = before[name]

    def folder(self, name: str) -> Path:
        folder, facts = scratch_files.prepare(name, self.photos, self.work)
        self.results["datasets"][name] = facts
        return folder

    def request(self, job: Job, system: System, kind: str, point: int | None = None) -> Result:
        """What the worker is asked: `point` is a number of threads, or of records."""
        dataset = f"{job.dataset}-{point}" if kind == "records" else job.dataset
        request: Result = {
            **self.options,
            "job": job.name,
            "system": system.name,
            "measure": "rate" if point else kind,
            "folder": str(self.folder(f"{dataset}-check" if kind == "check" else dataset)),
            "limit": 600,
        }
        if kind == "threads":
            request["threads"] = point
        if kind == "start":
            request["listing_folder"] = str(self.folder("listing") / "images")
            request["listing_count"] = scratch_files.LISTED_FILES
        if kind in ("memory", "cache", "limited"):
            request["epoch_images"] = self.results["datasets"][job.dataset]["count"]
        return request

    def measured(self, job: Job, system: System, kind: str) -> Result:
        """One measurement, in as many processes as it has points."""
        python = self.pythons[system.environment]
        if job.points:
            asked = {str(point): self.request(job, system, kind, point) for point in job.points}
            found = {point: measure(python, request) for point, request in asked.items()}
            first = next(iter(found.values()))
            return first if "skipped" in first else {"points": found, "versions": first["versions"]}
        request = self.request(job, system, kind)
        if kind not in ("cache", "limited"):
            return measure(python, request)
        with tempfile.TemporaryDirectory(dir=self.work) as scratch:
            return under_a_limit(python, {**request, "scratch": scratch}, job.memory_limit)

    def once(self, job: Job, system: System, kind: str) -> None:
        """One measurement into the results. A system that was skipped is not asked again."""
        entry = self.results["jobs"][job.name]["systems"][system.name]
        if "skipped" in entry:
            return
        result = self.measured(job, system, kind)
        self.results["versions"].update(result.pop("versions", {}))
        if "skipped" in result:
            entry["skipped"] = result["skipped"]
        elif kind == "check":
            entry["check"] = result
        else:
            entry["rounds"].append(result)

    def save(self) -> None:
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self.output.with_suffix(".json").write_text(json.dumps(self.results, indent=1) + "\n")
        self.output.with_suffix(".md").write_text(render_tables.page(self.results))
        self.output.with_suffix(".svg").write_text(plots.page(self.results) + "\n")


def takes_part(system: System, job: Job) -> bool:
    return job.work in system.works and (job.systems is None or system.name in job.systems)


ONCE = ("memory", "limited", "records")
"""Curves, not times to take a median of."""


def rounds_of(job: Job, rounds: int) -> int:
    return 1 if job.measure in ONCE else rounds


def steps(chosen: list[tuple[Job, list[System]]], rounds: int, check: bool) -> list[tuple[Job, System, str]]:
    """Everything to do, in order: of a job the checks first, then its interleaved rounds."""
    todo: list[tuple[Job, System, str]] = []
    for job, systems in chosen:
        if check and job.measure == "rate":
            todo += [(job, system, "check") for system in systems]
        for _ in range(rounds_of(job, rounds)):
            todo += [(job, system, job.measure) for system in systems]
    return todo


def describe(name: str, entry: Result) -> str:
    if "skipped" in entry:
        return f"{name}: skipped: {entry['skipped']}"
    last = entry["rounds"][-1] if entry["rounds"] else {}
    shown = {key: value for key, value in last.items() if isinstance(value, float | int) and key != "images"}
    return f"{name}: " + ", ".join(f"{key} {value:,.4g}" for key, value in shown.items())


def main(
    job: Annotated[
        list[str] | None,
        Option(help="A job to run; repeat for more. All, if left out; else OUTPUT keeps those of earlier runs."),
    ] = None,
    system: Annotated[list[str] | None, Option(help="A system to run; repeat for more. All, if left out.")] = None,
    python: Annotated[
        list[str] | None,
        Option(help="NAME=PATH: the interpreter of imagefeed, tf, dali, torch, torchvision or ffcv; repeat for more."),
    ] = None,
    photos: Annotated[
        Path, Option(help="A folder with photographs of 500x375; camvid and coco_tiny beside it.")
    ] = PHOTOS,
    work: Annotated[Path, Option(help="Where scratch files are made, and kept for the next run.")] = WORK,
    output: Annotated[Path, Option(help="Results go to OUTPUT.json, OUTPUT.md and OUTPUT.svg.")] = OUTPUT,
    rounds: Annotated[int, Option(min=1, help="Rounds over all systems.")] = 5,
    seconds: Annotated[float, Option(help="Measured seconds a round.")] = 4.0,
    warm_up: Annotated[float, Option(help="Seconds before that, a round.")] = 2.0,
    threads: Annotated[int, Option(min=1, help="Threads, and cores, for every system.")] = 2,
    epochs: Annotated[int, Option(min=2, help="Epochs of the memory job.")] = 50,
    check: Annotated[bool, Option(help="First compare what the systems give.")] = True,
) -> None:
    """Measure imagefeed beside its peers, job by job, in interleaved rounds.

    The machine must be quiet. Peers that are not installed are skipped, and the tables say why.
    """
    jobs = [job_named(name) for name in job] if job else list(JOBS)
    systems = [system_named(name) for name in system] if system else list(SYSTEMS)
    chosen = [(item, [one for one in systems if takes_part(one, item)]) for item in jobs]
    options = {"threads": threads, "rounds": rounds, "seconds": seconds, "warm_up": warm_up, "epochs": epochs}
    options["epochs_limited"] = 2
    run = Run(options, interpreters(python or []), photos, work, output)
    if job:
        run.keep_others()
    for item, asked in chosen:
        entries = {one.name: {"rounds": []} for one in asked}
        run.results["jobs"][item.name] = {"job": asdict(item), "systems": entries}
    run.results["jobs"] = {one.name: run.results["jobs"][one.name] for one in JOBS if one.name in run.results["jobs"]}
    columns = TextColumn("{task.description:40}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as progress:
        todo = steps(chosen, rounds, check)
        bar = progress.add_task("", total=len(todo))
        for item, one, kind in todo:
            progress.update(bar, description=f"{item.name}: {one.name} ({kind})")
            run.once(item, one, kind)
            entry = run.results["jobs"][item.name]["systems"][one.name]
            progress.console.print(f"{item.name:12} {describe(one.name, entry)}", highlight=False)
            progress.advance(bar)
            run.save()
    console.print(f"Results: {output}.json, {output}.md, {output}.svg")


if __name__ == "__main__":
    typer.run(main)
