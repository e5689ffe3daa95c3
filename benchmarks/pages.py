"""The figures of the pages that answer a question: ``python benchmarks/pages.py [PART...]`` writes
results/pages.json; the parts are units, statistics, targets, multi_label,
segmentation, studio and walk.

Real photographs and SqueezeNet's weights are found by IMAGEFEED_DATA (default: ../shared/data beside the checkout).
Needs torch, h5py and scikit-learn. Nothing here is timed but in turns with what it is compared to.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import imagefeed as feed

PROJECT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("IMAGEFEED_DATA", PROJECT.parent / "shared" / "data"))
OUTPUT = Path(__file__).parent / "results" / "pages.json"
TRAINED, JUDGED = 300, 200  # photographs
ENDS = "_W:0", "_b:0"


def main() -> None:
    """Measure the parts that are named, or all, and write them."""
    parts = {one.__name__: one for one in (units, statistics, targets, multi_label, segmentation, studio, walk)}
    found = json.loads(OUTPUT.read_text("utf-8")) if OUTPUT.exists() else {}
    for name in sys.argv[1:] or parts:
        found[name] = parts[name]()
    OUTPUT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(OUTPUT.read_text("utf-8"))


def units() -> dict[str, Any]:
    """Cats from dogs by a linear head on SqueezeNet's features: with what it was trained on, and with what was not."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    net = squeezenet(DATA / "weights" / "squeezenet_v1.1_imagenet.h5")
    train = feed.folder(DATA / "cats_dogs" / "train")
    judged = feed.folder(DATA / "cats_dogs" / "validation")
    rng = np.random.default_rng(0)
    sets = [
        source.subset(rng.permutation(len(source))[:count].tolist())
        for source, count in ((train, TRAINED), (judged, JUDGED))
    ]
    steps = {
        "preset": [feed.Normalize.preset("caffe")],
        "rescale": [feed.Rescale(1 / 255)],
        "raw": [],
    }
    result: dict[str, Any] = {"trained": TRAINED, "judged": JUDGED}
    for name, last in steps.items():
        pipeline = feed.Pipeline([feed.Resize((227, 227)), *last]).deterministic()
        parts: list[tuple[Any, Any]] = []
        for source in sets:
            loader = feed.Loader(source, pipeline, batch_size=25, dtype="float32")
            batches = [(net(images), labels) for images, labels in loader]
            parts.append(tuple(np.concatenate(one) for one in zip(*batches, strict=True)))
        (x, y), (test_x, test_y) = parts
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000)).fit(x, y)
        result[name] = float(head.score(test_x, test_y))
    return result


def squeezenet(path: Path) -> Any:
    """Its features, averaged over the picture: (n, 227, 227, 3) floats to (n, 512)."""
    import h5py
    import torch
    from torch.nn import functional

    with h5py.File(path) as file:
        weights: dict[str, Any] = {}
        file.visititems(lambda name, one: weights.update({name: one[()]}) if isinstance(one, h5py.Dataset) else None)

    def conv(x: Any, name: str, **options: Any) -> Any:
        kernel, bias = (weights[f"{name}/{name}{end}"] for end in ENDS)
        return functional.relu(
            functional.conv2d(x, torch.tensor(kernel).permute(3, 2, 0, 1), torch.tensor(bias), **options)
        )

    def fire(x: Any, name: str) -> Any:
        x = conv(x, f"{name}/squeeze1x1")
        return torch.cat([conv(x, f"{name}/expand1x1"), conv(x, f"{name}/expand3x3", padding=1)], 1)

    @torch.no_grad()
    def features(images: Any) -> Any:
        x = conv(torch.tensor(np.ascontiguousarray(images)).permute(0, 3, 1, 2), "conv1", stride=2)
        for name in ("", "fire2", "fire3", "", "fire4", "fire5", "", "fire6", "fire7", "fire8", "fire9"):
            x = fire(x, name) if name else functional.max_pool2d(x, 3, 2)
        return x.mean((2, 3)).numpy()

    return features


def statistics() -> dict[str, Any]:
    """Fitted in a stream, against NumPy's on the whole array; and through one file, against the pipeline itself."""
    source = feed.folder(DATA / "cats_dogs" / "validation")
    steps = feed.Pipeline([feed.Resize((96, 96))])
    fitted = feed.Statistics.fit(source, steps, progress=False)
    loader = feed.Loader(source, steps.deterministic(), batch_size=len(source), dtype="float32")
    images = next(iter(loader))[0].astype(np.float64)
    mean, std = images.mean((0, 1, 2)), images.std((0, 1, 2))
    pipeline = steps + feed.Pipeline([feed.Normalize(fitted)])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "preprocess.safetensors"
        pipeline.save(file)
        size, loaded = file.stat().st_size, feed.Pipeline.load(file)
    apart = [np.abs(feed.render(one, loaded) - feed.render(one, pipeline)).max() for one in source.files[:20]]
    return {
        "pictures": len(source),
        "bytes": size,
        "error": float(max(np.abs(fitted.mean / mean - 1).max(), np.abs(fitted.std / std - 1).max())),
        "served": float(max(apart)),
    }


def targets(draws: int = 200, rounds: int = 9) -> dict[str, Any]:
    """How well a mask and a box stay on what they mark; and what they cost beside the pictures alone."""
    rows, columns = np.ogrid[:240, :320]
    disc = (columns + 0.5 - 150) ** 2 + (rows + 0.5 - 130) ** 2 < 60**2
    picture = np.repeat(disc[..., None].astype(np.uint8) * 255, 3, axis=-1)
    goes = {"mask": feed.Mask(disc.astype(np.uint8)[None]), "boxes": feed.Boxes([[[90, 70, 210, 190]]], labels=[[0]])}
    steps = [feed.Rotate(degrees=(-30, 30), border="constant"), feed.RandomResizedCrop((160, 160), scale=(0.6, 1.0))]
    loader = feed.Loader(feed.arrays(picture[None], goes), feed.Pipeline(steps))
    overlap: list[float] = []
    for epoch in range(draws):
        image, moved = loader.replay(epoch, 0)
        seen, said = image[..., 0] > 127, moved["mask"] > 0
        overlap.append((seen & said).sum() / max((seen | said).sum(), 1))
    return {"draws": draws, "overlap": float(min(overlap)), "cost": cost(rounds)}


def cost(rounds: int) -> float:
    """The time of a picture with its mask, over that of the picture alone: CamVid, cropped; the median of turns."""
    folder = DATA / "camvid" / "val"
    steps = feed.Pipeline([feed.RandomResizedCrop((224, 224), scale=(0.3, 1.0)), feed.HorizontalFlip()])
    loaders = [
        feed.Loader(feed.folder(folder, labels=None, **options), steps, batch_size=16)
        for options in ({}, {"mask": "../valannot/{name}.png"})
    ]

    def seconds(loader: feed.Loader) -> float:
        start = time.perf_counter()
        for _ in loader:
            pass
        return time.perf_counter() - start

    turns = [(seconds(loaders[0]), seconds(loaders[1])) for _ in range(rounds)]
    return median(both / alone for alone, both in turns)


def multi_label(epochs: int = 60) -> dict[str, Any]:
    """What examples/multi_label.py says of COCO's photographs."""
    folder = DATA / "coco_tiny"
    files = (folder / "annotations" / "instances_train2017.json", folder / "train2017")
    return example("multi_label", epochs, *files)


def segmentation(epochs: int = 8) -> dict[str, Any]:
    """What examples/segmentation.py says of CamVid's."""
    return example("segmentation", epochs, DATA / "camvid" / "val", DATA / "camvid" / "valannot")


def studio() -> dict[str, Any]:
    """How soon the studio's page follows a slider."""
    import studio_page  # needs playwright and Chromium

    return studio_page.studio(DATA / "cats_dogs" / "validation")


def walk() -> dict[str, Any]:
    """A new user's way, as docs/index.md has it."""
    import walk as way  # needs playwright, Chromium, Keras and JAX

    return way.walk(DATA / "cats_dogs" / "train")


def example(name: str, epochs: int, *arguments: Path) -> dict[str, Any]:
    """What an example prints at its end."""
    command = [sys.executable, PROJECT / "examples" / f"{name}.py", *arguments, "--epochs", str(epochs)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"(\d+) pictures(?:, (\d+) classes)?: loss ([\d.]+) to ([\d.]+)", printed)
    assert found is not None, printed
    pictures, classes, first, last = found.groups()
    result: dict[str, Any] = {"epochs": epochs, "pictures": int(pictures), "first": float(first), "last": float(last)}
    return result | ({"classes": int(classes)} if classes else {})


if __name__ == "__main__":
    main()
