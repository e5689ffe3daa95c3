"""Mutated files through the native decoder. `scripts/torture fuzz --long` sends 20,000 through a sanitized build.

The work is done in child processes, so that a signal in native code would end the child and not the tests.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LONG = "IMAGEFEED_TORTURE" in os.environ
COUNT = 20_000 if LONG else 600
SEEDS = ("cats_dogs/validation/cats", "odd/exif_orientation", "odd/pngsuite", "odd/imagetestsuite", "odd/afl_jpeg")

MUTATE = """
import json, sys, warnings
import numpy as np
import imagefeed as feed
from imagefeed import _native
from imagefeed.sources import Files

warnings.simplefilter("ignore")
rng = np.random.default_rng(int(sys.argv[1]))
files = [open(json.loads(line), "rb").read() for line in sys.stdin]
files = [data for data in files if 0 < len(data) < 200_000]
special = np.array([0, 1, 0x7F, 0x80, 0xC0, 0xC4, 0xD0, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xFE, 0xFF], np.uint8)


def flip(data):
    bits = rng.integers(0, 8 * len(data), rng.integers(1, 9))
    np.bitwise_xor.at(data, bits // 8, (1 << bits % 8).astype(np.uint8))
    return data


def cut(data):
    return data[: int(rng.integers(1, len(data) + 1))]


def splice(data):
    other = np.frombuffer(files[rng.integers(len(files))], np.uint8)
    a, b = rng.integers(0, len(data) + 1), rng.integers(0, len(other) + 1)
    return np.concatenate([data[:a], other[b : b + int(rng.integers(0, 4096))], data[a:]])


def edit(data):
    places = rng.integers(0, min(len(data), 800), rng.integers(1, 12))
    data[places] = rng.choice(special, len(places))
    return data


def repeat(data):
    a, b = sorted(rng.integers(0, len(data) + 1, 2))
    return np.concatenate([data[:b], data[a:b], data[b:]])


steps = [feed.RandomResizedCrop((48, 40)), feed.Rotate(degrees=(-30, 30)), feed.Rescale(1 / 255)]
good = bad = 0
done, count = 0, int(sys.argv[2])
while done < count:
    batch = []
    for _ in range(min(20, count - done)):
        data = np.frombuffer(files[rng.integers(len(files))], np.uint8).copy()
        for _ in range(rng.integers(1, 4)):
            data = (flip, cut, splice, edit, repeat)[rng.integers(5)](data)
            if not len(data):
                data = np.zeros(1, np.uint8)
        batch.append(data.tobytes())
    done += len(batch)
    options = {"batch_size": 20, "threads": 2, "on_error": "skip", "max_bad": 1.0, "seed": done}
    options["max_pixels"] = 4_000_000
    loader = feed.Loader(Files(batch, color=("rgb", "gray")[done // 20 % 2]), feed.Pipeline(steps), **options)
    for images in loader:
        assert np.isfinite(images).all()
        good += len(images)
    bad += len(loader.bad)
    for data in batch:
        region = tuple(int(n) for n in rng.integers(-9, 900, 4))
        try:
            header = _native.jpeg_header(data)
            if header["width"] * header["height"] < 4_000_000:
                _native.decode_jpeg(data, region, 2 ** int(rng.integers(4)))
        except ValueError:
            pass
print(json.dumps([good, bad]))
"""


def seeds(data) -> list[str]:
    found: list[Path] = []
    for name in SEEDS:
        files = [file for file in sorted(data(name).rglob("*")) if file.is_file()]
        found += files[:: max(1, len(files) // 60)]
    return [str(file) for file in found]


@pytest.mark.parametrize("seed", range(8 if LONG else 2))
def test_promise_fuzz(data, seed) -> None:
    """A picture or a DecodeError from every mutated file, and never a signal or a sanitizer's complaint."""
    names = seeds(data)
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", MUTATE, str(seed), str(COUNT // (8 if LONG else 2))],
        input="".join(json.dumps(name) + "\n" for name in names),
        capture_output=True,
        text=True,
        timeout=3000,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    good, bad = json.loads(done.stdout)
    assert good + bad == COUNT // (8 if LONG else 2)
    assert good > 0
    assert bad > 0
