"""Is this installation whole? Photographs to a batch, with nothing but what a wheel brings along."""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import imagefeed as feed


def main() -> None:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a", "b"):
            (Path(folder) / name).mkdir()
            for k in range(4):
                pixels = rng.integers(0, 256, (90, 120, 3), np.uint8)
                Image.fromarray(pixels).save(Path(folder) / name / f"{k}.jpg")
        source = feed.folder(folder)
        with Image.open(source.files[0]) as image:
            difference = np.abs(feed.read(source.files[0]).astype(int) - np.asarray(image).astype(int)).max()
        assert difference <= 1, f"decoding differs from Pillow's by {difference} levels"
        pipeline = feed.Pipeline([feed.RandomResizedCrop((32, 32)), feed.HorizontalFlip(), feed.Rescale(1 / 255)])
        batches = list(feed.Loader(source, pipeline, batch_size=4, seed=1))
    assert [images.shape for images, _ in batches] == [(4, 32, 32, 3)] * 2
    assert all(images.min() >= 0 and images.max() <= 1 for images, _ in batches)
    print(f"imagefeed {feed.__version__} works in {sys.prefix}")
    if sys.platform == "linux":
        maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
        print("libjpeg:", *sorted({line.split()[-1] for line in maps if "libjpeg" in line}), sep="\n  ")


main()
