"""What the cache, threads and a process of its own do for the rate: ``python benchmarks/cache.py``.

    python benchmarks/cache.py [--photos FOLDER] [--out results/cache.json] [--rounds 15] [--case NAME ...]

Photographs of 500x375 become float32 batches of 224x224 by random resized crops and flips. The cases take turns, round
after round; with --case only some of them do, and in FILE only these are renewed. Ratios are of the same round, medians
and quartiles are given. Processor time a picture is given too, which a busy machine disturbs less than the rate.
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

PIPELINE = feed.Pipeline([feed.RandomResizedCrop((224, 224)), feed.HorizontalFlip(), feed.Normalize.preset("imagenet")])
CORES = len(os.sched_getaffinity(0))
PICTURES = 3000
BATCH = 32


@dataclass(frozen=True)
class Case:
    """A loader, and what the training loop does with each of its batches."""

    loader: feed.Loader
    step: Callable[[], object] | None = None
    cores: int | None = None
    """On how many cores all of it runs; None for those that there are."""


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


def cases(source: feed.Source, scratch: Path, pictures: int) -> dict[str, Case]:
    steps = -(-pictures // BATCH)  # a turn is an epoch, however few records there are

    def loader(**options: Any) -> feed.Loader:
        chosen = {"threads": CORES, **options}
        return feed.Loader(source, PIPELINE, batch_size=BATCH, seed=1, steps_per_epoch=steps, **chosen)

    def cache(name: str, **options: Any) -> feed.Cache:
        return feed.Cache(scratch / name, budget="4GB", **options)

    return {
        "uncached": Case(loader()),
        "uncached_one_core": Case(loader(threads=1), cores=1),
        "ram": Case(loader(cache=feed.Cache("ram", budget="4GB"))),
        "ram_one_core": Case(loader(cache=feed.Cache("ram", budget="4GB"), threads=1), cores=1),
        "raw": Case(loader(cache=cache("raw", store="raw"))),
        "jpeg": Case(loader(cache=cache("jpeg", store="jpeg"))),
        "isolated": Case(loader(isolate=True)),
        "isolated_ram": Case(loader(isolate=True, cache=feed.Cache("ram", budget="4GB"))),
        "busy_ram": Case(loader(cache=feed.Cache("ram", budget="4GB")), hold_the_gil),
        "busy_isolated_ram": Case(loader(isolate=True, cache=feed.Cache("ram", budget="4GB")), hold_the_gil),
    }


RATIOS = {
    "jpeg of uncached": ("jpeg", "uncached", 2.5),
    "raw of uncached": ("raw", "uncached", None),
    "two cores of one": ("uncached", "uncached_one_core", 1.9),
    "two cores of one, ram": ("ram", "ram_one_core", None),
    "isolated of not": ("isolated", "uncached", 0.85),
    "isolated of not, ram": ("isolated_ram", "ram", 0.85),
    "isolated of not, beside a busy loop": ("busy_isolated_ram", "busy_ram", 1.0),
}
"""Of two cases, and what the ratio of their rates is to reach."""


def turn(case: Case) -> dict[str, float]:
    """An epoch: pictures a second, and microseconds of this process's processors and of planning for each."""
    loader, taken = case.loader, 0
    with on_cores(case.cores):
        before, began, worked = loader.report(), time.perf_counter(), time.process_time()
        for batch in loader:
            taken += len(batch[0])
            if case.step is not None:
                case.step()
        seconds, worked = time.perf_counter() - began, time.process_time() - worked
    report = loader.report().since(before)
    return {
        "rate": taken / seconds,
        "processor_us": 1e6 * worked / taken,
        "python_us": report.microseconds.get("python", 0.0),
    }


def spread(values: list[float]) -> dict[str, Any]:
    values = sorted(values)
    return {
        "median": statistics.median(values),
        "quartiles": [values[len(values) // 4], values[-1 - len(values) // 4]],
        "best": values[-1],
    }


def sizes(files: int, scratch: Path) -> dict[str, float]:
    """What the folders of the caches take, as shares of the files that they were made from."""
    kept = {name: scratch / name / "data.mdb" for name in ("raw", "jpeg")}
    return {f"{name} of the files": kept[name].stat().st_blocks * 512 / files for name in kept if kept[name].exists()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="photographs of 500x375")
    parser.add_argument("--work", type=Path, default=WORK, help="where the scratch files are")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pictures", type=int, default=PICTURES, help="how many a turn takes, at least")
    parser.add_argument("--case", action="append", help="only these")
    options = parser.parse_args()
    job = next(job for job in JOBS if job.dataset == "photos")
    folder, facts = prepare(job.dataset, options.photos, options.work)
    source = feed.folder(folder / "images")
    scratch = Path(tempfile.mkdtemp())
    try:
        chosen = {
            name: case
            for name, case in cases(source, scratch, options.pictures).items()
            if not options.case or name in options.case
        }
        for case in chosen.values():
            turn(Case(case.loader))  # files and caches come into memory, threads and processes begin
        rounds = []
        for number in range(options.rounds):
            names = list(chosen) if number % 2 else list(chosen)[::-1]
            rounds.append({name: turn(chosen[name]) for name in names})
        result: dict[str, Any] = {
            "cores": CORES,
            "records": len(source),
            "cases": {
                name: {"rounds": options.rounds}
                | {key: spread([one[name][key] for one in rounds]) for key in rounds[0][name]}
                for name in chosen
            },
            "ratios": {
                name: spread([one[a]["rate"] / one[b]["rate"] for one in rounds]) | {"least": least}
                for name, (a, b, least) in RATIOS.items()
                if a in chosen and b in chosen
            },
            "sizes": sizes(facts["count"] * facts["mean_bytes"], scratch),
        }
    finally:
        shutil.rmtree(scratch)
    print(json.dumps(result, indent=2))
    if options.out:
        if options.case and options.out.exists():  # the others stay as they were measured
            known = json.loads(options.out.read_text())
            result = known | {name: known[name] | result[name] for name in ("cases", "ratios", "sizes")}
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
