"""Where our time goes in one job: ``python benchmarks/where_time_goes.py JOB [--stages]``.

With ``--stages`` by the loader's own clocks: what a picture takes of one core in every stage. Else by library and by
function: samples of the processor's clock, taken by Linux's ``perf`` while the worker runs the job as `run.py` does,
after a warm-up. libjpeg-turbo as Debian ships it names no functions, so it is one row. Both are Markdown for
`profile.md`; `instructions.py --functions` counts instructions.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from jobs import JOBS, job_named
from run import PHOTOS, WORK
from scratch_files import prepare
from systems import Task, system_named
from table_cells import table

HERE = Path(__file__).resolve().parent
SAMPLES_A_SECOND = 999
WARM_UP = 2  # seconds
LEAST_SHARE = 0.5  # percent; less is noise in a run of some seconds


def shares(recording: Path, keys: str) -> list[tuple[float, str]]:
    """(percent, name) by perf's sort keys, most first."""
    command = ["perf", "report", "-i", str(recording), "--stdio", "--sort", keys]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = (re.match(r"\s*([\d.]+)%\s+(.*?)\s*$", line) for line in text.splitlines())
    return [(float(found[1]), found[2]) for found in lines if found]


def readable(symbol: str) -> str:
    """A function's name without what every line repeats."""
    symbol = re.sub(r"\s+-\s+-$", "", symbol.removeprefix("[.] ").removeprefix("[k] "))
    return symbol.replace("(anonymous namespace)::", "").replace("imagefeed::", "")


def record(job_name: str, folder: Path, threads: int, seconds: float, recording: Path) -> float:
    """Runs our worker below perf; returns images a second."""
    job = job_named(job_name)
    request, result = recording.with_suffix(".request"), recording.with_suffix(".result")
    asked = {"system": "imagefeed", "job": job.name, "measure": "rate", "folder": str(folder)}
    request.write_text(json.dumps({**asked, "threads": threads, "warm_up": WARM_UP, "seconds": seconds}))
    worker = [sys.executable, str(HERE / "worker.py"), str(request), str(result)]
    perf = ["perf", "record", "-o", str(recording), "-F", str(SAMPLES_A_SECOND)]
    perf += ["-D", str(1000 * WARM_UP)]  # the first samples would be of imports
    subprocess.run([*perf, *worker], check=True, capture_output=True)
    return json.loads(result.read_text())["rate"]


def stages(job_name: str, system_name: str, folder: Path, threads: int, seconds: float) -> str:
    """Microseconds of one core for a picture, by stage, after a warm-up."""
    job, system = job_named(job_name), system_named(system_name)
    with tempfile.TemporaryDirectory() as scratch:
        task = Task(job=job, folder=folder, threads=threads, antialias=system.antialias, options=system.options,
                    scratch=Path(scratch))  # fmt: skip
        stream = getattr(import_module(f"systems.{system.module}"), job.work)(task)
        run_for(stream, WARM_UP + 2 * seconds * bool(system.options))  # until a cache is full
        before = stream.loader.report()
        run_for(stream, seconds)
        spent = stream.loader.report().since(before).microseconds
    whole = sum(spent.values())
    rows = [[name, f"{value:,.0f} µs", f"{value / whole:.0%}"] for name, value in spent.items()]
    return table(("stage", "of a picture", "share"), rows)


def run_for(stream: Iterator[object], seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        next(stream)


def main() -> None:
    names = [job.name for job in JOBS if job.measure in ("rate", "cache")]
    parser = argparse.ArgumentParser(description="Where our time goes in one job, as Markdown.")
    parser.add_argument("job", choices=names)
    parser.add_argument("--threads", type=int, default=2, help="threads, and cores (2)")
    parser.add_argument("--seconds", type=float, default=8, help="how long to sample (8)")
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="photographs of 500x375")
    parser.add_argument("--work", type=Path, default=WORK, help="where the scratch files are")
    parser.add_argument("--stages", action="store_true", help="by the loader's own clocks")
    parser.add_argument("--system", default="imagefeed", help="which of our rows, for --stages (imagefeed)")
    given = parser.parse_args()
    if given.stages:
        folder, _ = prepare(job_named(given.job).dataset, given.photos, given.work)
        print(stages(given.job, given.system, folder, given.threads, given.seconds))
        return
    if shutil.which("perf") is None:
        raise SystemExit("perf is not installed: apt-get install linux-perf (Debian), linux-tools-generic (Ubuntu)")
    folder, _ = prepare(job_named(given.job).dataset, given.photos, given.work)
    with tempfile.TemporaryDirectory() as scratch:
        recording = Path(scratch) / "perf.data"
        rate = record(given.job, folder, given.threads, given.seconds, recording)
        libraries = [row for row in shares(recording, "dso") if row[0] >= LEAST_SHARE]
        functions = [row for row in shares(recording, "symbol") if row[0] >= LEAST_SHARE and "0x0000" not in row[1]]
    print(f"{rate:,.0f} images/s while being sampled\n")
    print(table(("library", "share"), [[name, f"{share:.1f} %"] for share, name in libraries]) + "\n")
    print(table(("function", "share"), [[f"`{readable(name)}`", f"{share:.1f} %"] for share, name in functions]))


if __name__ == "__main__":
    main()
