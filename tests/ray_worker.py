"""Run by test_ray.py: everything that needs a cluster of Ray's, in one process; prints what it found as JSON.

Three machines of one core each, all of them processes of this one. Two are killed, each in the middle of a job.
"""

import json
import logging
import os
import socket
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import ray
from PIL import Image
from ray.cluster_utils import Cluster

import imagefeed as feed
from imagefeed.adapters import ray as feed_ray

FOLDER = Path(sys.argv[1])
RECORDS = 150
BEFORE_IT_DIES = 12  # pictures
# When a machine counts as dead. One that is killed refuses to be asked, thrice in two seconds; a busy one has ten
# seconds for each answer.
SOON = {"initial_delay_ms": 0, "period_ms": 500, "timeout_ms": 10_000, "failure_threshold": 3}
MAY_DIE = FOLDER / "may die"  # the ids of the machines of which one is about to be killed, while it is
found: dict[str, object] = {}


def photographs() -> feed.Source:
    rng = np.random.default_rng(0)
    for kind in ("cats", "dogs"):
        (FOLDER / "photos" / kind).mkdir(parents=True)
        for number in range(RECORDS // 2):
            small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
            small.resize((72, 60), Image.Resampling.BICUBIC).save(FOLDER / "photos" / kind / f"{number}.jpg")
    return feed.folder(FOLDER / "photos")


def slow(image: np.ndarray) -> np.ndarray:
    """Leaves a picture as it is, takes its time, and notes on which machine that was.

    A machine that is not to be killed waits until one has been, so that there is something left to die with.
    """
    node_id = ray.get_runtime_context().get_node_id()
    while node_id not in killable():
        time.sleep(0.01)
    with open(FOLDER / node_id, "ab") as notes:
        notes.write(b".")
    time.sleep(0.01)
    return image


def quick(image: np.ndarray) -> np.ndarray:
    return image


def killable() -> str:
    """What `MAY_DIE` says; every machine goes on once it is gone."""
    try:
        return MAY_DIE.read_text("utf-8")
    except FileNotFoundError:
        return ray.get_runtime_context().get_node_id()


def noted(node_id: str) -> int:
    file = FOLDER / node_id
    return file.stat().st_size if file.exists() else 0


class Killing:
    """Kills the first of some machines that has made some pictures, and takes it out of their list."""

    def __init__(self, cluster: Cluster, nodes: list) -> None:
        self.made = 0
        before = {node.node_id: noted(node.node_id) for node in nodes}
        MAY_DIE.write_text(" ".join(before), "utf-8")
        threading.Thread(target=self._watch, args=(cluster, nodes, before), daemon=True).start()

    def _watch(self, cluster: Cluster, nodes: list, before: dict[str, int]) -> None:
        while not self.made:
            time.sleep(0.005)
            for node in nodes:
                made = noted(node.node_id) - before[node.node_id]
                if made >= BEFORE_IT_DIES:
                    cluster.remove_node(node, allow_graceful=False)
                    nodes.remove(node)
                    self.made = made
                    break
        MAY_DIE.unlink()


def apart(one: float | np.ndarray, other: float | np.ndarray) -> float:
    """The largest relative difference; of matrices and small numbers, in relation to the largest one."""
    return float(np.max(np.abs(np.subtract(one, other))) / np.max(np.abs(other)))


def statistics(source: feed.Source, actors: int, **options) -> list:
    steps = [feed.Resize((6, 6)), feed.RandomCrop((5, 5)), feed.Rescale(1 / 255)]
    options |= {"seed": 3, "batch_size": 8, "progress": False}
    here = feed.Statistics.fit(source, feed.Pipeline(steps), **options)
    there = feed_ray.fit_statistics(source, feed.Pipeline(steps), actors=actors, **options)
    differences = [apart(there.mean, here.mean), apart(there.std, here.std), abs(there.values - here.values)]
    if here.covariance is not None:
        a, b = there.covariance, here.covariance
        whole = [np.asarray((one.basis * one.variances) @ one.basis.T, np.float64) for one in (a, b)]
        differences += [apart(a.variances, b.variances), abs(a.rest - b.rest), apart(*whole)]
    return [there.count, max(differences)]


def batches(source: feed.Source, cluster: Cluster, victims: list) -> None:
    """Through `streaming_split`, while a machine is killed."""

    def pipeline_with(function) -> feed.Pipeline:
        return feed.Pipeline([feed.RandomResizedCrop((20, 24)), feed.Apply(function), feed.Rescale(1 / 255)])

    options = {"batch_size": 8, "seed": 7}
    dataset = feed_ray.dataset(source, pipeline_with(slow), epoch=1, epochs=2, actors=2, progress=False, **options)
    killing = Killing(cluster, victims)
    rows: list[dict[str, np.ndarray]] = []

    def take(part) -> None:
        for batch in part.iter_batches(batch_size=None):
            rows.extend({name: column[k].copy() for name, column in batch.items()} for k in range(len(batch["index"])))

    threads = [threading.Thread(target=take, args=(part,)) for part in dataset.streaming_split(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found["batches columns"] = sorted(rows[0])
    found["batches made where one died"] = killing.made
    found["batches records"] = [
        sorted(int(row["index"]) for row in rows if row["epoch"] == epoch) == list(range(RECORDS)) for epoch in (1, 2)
    ]
    loader = feed.Loader(source, pipeline_with(quick), **options)
    same = 0
    for epoch in (1, 2):
        for number, batch in enumerate(loader.batches(epoch)):
            own = [row for row in rows if row["epoch"] == epoch and row["batch"] == number]
            same += [int(row["index"]) for row in own] == batch.indices.tolist()
            same += np.stack([row["image"] for row in own]).tobytes() == batch.images.tobytes()
            same += np.stack([row["target"] for row in own]).tolist() == batch.targets.tolist()
    found["batches same"] = [same, 3 * 2 * len(loader)]


def files(source: feed.Source, cluster: Cluster, victims: list) -> None:
    """Draws as tar files, while a machine is killed."""
    steps = [feed.RandomResizedCrop((20, 24)), feed.Apply(slow)]
    killing = Killing(cluster, victims)
    options = {"copies": 2, "seed": 5}
    manifest = feed_ray.materialize(source, feed.Pipeline(steps), FOLDER / "there", progress=False, **options)
    found["files made where one died"] = killing.made
    found["files samples"] = manifest.samples
    manifest.verify()
    # Written here without the slow step, which draws nothing and is the last.
    feed.materialize(source, feed.Pipeline(steps[:1]), FOLDER / "here", shards=len(manifest.shards), **options)
    here = feed.Manifest.load(FOLDER / "here")
    found["files same"] = [one.sha256 for one in manifest.shards] == [one.sha256 for one in here.shards]
    found["files left"] = sorted(file.name for file in (FOLDER / "there").iterdir() if file.suffix != ".tar")


def cache(source: feed.Source) -> list:
    pipeline = feed.Pipeline([feed.Resize((24, 32)), feed.RandomCrop((20, 20)), feed.Rescale(1 / 255)])
    options = {"format": "png", "shards": 3, "actors": 1, "progress": False}
    manifest = feed_ray.build_cache(source, pipeline, FOLDER / "cache", **options)
    made = feed.shards(manifest.files, classes=manifest.classes)
    expected = next(
        feed.Loader(source, feed.Pipeline(pipeline.steps[:1]), batch_size=RECORDS, shuffle=False).batches(0)
    )
    kept = next(feed.Loader(made, feed.Pipeline([]), batch_size=RECORDS, shuffle=False).batches(0))
    order = np.argsort([int(Path(name).name.split("-")[0]) for name in made.names(np.arange(RECORDS))])
    same = bool((kept.images[order] == expected.images).all())
    return [manifest.done, len(manifest.files), manifest.samples, made.class_counts, same]


def error() -> list[str]:
    (FOLDER / "bad" / "a").mkdir(parents=True)
    (FOLDER / "bad" / "a" / "x.jpg").write_bytes(b"nothing")
    try:
        feed_ray.materialize(feed.folder(FOLDER / "bad"), feed.Pipeline([]), FOLDER / "e", copies=1, progress=False)
    except feed.DecodeError as error:
        return [type(error).__name__, os.path.relpath(str(error).partition(":")[0], FOLDER), str(error)]
    return []


def error_of_cpus(source: feed.Source) -> str:
    try:
        feed_ray.dataset(source, feed.Pipeline([]), cpus=9)
    except feed.SpecError as error:
        return str(error)
    return ""


def ports() -> dict[str, int]:
    """Free ones for what Ray starts beside a machine, which else waits for those processes to say theirs, and dies
    where that takes them long."""
    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for one in sockets:
            one.bind(("", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}


def started() -> tuple[Cluster, list]:
    """Three machines, and those of them that may die."""
    soon = {f"health_check_{name}": value for name, value in SOON.items()}
    each = {"num_cpus": 1, "object_store_memory": 100 << 20}
    head = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}  # processes nobody asks
    cluster = Cluster(initialize_head=True, head_node_args={**each, **head, **ports(), "_system_config": soon})
    others = [cluster.add_node(**each, **ports()) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    logging.getLogger("ray.data").setLevel("ERROR")
    return cluster, others


def main() -> None:
    began = time.time()
    cluster, others = started()
    print(f"{time.time() - began:.1f} s", file=sys.stderr)
    source = photographs()
    # What an actor costs is its start, so no job has more than it needs; those that nobody dies in go side by side.
    peaceful = {
        "statistics channel": lambda: statistics(source, 2, draws=2),
        "statistics zca": lambda: statistics(source, 1, whiten="zca"),
        "cache": lambda: cache(source),
    }
    with ThreadPoolExecutor(3) as threads:
        running = {name: threads.submit(job) for name, job in peaceful.items()}
    found.update({name: job.result() for name, job in running.items()})
    for deadly in (batches, files):
        print(f"{time.time() - began:.1f} s", file=sys.stderr)
        deadly(source, cluster, others)
    found["error"] = error()  # the last, since its actor may stay for a while
    found["error cpus"] = error_of_cpus(source)
    print(f"{time.time() - began:.1f} s", file=sys.stderr)
    ray.shutdown()
    cluster.shutdown()
    print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # threads of Ray's that are still waiting for a machine that was killed


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of Ray's own
    main()
