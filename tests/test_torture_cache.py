"""Promises about the cache: whatever happens to it, no wrong picture is ever served. `scripts/torture` runs more."""

import gc
import io
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import Cache, Loader, Pipeline, _native, cache as cache_module
from imagefeed.cache import HEADER, is_whole, open_folder, sealed

LONG = "IMAGEFEED_TORTURE" in os.environ
PIPELINE = Pipeline([feed.Resize((40, 48)), feed.HorizontalFlip()])


@pytest.fixture
def photos(tmp_path, data) -> feed.Source:
    """Photographs in a folder that a test may change."""
    files = sorted(data("cats_dogs/validation").rglob("*.jpg"))[:: 1 if LONG else 8]
    (tmp_path / "photos").mkdir()
    for number, file in enumerate(files):
        shutil.copy(file, tmp_path / "photos" / f"{number:03}.jpg")
    return feed.folder(tmp_path / "photos", labels=None)


def epoch(source: feed.Source, cache: Cache | None) -> tuple[bytes, int, int]:
    loader = Loader(source, PIPELINE, batch_size=16, cache=cache, seed=1)
    images = b"".join(images.tobytes() for images in loader)
    found = images, loader.report().cache_hits, loader._engine.keeper.damaged
    del loader
    closed()
    return found


def closed() -> None:
    """Wait until no folder is open here: the conducting thread lets go of its engine a moment after the last batch."""
    end = time.monotonic() + 5
    while len(cache_module._open) and time.monotonic() < end:
        gc.collect()
        time.sleep(0.001)
    assert not len(cache_module._open)


def test_promise_bitrot(photos, tmp_path, rng) -> None:
    """Any flipped bit in a cache value is found by verify and never served."""
    folder = tmp_path / "cache"
    expected, _, _ = epoch(photos, Cache(folder, store="raw"))
    whole = (folder / "data.mdb").read_bytes()
    starts = [place for place in range(0, len(whole) - 4, 8) if whole[place : place + 4] == b"IFC1"]
    assert len(starts) == len(photos)
    length = HEADER + 40 * 48 * 3
    for attempt in range(400 if LONG else 8):
        data = bytearray(whole)
        hit = rng.choice(starts, 5, replace=False)
        for start in hit:
            bit = int(rng.integers(0, 8 * (HEADER if attempt % 2 else length)))
            data[start + bit // 8] ^= 1 << bit % 8
        (folder / "data.mdb").write_bytes(data)
        store = open_folder(folder, len(whole) + (1 << 24))
        damaged = [key for key, value in store.items() if not is_whole(value)]
        assert len(damaged) == 5
        del store
        closed()
        images, hits, found = epoch(photos, Cache(folder, store="raw"))
        assert images == expected
        assert found == 5
        assert hits >= len(photos) - 5
        images, _, found = epoch(photos, Cache(folder, store="raw"))
        assert (images, found) == (expected, 0)  # what was damaged has been made anew


def test_promise_bitrot_of_every_bit(rng) -> None:
    value = np.concatenate([np.zeros(HEADER, np.uint8), rng.integers(0, 256, 5 * 7 * 3, np.uint8)])
    value = sealed("raw", (5, 7, 3), (50, 70), value)
    for bit in range(8 * len(value)):
        bad = value.copy()
        bad[bit // 8] ^= 1 << bit % 8
        assert not is_whole(bad)


BUILD = """
import sys
import imagefeed as feed
source = feed.folder(sys.argv[1], labels=None)
pipeline = feed.Pipeline([feed.Resize((40, 48)), feed.HorizontalFlip()])
loader = feed.Loader(source, pipeline, cache=feed.Cache(sys.argv[2], store="raw", budget="40MB"))
told = iter(["kept"])
print("ready", flush=True)
loader.fill_cache(lambda total: [print(line, flush=True) for line in told])
"""


def test_promise_killwrite(photos, tmp_path, rng) -> None:
    """SIGKILL at any moment of a build: nothing torn is served, and the build goes on from where it was."""
    folder = tmp_path / "cache"
    had, kills = 0, 0
    while kills < (300 if LONG else 4):
        process = subprocess.Popen(
            [sys.executable, "-c", BUILD, str(photos.root), str(folder)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdout.readline() == b"ready\n"
        kept = kills % 2 == 0  # killed once something is kept; else at whatever moment
        if kept:
            assert process.stdout.readline() == b"kept\n"
        else:
            time.sleep(rng.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        kills += 1
        if not (folder / "data.mdb").exists() or not (folder / "data.mdb").stat().st_size:
            assert not kept
            continue
        store = open_folder(folder, 1 << 28)
        assert all(is_whole(value) for _, value in store.items())
        count = len(store)
        del store
        assert count >= max(had, kept)
        had = count
        if had == len(photos):
            shutil.rmtree(folder)
            had = 0
    expected, _, _ = epoch(photos, Cache("ram"))
    images, hits, damaged = epoch(photos, Cache(folder, store="raw"))
    assert images == expected
    assert (hits, damaged) == (had, 0)


def test_promise_diskfull(photos, tmp_path) -> None:
    """The file system fills up: training goes on uncached, with one warning."""
    code = textwrap.dedent(
        """
        import hashlib, resource, sys, warnings
        import imagefeed as feed
        source = feed.folder(sys.argv[1], labels=None)
        pipeline = feed.Pipeline([feed.Resize((40, 48)), feed.HorizontalFlip()])
        limit = int(sys.argv[3])
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        loader = feed.Loader(source, pipeline, seed=1, cache=feed.Cache(sys.argv[2], store="raw", budget="2MB"))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for _ in range(3):
                loader.epoch = 0
                print(hashlib.sha256(b"".join(images.tobytes() for images in loader)).hexdigest())
        for one in told:
            print(one.message)
        """
    )
    outputs = []
    for limit in (0, 100_000):
        done = subprocess.run(
            [sys.executable, "-c", code, str(photos.root), str(tmp_path / f"cache{limit}"), str(limit)],
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout.splitlines())
    assert len(set(outputs[0])) == 1
    assert outputs[1][:3] == outputs[0]
    (told,) = outputs[1][3:]
    assert "the cache cannot be written" in told
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_promise_stale(photos, tmp_path) -> None:
    """A source edited in place, even with the same size and time in content mode, is never served from the cache."""
    for identity in ("stat", "content"):
        folder = tmp_path / identity
        before, _, _ = epoch(photos, Cache(folder, identity=identity))
        file = Path(photos.files[3])
        found, data = file.stat(), file.read_bytes()
        made = io.BytesIO()
        Image.new("RGB", (64, 48), (200, 30, 10)).save(made, "JPEG")
        file.write_bytes(made.getvalue().ljust(found.st_size, b"\0"))
        if identity == "content":
            os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
            assert (file.stat().st_size, file.stat().st_mtime_ns) == (found.st_size, found.st_mtime_ns)
        after, hits, _ = epoch(photos, Cache(folder, identity=identity))
        assert hits == len(photos) - 1
        assert after == epoch(photos, Cache("ram"))[0]
        assert after != before
        file.write_bytes(data)


def test_promise_hostile_values(rng) -> None:
    """Cache values are looked at, and never believed or run."""
    good = sealed("raw", (5, 7, 3), (50, 70), np.concatenate([np.zeros(HEADER, np.uint8), np.zeros(105, np.uint8)]))
    accepted = 0
    for _ in range(200_000 if LONG else 5000):
        bad = good.copy()
        places = rng.integers(0, HEADER - 8, rng.integers(1, 6))
        bad[places] = rng.choice(np.array([0, 1, 2, 3, 7, 0x7F, 0x80, 0xFF], np.uint8), len(places))
        bad = bad[: int(rng.integers(0, len(bad) + 1))].copy() if rng.random() < 0.3 else bad
        records = _native.Records(1)
        if records.set_sealed([bad])[1]:
            continue
        pool = _native.Pool(1)
        job = pool.fetch(records, (), 1 << 26)
        while not job.wait(1000):
            continue
        faults = records.faults()
        if bad.tobytes() == good.tobytes():
            assert not faults
        else:
            assert faults[0][1] == 5
        accepted += 1
    assert accepted
