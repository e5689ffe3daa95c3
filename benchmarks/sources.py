"""How fast each source is beside a folder of the same photographs.

    python benchmarks/sources.py --photos FOLDER [--only table parquet ...] [--out FILE] [--seconds 30]

The photographs (a folder of classes) are written as every kind of source into a scratch folder. Then each source takes
its turn between two epochs of the folder, as often as fits into the seconds: random resized crops. Ratios are to the
mean of the two epochs beside, with quartiles, of the rate and of the time of the processor. Sources are
measured in parts with `--only`, and written beside the others.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

import imagefeed as feed
from imagefeed.sources.folder import Folder

PIPELINE = feed.Pipeline([feed.RandomResizedCrop((224, 224)), feed.HorizontalFlip(), feed.Rescale(1 / 255)])
LEAST = {"table": 0.95, "parquet": 1.0, "shards": 1.0, "coco": 0.95, "hub": 0.95, "file_urls": 0.95}
"""What each is to reach, as a share of the folder's rate. What is fetched from afar has no place here."""


def frame(folder: Folder) -> pd.DataFrame:
    return pd.DataFrame({"image": list(folder.files), "kind": [folder.classes[k] for k in folder.labels]})


def table(folder: Folder, scratch: Path) -> feed.Source:
    return feed.table(frame(folder), label="kind")


def file_urls(folder: Folder, scratch: Path) -> feed.Source:
    named = frame(folder)
    return feed.table(named.assign(image=[Path(file).as_uri() for file in named.image]), label="kind")


def parquet(folder: Folder, scratch: Path) -> feed.Source:
    named = frame(folder)
    named.assign(image=[Path(file).read_bytes() for file in named.image]).to_parquet(scratch / "all.parquet")
    return feed.table(scratch / "all.parquet", label="kind")


def shards(folder: Folder, scratch: Path) -> feed.Source:
    with tarfile.open(scratch / "all.tar", "w") as tar:
        for k, (file, label) in enumerate(zip(folder.files, folder.labels, strict=True)):
            tar.add(file, f"{k:06d}.jpg")
            name = folder.classes[label].encode()
            member = tarfile.TarInfo(f"{k:06d}.cls")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name))
    return feed.shards(scratch / "all.tar")


def coco(folder: Folder, scratch: Path) -> feed.Source:
    said = {"images": [], "annotations": [], "categories": [{"id": k, "name": n} for k, n in enumerate(folder.classes)]}
    for k, file in enumerate(folder.files):
        with Image.open(file) as image:
            width, height = image.size
        said["images"].append(
            {"id": k, "file_name": str(Path(file).relative_to(folder.root)), "width": width, "height": height}
        )
        said["annotations"].append({"id": k, "image_id": k, "category_id": int(folder.labels[k]), "bbox": [0, 0, 1, 1]})
    (scratch / "coco.json").write_text(json.dumps(said))
    return feed.coco(scratch / "coco.json", folder.root, targets="multi_label")


def hub(folder: Folder, scratch: Path) -> feed.Source:
    import datasets

    named = frame(folder)
    features = datasets.Features({"image": datasets.Image(), "kind": datasets.Value("string")})
    records = {
        "image": [{"bytes": Path(file).read_bytes(), "path": None} for file in named.image],
        "kind": [*named.kind],
    }
    datasets.Dataset.from_dict(records, features=features).save_to_disk(str(scratch / "hub"))
    return feed.hub(datasets.load_from_disk(str(scratch / "hub")), label="kind")


MAKERS: dict[str, Callable[[feed.Source, Path], feed.Source]] = {
    one.__name__: one for one in (table, parquet, shards, coco, hub, file_urls)
}


def epoch(loader: feed.Loader) -> tuple[float, float]:
    """Seconds of an epoch, and what all threads took of the processor."""
    begin, used = time.perf_counter(), time.process_time()
    for _ in loader:
        pass
    return time.perf_counter() - begin, time.process_time() - used


def shares(values: list[float]) -> dict[str, Any]:
    ordered = sorted(values)
    return {
        "median": statistics.median(ordered),
        "quartiles": [ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]],
    }


def measure(loaders: dict[str, feed.Loader], seconds: float) -> dict[str, Any]:
    """What each source takes beside the folder."""
    folder, records = loaders["folder"], len(loaders["folder"].source)
    others = [name for name in loaders if name != "folder"]
    for loader in loaders.values():
        epoch(loader)  # files come into memory, threads begin
    wall, processor, rates = ({name: [] for name in loaders} for _ in range(3))
    begin, rounds = time.perf_counter(), 0
    while rounds == 0 or (time.perf_counter() - begin) * (rounds + 1) / rounds < seconds:
        before = epoch(folder)
        for name in others if rounds % 2 else others[::-1]:
            own, after = epoch(loaders[name]), epoch(folder)
            wall[name].append((before[0] + after[0]) / 2 / own[0])
            processor[name].append(own[1] / ((before[1] + after[1]) / 2))
            rates[name].append(records / own[0])
            rates["folder"].append(records / after[0])
            before = after
        rounds += 1
    found: dict[str, Any] = {"folder": {"images_per_second": statistics.median(rates["folder"])}}
    for name in others:
        found[name] = {
            "of_folder": shares(wall[name]),
            "processor_time": shares(processor[name]),
            "least": LEAST[name],
            "images_per_second": statistics.median(rates[name]),
            "rounds": rounds,
            "records": records,
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=[*MAKERS])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "sources.json")
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = feed.folder(options.photos)
        sources = {name: MAKERS[name](folder, Path(scratch)) for name in options.only or MAKERS}
        loaders = {name: feed.Loader(one, PIPELINE, seed=1) for name, one in {"folder": folder, **sources}.items()}
        found = measure(loaders, options.seconds)
    print(json.dumps(found, indent=1))
    known = json.loads(options.out.read_text("utf-8")) if options.out.exists() else {}
    known |= {"cores": len(os.sched_getaffinity(0)), **found}
    options.out.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
