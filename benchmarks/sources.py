"""How fast each source is beside a folder of the same photographs.

    python benchmarks/sources.py --photos FOLDER [--out sources.json] [--rounds 25]

The photographs (a folder of classes) are written as every kind of source into a scratch folder; then each takes its
turn, round after round: an epoch of random resized crops. Ratios are of the same round; medians and
quartiles are given.
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
from pathlib import Path

import pandas as pd
from PIL import Image

import imagefeed as feed

PIPELINE = feed.Pipeline([feed.RandomResizedCrop((224, 224)), feed.HorizontalFlip(), feed.Rescale(1 / 255)])
LEAST = {"table": 0.95, "parquet": 1.0, "shards": 1.0, "coco": 0.95, "hub": 0.95, "file_urls": 0.95}
"""What each is to reach, as a share of the folder's rate. What is fetched from afar has no place here."""


def sources(photos: Path, scratch: Path) -> dict[str, feed.Source]:
    folder = feed.folder(photos)
    files, names = [Path(file) for file in folder.files], [folder.classes[k] for k in folder.labels]
    frame = pd.DataFrame({"image": [str(file) for file in files], "kind": names})
    frame.assign(image=[file.read_bytes() for file in files]).to_parquet(scratch / "all.parquet")
    with tarfile.open(scratch / "all.tar", "w") as tar:
        for k, (file, name) in enumerate(zip(files, names, strict=True)):
            tar.add(file, f"{k:06d}.jpg")
            member = tarfile.TarInfo(f"{k:06d}.cls")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    said = {"images": [], "annotations": [], "categories": [{"id": k, "name": n} for k, n in enumerate(folder.classes)]}
    for k, file in enumerate(files):
        with Image.open(file) as image:
            width, height = image.size
        said["images"].append({"id": k, "file_name": str(file.relative_to(photos)), "width": width, "height": height})
        said["annotations"].append({"id": k, "image_id": k, "category_id": int(folder.labels[k]), "bbox": [0, 0, 1, 1]})
    (scratch / "coco.json").write_text(json.dumps(said))
    made: dict[str, feed.Source] = {
        "folder": folder,
        "table": feed.table(frame, label="kind"),
        "parquet": feed.table(scratch / "all.parquet", label="kind"),
        "shards": feed.shards(scratch / "all.tar"),
        "coco": feed.coco(scratch / "coco.json", photos, targets="multi_label"),
        "file_urls": feed.table(frame.assign(image=[file.as_uri() for file in files]), label="kind"),
    }
    try:
        import datasets
    except ImportError:
        return made
    features = datasets.Features({"image": datasets.Image(), "kind": datasets.Value("string")})
    records = {"image": [{"bytes": file.read_bytes(), "path": None} for file in files], "kind": names}
    datasets.Dataset.from_dict(records, features=features).save_to_disk(str(scratch / "hub"))
    return made | {"hub": feed.hub(datasets.load_from_disk(str(scratch / "hub")), label="kind")}


def rate(loader: feed.Loader) -> float:
    begin, images = time.perf_counter(), 0
    for batch in loader:
        images += len(batch[0])
    return images / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        loaders = {
            name: feed.Loader(source, PIPELINE, seed=1)
            for name, source in sources(options.photos, Path(scratch)).items()
        }
        for loader in loaders.values():
            rate(loader)  # files come into memory, threads begin
        rounds = []
        for turn in range(options.rounds):
            names = list(loaders) if turn % 2 else list(loaders)[::-1]
            rounds.append({name: rate(loaders[name]) for name in names})
    result = {"cores": len(os.sched_getaffinity(0)), "records": len(loaders["folder"].source), "rounds": options.rounds}
    result["folder"] = {"images_per_second": statistics.median(one["folder"] for one in rounds)}
    for name in loaders:
        if name == "folder":
            continue
        ratios = sorted(one[name] / one["folder"] for one in rounds)
        result[name] = {
            "of_folder": statistics.median(ratios),
            "quartiles": [ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]],
            "least": LEAST[name],
            "images_per_second": statistics.median(one[name] for one in rounds),
        }
    print(json.dumps(result, indent=2))
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
