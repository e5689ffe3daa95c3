"""What the cache, threads and a process of its own do for the rate: ``python benchmarks/cache.py``.

    python benchmarks/cache.py [--photos FOLDER] [--out results/cache.json] [--rounds 15] [--group NAME ...]

Photographs of 500x375 become float32 batches of 224x224 by random resized crops and flips. The cases of a group take
turns, round after round; with --group only some groups are measured, and in FILE only these are renewed. Ratios are of
the same round, medians and quartiles are given. Processor time a picture is given too, which a busy machine disturbs
less than the rate. What the machine itself gives on two cores is told by libjpeg-turbo alone, on files in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagefeed as feed
from jobs import JOBS
from run import PHOTOS, WORK
from scratch_files import prepare
from systems import Task, roof

PIPELINE = feed.Pipeline([feed.RandomResizedCrop((224, 224)), feed.HorizontalFlip(), feed.Normalize.preset("imagenet")])
CORES = len(os.sched_getaffinity(0))
PICTURES = 3000
BATCH = 32


@dataclass(frozen=True)
class Case:
    """A loader, and what the training loop does with each of its batches; or what only decodes."""

    loader: feed.Loader | None
    step: Callable[[], object] | None = None
    cores: int | None = None
    """On how many cores all of it runs; None for those that there are."""
    decodes: Iterator[range] | None = None


@contextmanager
def on_cores(count: int | None) -> Iterator[None]:
    """Let every thread of this process run on so many cores."""
    every = os.sched_getaffinity(0)

    def put(cores: set[int]) -> None:
        for thread in os.listdir("/proc/self/task"):
            with suppress(ProcessLookupError):  # one that has ended meanwhile
                os.sched_setaffinity(int(thread), cores)

    put(set(sorted(every)[:count]))
    try:
        yield
    finally:
        put(every)


def hold_the_gil() -> None:
    """A training loop's own Python: 4 ms in which no other thread of the process gets anywhere."""
    end = time.perf_counter() + 0.004
    while time.perf_counter() < end:
        pass


GROUPS = {
    "threads": ("uncached", "uncached_one_core", "roof", "roof_one_core"),
    "ram": ("ram", "ram_one_core"),
    "process": ("uncached", "isolated", "ram", "isolated_ram"),
    "busy": ("busy_ram", "busy_isolated_ram"),
    "folder": ("uncached", "ram", "raw", "jpeg"),
}
"""Cases that take turns with each other. Rates of the last group are those of docs/cache.md."""

RATIOS = {
    "jpeg of uncached": ("jpeg", "uncached", 2.5),
    "raw of uncached": ("raw", "uncached", None),
    "two cores of one": ("uncached", "uncached_one_core", 1.9),
    "two cores of one, libjpeg-turbo alone": ("roof", "roof_one_core", None),
    "two cores of one, ram": ("ram", "ram_one_core", None),
    "isolated of not": ("isolated", "uncached", 0.85),
    "isolated of not, ram": ("isolated_ram", "ram", 0.85),
    "isolated of not, beside a busy loop": ("busy_isolated_ram", "busy_ram", 1.0),
}
"""Of two cases, and what the ratio of their rates is to reach."""


@dataclass(frozen=True)
class Photographs:
    """What all cases read."""

    folder: Path
    source: feed.Source
    bytes: float
    steps: int
    """Batches of a turn, which is an epoch, however few records there are."""

    def loader(self, **options: Any) -> feed.Loader:
        chosen: dict[str, Any] = {"threads": CORES, **options}
        return feed.Loader(self.source, PIPELINE, batch_size=BATCH, seed=1, steps_per_epoch=self.steps, **chosen)

    def roof(self, threads: int) -> Iterator[range]:
        job = next(job for job in JOBS if job.dataset == "photos")
        task = Task(job=job, folder=self.folder, threads=threads, antialias=True, options={}, scratch=self.folder)
        return roof.resized_crop(task)


def make_case(name: str, photographs: Photographs, scratch: Path) -> Case:
    loader = photographs.loader

    def folder(store: Any) -> feed.Cache:
        return feed.Cache(scratch / store, budget="4GB", store=store)

    ram: dict[str, Any] = {"cache": feed.Cache("ram", budget="4GB")}
    makers: dict[str, Callable[[], Case]] = {
        "uncached": lambda: Case(loader()),
        "uncached_one_core": lambda: Case(loader(threads=1), cores=1),
        "roof": lambda: Case(None, decodes=photographs.roof(CORES)),
        "roof_one_core": lambda: Case(None, cores=1, decodes=photographs.roof(1)),
        "ram": lambda: Case(loader(**ram)),
        "ram_one_core": lambda: Case(loader(**ram, threads=1), cores=1),
        "raw": lambda: Case(loader(cache=folder("raw"))),
        "jpeg": lambda: Case(loader(cache=folder("jpeg"))),
        "isolated": lambda: Case(loader(isolate=True)),
        "isolated_ram": lambda: Case(loader(isolate=True, **ram)),
        "busy_ram": lambda: Case(loader(**ram), hold_the_gil),
        "busy_isolated_ram": lambda: Case(loader(isolate=True, **ram), hold_the_gil),
    }
    return makers[name]()


def turn(case: Case, pictures: int) -> dict[str, float]:
    """An epoch: pictures a second, and microseconds of this process's processors and of planning for each."""
    taken, report = 0, None
    with on_cores(case.cores):
        before = case.loader.report() if case.loader is not None else None
        began, worked = time.perf_counter(), time.process_time()
        if case.loader is None:
            while taken < pictures and case.decodes is not None:
                taken += len(next(case.decodes))
        else:
            for batch in case.loader:
                taken += len(batch[0])
                if case.step is not None:
                    case.step()
        seconds, worked = time.perf_counter() - began, time.process_time() - worked
    if case.loader is not None and before is not None:
        report = case.loader.report().since(before)
    spent = {} if report is None else {"python_us": report.microseconds.get("python", 0.0)}
    return {"rate": taken / seconds, "processor_us": 1e6 * worked / taken} | spent


def spread(values: list[float]) -> dict[str, Any]:
    values = sorted(values)
    return {
        "median": statistics.median(values),
        "quartiles": [values[len(values) // 4], values[-1 - len(values) // 4]],
        "best": values[-1],
    }


def sizes(photographs: Photographs, scratch: Path) -> dict[str, float]:
    """What the folders of the caches take, as shares of the files that they were made from."""
    files = {name: scratch / name / "data.mdb" for name in ("raw", "jpeg")}
    return {
        f"{name} of the files": file.stat().st_blocks * 512 / photographs.bytes
        for name, file in files.items()
        if file.exists()
    }


def measured(names: tuple[str, ...], photographs: Photographs, scratch: Path, rounds: int) -> dict[str, Any]:
    """One group of cases, in turns."""
    pictures = photographs.steps * BATCH
    chosen = {name: make_case(name, photographs, scratch) for name in names}
    for case in chosen.values():
        turn(case, pictures)  # files and caches come into memory, threads and processes begin
    taken: list[dict[str, dict[str, float]]] = []
    for number in range(rounds):
        order = names if number % 2 else names[::-1]
        taken.append({name: turn(chosen[name], pictures) for name in order})
    return {
        "cases": {
            name: {"rounds": rounds} | {key: spread([one[name][key] for one in taken]) for key in taken[0][name]}
            for name in names
        },
        "ratios": {
            name: spread([one[a]["rate"] / one[b]["rate"] for one in taken]) | {"least": least}
            for name, (a, b, least) in RATIOS.items()
            if a in names and b in names
        },
        "sizes": sizes(photographs, scratch),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="photographs of 500x375")
    parser.add_argument("--work", type=Path, default=WORK, help="where the scratch files are")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pictures", type=int, default=PICTURES, help="how many a turn takes, at least")
    parser.add_argument("--group", action="append", choices=list(GROUPS), help="only these")
    options = parser.parse_args()
    folder, facts = prepare("photos", options.photos, options.work)
    steps = -(-options.pictures // BATCH)
    photographs = Photographs(folder, feed.folder(folder / "images"), facts["count"] * facts["mean_bytes"], steps)
    known: dict[str, Any] = {}
    if options.group and options.out and options.out.exists():  # the others stay as they were measured
        known = json.loads(options.out.read_text())
    for group in options.group or GROUPS:
        scratch = Path(tempfile.mkdtemp())
        try:
            result = measured(GROUPS[group], photographs, scratch, options.rounds)
        finally:
            shutil.rmtree(scratch)
        print(json.dumps({group: result}, indent=2))
        known |= {name: known.get(name, {}) | result[name] for name in ("cases", "ratios", "sizes")}
    known |= {"cores": CORES, "records": len(photographs.source)}
    if options.out:
        options.out.write_text(json.dumps(known, indent=2) + "\n")


if __name__ == "__main__":
    main()
