"""Every odd file there is: broken by hand, by fuzzers, by age. A picture or a DecodeError, and soon.

The work is done in child processes, which say what came of each file: a signal in native code, or a hang,
would end the child and not the tests.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SLOWEST = 2.0  # seconds a file, on a slow machine under a sanitizer too

READ = """
import json, sys, time, warnings
import imagefeed as feed

warnings.simplefilter("ignore")  # Pillow's, about broken metadata
for line in sys.stdin:
    name = json.loads(line)
    begin = time.process_time()  # a busy machine may stop this process for longer
    try:
        made = list(feed.read(name).shape)
    except feed.DecodeError as error:
        made = error.reason if error.path == name and error.reason else None
    print(json.dumps([name, made, time.process_time() - begin]), flush=True)
"""

LOAD = """
import json, sys, warnings
import numpy as np
import imagefeed as feed
from imagefeed.sources import Files

warnings.simplefilter("ignore")
names = [json.loads(line) for line in sys.stdin]
steps = [feed.RandomResizedCrop((48, 40)), feed.Rotate(degrees=(-30, 30)), feed.Rescale(1 / 255)]
pipeline = feed.Pipeline(steps)
for color in ("rgb", "gray"):
    options = {"batch_size": 16, "threads": 2, "on_error": "skip", "max_bad": 1.0, "seed": 3}
    loader = feed.Loader(Files(names, color=color), pipeline, **options)
    good = 0
    for images in loader:
        assert np.isfinite(images).all() and images.min() >= 0 and images.max() < 1.001
        good += len(images)
    assert all(error.path in names and error.reason for error in loader.bad)
    print(json.dumps([good, len(loader.bad)]), flush=True)
"""


def child(program: str, names: list[str], limit: float) -> subprocess.CompletedProcess[str]:
    """Run a program on file names; its end by a signal is shown as that."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program],
        input="".join(json.dumps(name) + "\n" for name in names),
        capture_output=True,
        text=True,
        timeout=limit,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if done.returncode < 0:
        pytest.fail(f"{signal.Signals(-done.returncode).name} after {done.stdout[-300:]}\n{done.stderr[-3000:]}")
    assert done.returncode == 0, done.stderr[-3000:]
    return done


FOLDERS = ["exif_orientation", "pngsuite", "imagetestsuite", "afl_jpeg", "pillow"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_is_read_or_refused(data, folder) -> None:
    names = [str(file) for file in sorted(data(f"odd/{folder}").rglob("*")) if file.is_file()]
    assert len(names) > 15
    done = child(READ, names, limit=60 + SLOWEST * len(names))
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, _, _ in results] == names
    assert [name for name, made, _ in results if not made] == []
    slow = {Path(name).name: round(seconds, 2) for name, _, seconds in results if seconds > SLOWEST}
    assert slow == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_goes_through_a_loader(data, folder) -> None:
    names = [str(file) for file in sorted(data(f"odd/{folder}").rglob("*")) if file.is_file()]
    begin = time.monotonic()
    done = child(LOAD, names, limit=60 + SLOWEST * len(names))
    assert time.monotonic() - begin < SLOWEST * len(names)
    counts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [sum(both) for both in counts] == [len(names)] * 2


DAMAGE = """
import json, sys, warnings
import numpy as np
import imagefeed as feed
from imagefeed import _native

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
pipeline = feed.Pipeline([feed.CenterCrop((20, 30)), feed.Resize((8, 8))])
read = 0
for line in sys.stdin:
    with open(json.loads(line), "rb") as file:
        data = file.read()
    for _ in range(60):
        bad = np.frombuffer(data, np.uint8).copy()
        # Mostly the first bytes: headers and tables, where the numbers are that lengths follow from.
        places = rng.integers(0, len(bad) if rng.random() < 0.3 else min(700, len(bad)), rng.integers(1, 12))
        bad[places] = rng.choice([0, 1, 0x7F, 0x80, 0xD8, 0xD9, 0xFF], len(places))
        bad = bad.tobytes()[: None if rng.random() < 0.7 else int(rng.integers(1, len(bad)))]
        region = tuple(int(n) for n in rng.integers(-9, 900, 4))
        for call in (
            lambda: feed.read(bad, most_pixels=4_000_000),
            lambda: feed.render(bad, pipeline),
            lambda: _native.decode_jpeg(bad, region, 2 ** (region[0] % 4)),
        ):
            try:
                read += call() is not None
            except (feed.DecodeError, ValueError):
                pass
print(read)
"""


def test_damaged_files_never_end_the_process(data) -> None:
    files = (
        sorted(data("odd/exif_orientation").rglob("*.jpg"))[:2] + sorted(data("cats_dogs/train").rglob("*.jpg"))[:12]
    )
    done = child(DAMAGE, [str(file) for file in files], limit=600)
    assert int(done.stdout) > 100  # some are still pictures
