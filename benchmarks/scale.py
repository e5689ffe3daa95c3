"""What docs/scale.md reckons with: Ray beside the plain loader on one machine, two shards beside one loader, and what a
record costs in an index, in a shuffled order, in statistics and in a cache.

    python benchmarks/scale.py --photos FOLDER [--out FILE] [--part uint8|float32|driver|shards|records] [--seconds 30]

FOLDER holds JPEGs in a sub-folder for every class. A part has as many rounds as fit into its seconds, beside what Ray
takes to start, and is written beside the others. Systems take turns; ratios are of the same round. Of a loader the
first third of the pictures is not counted; through Ray, where pictures arrive by the thousand, the rate is what further
pictures take beyond the time for a few.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import imagefeed as feed
from imagefeed.memory import available_cores
from imagefeed.order import shuffled
from imagefeed.sources.names import Names
from imagefeed.sums import MomentSum, ScatterSum

CROP = [feed.RandomResizedCrop((224, 224)), feed.HorizontalFlip()]
STEPS = {"uint8": CROP, "float32": [*CROP, feed.Rescale(1 / 255)]}
BATCH = 32
RENDERED = {"uint8": 8000, "float32": 5000}
"""Pictures of a round, which is to take less than half a minute."""
FEW = 1000
CORES = available_cores()


def turns(seconds: float) -> Iterator[int]:
    """Rounds: at least one, and as long as another one fits into the time."""
    begin = time.perf_counter()
    longest = 0.0
    for turn in itertools.count():
        start = time.perf_counter()
        if turn and start - begin + longest > seconds:
            return
        yield turn
        longest = max(longest, time.perf_counter() - start)


def steady(sizes: Iterable[int], total: int) -> tuple[float, float]:
    """Pictures a second after the first third, and the seconds until the first batch."""
    begin = time.perf_counter()
    first = middle = 0.0
    seen = counted = 0
    for size in sizes:
        now = time.perf_counter()
        first = first or now - begin
        seen += size
        if 3 * seen < total:
            middle = now
        else:
            counted += size
    return counted / (time.perf_counter() - middle), first


def spread(values: list[float]) -> dict[str, Any]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "rounds": len(values)}


def rendering(source: feed.Source, dtype: str, seconds: float) -> dict[str, Any]:
    """Through Ray, beside the plain loader."""
    import ray

    from imagefeed.adapters import ray as feed_ray

    ray.init(num_cpus=CORES, object_store_memory=3 << 30, include_dashboard=False, log_to_driver=False)
    pipeline = feed.Pipeline(STEPS[dtype])

    def through_ray(count: int) -> tuple[float, float]:
        """Seconds until all are there, and until the first batch is."""
        some = source.subset(np.resize(np.arange(len(source)), count))
        begin = time.perf_counter()
        made = feed_ray.dataset(some, pipeline, batch_size=BATCH, progress=False)
        arrivals = [time.perf_counter() for _ in made.iter_batches(batch_size=BATCH)]
        return arrivals[-1] - begin, arrivals[0] - begin

    ours, theirs, starts = [], [], []
    loader = feed.Loader(source, pipeline, batch_size=BATCH)
    for _ in turns(seconds):
        epochs = FEW * 4 // len(source)
        batches = (len(batch.images) for epoch in range(epochs) for batch in loader.batches(epoch))
        ours.append(steady(batches, epochs * len(source))[0])
        many = through_ray(RENDERED[dtype])[0]
        few, start = through_ray(FEW)
        theirs.append((RENDERED[dtype] - FEW) / (many - few))
        starts.append(start)
    ray.shutdown()
    ratios = [there / here for there, here in zip(theirs, ours, strict=True)]
    return {"loader": spread(ours), "ray": spread(theirs), "ratio": spread(ratios), "start_seconds": spread(starts)}


class Nothing:
    """What is left of an actor that has nothing to do."""

    def __call__(self, units: dict[str, Any]) -> dict[str, Any]:
        return units


class Moved:
    """What is left of an actor that has nothing to render: a unit of pictures that are there already."""

    def __init__(self, dtype: str) -> None:
        self.images = np.ones((BATCH, 224, 224, 3), dtype)

    def __call__(self, units: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for _ in range(1024 // BATCH):
            yield {"image": self.images}


def moved(dtype: str) -> float:
    """Pictures a second that one process gets from actors that have them already."""
    import ray

    given = ray.data.from_items(list(range(12)), override_num_blocks=12)
    strategy = ray.data.ActorPoolStrategy(size=1, max_concurrent_calls_per_actor=2, enable_true_multi_threading=True)
    made = given.map_batches(Moved, fn_constructor_args=[dtype], batch_size=None, compute=strategy, num_cpus=CORES)
    made.context.enable_progress_bars = False
    return steady((len(batch["image"]) for batch in made.iter_batches(batch_size=BATCH)), 12 * 1024)[0]


def driver(seconds: float) -> dict[str, Any]:
    """How many units a second the process hands out that has begun a job, and what it takes to hand over pictures."""
    import ray

    ray.init(num_cpus=CORES, object_store_memory=3 << 30, include_dashboard=False, log_to_driver=False)
    rates: list[float] = []
    handed: dict[str, list[float]] = {"uint8": [], "float32": []}
    for _ in turns(seconds):
        for dtype, found in handed.items():
            found.append(moved(dtype))
        given = ray.data.from_items(list(range(400)), override_num_blocks=400)
        done = given.map_batches(Nothing, batch_size=None, compute=ray.data.ActorPoolStrategy(size=CORES), num_cpus=1)
        done.context.enable_progress_bars = False
        rates.append(steady((1 for _ in done.iter_batches(batch_size=None)), 400)[0])
    ray.shutdown()
    return {
        "units_rate": statistics.median(rates),
        "units": spread(rates),
        "moved": {dtype: spread(found) for dtype, found in handed.items()},
        "moved_milliseconds": {dtype: 1000 / statistics.median(found) for dtype, found in handed.items()},
    }


def timed_shard(photos: Path, rank: int, world: int, begun: Any, results: Any) -> None:
    """Some epochs of a shard, begun by all at once: how many pictures, and when that began and ended."""
    loader = feed.Loader(feed.folder(photos), feed.Pipeline(STEPS["uint8"]), batch_size=BATCH, threads=CORES // world)
    part = loader.shard(rank, world) if world > 1 else loader
    next(part.batches(0))
    begun.wait()
    begin = time.monotonic()
    count = sum(len(batch.images) for epoch in range(6) for batch in part.batches(epoch))
    results.put((count, begin, time.monotonic()))


def shards(photos: Path, seconds: float) -> dict[str, Any]:
    """A process for each core beside one for all."""
    context = multiprocessing.get_context("spawn")
    ratios: list[float] = []
    for _ in turns(seconds):
        rates: dict[int, float] = {}
        for world in (1, CORES):
            begun, results = context.Barrier(world), context.Queue()
            workers = [
                context.Process(target=timed_shard, args=(photos, rank, world, begun, results)) for rank in range(world)
            ]
            for worker in workers:
                worker.start()
            counts, begins, ends = zip(*(results.get() for _ in workers), strict=True)
            for worker in workers:
                worker.join()
            rates[world] = sum(counts) / (max(ends) - min(begins))
        ratios.append(rates[CORES] / rates[1])
    return {"processes": CORES, "to_one": spread(ratios)}


def least(work: Callable[[], object], times: int = 5) -> float:
    """The least of several runs."""
    found: list[float] = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found)


def records(source: feed.Source, seconds: float) -> dict[str, Any]:
    """What one record costs."""
    million = 10**6
    listed = [f"n{k // 1300:08d}_{k % 1300}.JPEG" for k in range(million)]
    names = Names.of(listed)
    sent = pickle.dumps(names, protocol=5)
    some = np.arange(million, dtype=np.int64) * 997
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        small = feed.Pipeline([feed.Resize((256, 256))])
        feed.materialize(source, small, Path(scratch) / "out", copies=1, shards=4)
        packed = time.perf_counter() - started
        manifest = feed.Manifest.load(Path(scratch) / "out")
    whole = feed.Pipeline([feed.Resize((224, 224))])
    fitted = min(least(lambda: feed.Statistics.fit(source, whole), 1) for _ in turns(seconds / 3))
    moments, matrix = MomentSum("channel"), ScatterSum(3072)
    moments.add(np.ones((2, 3, 4, 4), np.float32))
    matrix.add(np.ones((2, 3072), np.float32))
    files = [os.path.getsize(name) for name in source.names(np.arange(len(source)))]
    return {
        "names_bytes": (names.block.nbytes + names.ends.nbytes) / million,
        "name_length": statistics.mean(map(len, listed)),
        "names_sent_bytes": len(sent) / million,
        "ranges_bytes": 4 + 8 + 8 + 9 + len("0000000017-n01440764_10026.jpg"),
        "shuffle_nanoseconds": least(lambda: shuffled(some, 10**9, seed=1, epoch=2)) / million * 1e9,
        "statistics_rate": len(source) / fitted,
        "sum_bytes": {"channel": len(pickle.dumps(moments)), "zca_32x32x3": len(pickle.dumps(matrix))},
        "merge_seconds": {"zca_32x32x3": least(lambda: matrix.merge(matrix), 3)},
        "stored_bytes": statistics.mean(files),
        "packing_rate": len(source) / packed,
        "packed_bytes": manifest.bytes / manifest.samples,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "scale.json")
    parser.add_argument("--part", choices=("uint8", "float32", "driver", "shards", "records"))
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    source = feed.folder(arguments.photos)
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "uint8": lambda: rendering(source, "uint8", arguments.seconds),
        "float32": lambda: rendering(source, "float32", arguments.seconds),
        "driver": lambda: driver(arguments.seconds),
        "shards": lambda: shards(arguments.photos, arguments.seconds),
        "records": lambda: records(source, arguments.seconds),
    }
    found = json.loads(arguments.out.read_text("utf-8")) if arguments.out.exists() else {}
    found["cores"] = CORES
    for name, part in parts.items():
        if arguments.part in (None, name):
            found[name] = part()
            print(name, json.dumps(found[name], indent=1))
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
