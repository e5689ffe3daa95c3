"""Threads and memory: what a loader settles on, and what it keeps to."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import imagefeed as feed
from imagefeed import Cache, DecodeError, Loader, Pipeline, SpecError
from imagefeed.budget import Budget
from imagefeed.memory import available_memory
from imagefeed.tuning import Tuner

GIB = 2**30
PIPELINE = Pipeline([feed.RandomResizedCrop((64, 64)), feed.HorizontalFlip(), feed.Rescale(1 / 255)])


@pytest.fixture
def photos(data) -> feed.Source:
    """Sixteen photographs."""
    return feed.folder(data("cats_dogs/validation")).take(16)


def settle(rates: dict[int, float], cores: int, waits: float = 0.5) -> tuple[Tuner, list[int]]:
    """A tuner that has seen batches of ten pictures come at the rate of each number of threads."""
    tuner, seen = Tuner(cores), [cores]
    for _ in range(2000):
        period = int(1e10 / rates[tuner.threads])
        tuner.note(10, period, int(waits * period))
        if tuner.threads != seen[-1]:
            seen.append(tuner.threads)
    return tuner, seen


@pytest.mark.parametrize(
    ("rates", "cores", "way"),
    [
        ({4: 1000, 8: 1050, 3: 760}, 4, [4, 8, 3, 4]),  # bound by the cores
        ({2: 500, 4: 980, 8: 1800, 16: 3000}, 2, [2, 4, 8, 16]),  # waits for a disk: as many as are allowed
        ({2: 500, 4: 980, 8: 1000}, 2, [2, 4, 8, 4]),
        ({8: 500, 16: 400, 6: 600, 5: 620}, 8, [8, 16, 6, 5, 6]),  # the training loop needs cores itself
        ({1: 500, 2: 510}, 1, [1, 2, 1]),
    ],
)
def test_a_number_of_threads_is_settled_on(rates, cores, way) -> None:
    tuner, seen = settle(rates, cores)
    assert seen == way
    assert tuner.settled
    assert tuner.threads == way[-1]
    assert tuner.tried.keys() == rates.keys()
    assert all(tuner.tried[count] == pytest.approx(rate, rel=0.01) for count, rate in rates.items())


def test_nothing_is_tried_where_the_model_limits() -> None:
    tuner, seen = settle({2: 1000}, 2, waits=0.01)
    assert seen == [2]
    assert not tuner.settled


def test_what_was_made_before_a_change_does_not_count() -> None:
    tuner = Tuner(2)
    while tuner.threads == 2:
        tuner.note(10, 50_000_000, 50_000_000)
    for period in [1_000] * 8 + [50_000_000] * 13:  # eight were ready
        tuner.note(10, period, period)
    assert tuner.tried[4] == pytest.approx(200, rel=0.01)


def test_a_pool_changes_its_threads(photos) -> None:
    """The pictures are the same while it does, and idle threads take nothing."""
    expected = [images.copy() for images, _ in Loader(photos, PIPELINE, batch_size=2, threads=1, repeat=False)]
    loader = Loader(photos, PIPELINE, batch_size=2, threads="auto")
    engine = loader._ready_engine()
    for number, (images, _) in enumerate(loader):
        np.testing.assert_array_equal(images, expected[number])
        engine.pool.set_threads((3, 1, 7, 2)[number % 4])
        assert engine.pool.threads == (3, 1, 7, 2)[number % 4]


def test_a_report_tells_of_threads_and_memory(photos) -> None:
    loader = Loader(photos, PIPELINE, batch_size=4, threads="auto", cache="ram", memory="90MB")
    tuner = loader._ready_engine().tuner
    assert tuner is not None
    for _ in range(16):
        tuner.note(10, 100_000_000, 90_000_000)
    assert loader.report().threads_tried == pytest.approx({tuner._cores: 100})
    assert "threads tried: pictures a second" in str(loader.report())
    list(loader)
    report = loader.report()
    assert report.threads_tried == {}  # what was found before the cache was full does not count
    assert report.memory["total"] == 90_000_000
    assert report.memory["cache"] == 60_000_000
    assert 16 * 12_000 < report.memory["cached"] < 16 * 40_000  # a short side of 73
    assert report.ahead == 12  # two small batches are rendered by one call, and six calls are ahead
    assert "90 MB at most" in str(report)
    assert Loader(photos, PIPELINE, threads=3).report().threads_tried == {}


# ------------------------------------------------------------------------------------------------------ memory


def test_a_budget_is_divided() -> None:
    assert Budget.of("90MB") == Budget(total=90_000_000, cache=0, decoding=45_000_000, moving=45_000_000)
    shared = Budget.of("90MB", Cache("ram"))
    assert (shared.cache, shared.decoding, shared.moving) == (60_000_000, 15_000_000, 15_000_000)
    stated = Budget.of("90MB", Cache("ram", budget="80MB"))
    assert (stated.cache, stated.decoding, stated.moving) == (80_000_000, 5_000_000, 5_000_000)
    folder = Budget.of("90MB", Cache("somewhere", budget="80GB"))
    assert (folder.cache, folder.decoding) == (0, 45_000_000)
    free = Budget.of(None, Cache("ram"), free=4 * GIB)
    assert (free.total, free.cache) == (3 * GIB, 2 * GIB)
    assert Budget.of(None, Cache("ram", budget=GIB), free=4 * GIB).cache == GIB
    assert Budget.of(None, Cache("ram", budget="20GB"), free=4 * GIB).cache == 2 * GIB
    with pytest.raises(SpecError, match="lower the one or raise the other"):
        Loader(feed.arrays(np.zeros((4, 8, 8, 3), np.uint8)), PIPELINE, memory="1GB", cache=Cache("ram", budget="1GB"))
    with pytest.raises(SpecError, match=r"Loader\(memory=\): got 'much'"):
        Loader(feed.arrays(np.zeros((4, 8, 8, 3), np.uint8)), PIPELINE, memory="much")


@pytest.mark.skipif(not Path("/proc/self/cgroup").exists(), reason="needs Linux's control groups")
def test_a_control_group_bounds_the_budget(tmp_path) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable: 9000000 kB\n")
    (tmp_path / "memory.max").write_text("400000000\n")
    (tmp_path / "memory.current").write_text("200000000\n")
    free = available_memory(tmp_path, tmp_path / "meminfo")
    budget = Budget.of(None, Cache("ram"), free=free)
    assert (budget.total, budget.cache) == (150_000_000, 100_000_000)


def test_fewer_batches_are_made_ahead_where_memory_is_short(photos) -> None:
    batch = 8 * 64 * 64 * 3 * 4
    found: list[int] = []
    for memory in (100_000_000, 50 * batch, 20 * batch):
        loader = Loader(photos, PIPELINE, batch_size=8, prefetch=20, memory=memory, shuffle=False)
        given = [images.copy() for images, _ in loader]
        found.append(loader.report().ahead)
        assert (found[-1] + 2) * batch < memory / 2
        reference = Loader(photos, PIPELINE, batch_size=8, shuffle=False)
        for images, (same, _) in zip(given, reference, strict=True):
            np.testing.assert_array_equal(images, same)
    assert found[0] == 20 > found[1] > found[2] >= 1
    with pytest.raises(SpecError, match=r"of 786 kB, 393 kB are for .* take 2[\d.]* MB, of which a .* 393 kB"):
        list(Loader(photos, PIPELINE, batch_size=8, memory=2 * batch))
    assert "memory 90 MB: 45 MB to decode in, 45 MB for files" in Loader(photos, PIPELINE, memory="90MB").explain(0)


def test_a_picture_that_does_not_fit_is_named(data, tmp_path) -> None:
    from PIL import Image

    (tmp_path / "a").mkdir()
    Image.new("RGB", (2000, 1500), (9, 200, 9)).save(tmp_path / "a" / "large.jpg", progressive=True)
    source = feed.folder(tmp_path)
    whole = Pipeline([feed.Resize((16, 16))]).deterministic()
    # 3 million pixels: four bytes each, and six of coefficients
    with pytest.raises(DecodeError, match=r"1500x2000 takes 30000000 bytes to decode, over the 25000000 .*memory="):
        list(Loader(source, whole, memory="50MB"))
    assert [len(images) for images, _ in Loader(source, whole, memory="62MB")] == [1]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer keeps memory")
def test_more_than_the_memory_trains_to_the_end(data) -> None:
    """300 photographs, 260 kB each in the cache, of which a good half fits."""
    code = f"""
        import imagefeed as feed
        source = feed.folder({str(data("cats_dogs/validation"))!r})
        pipeline = feed.Pipeline([feed.RandomResizedCrop((224, 224)), feed.Rescale(1 / 255)])
        def peak():
            lines = open("/proc/self/status").read().splitlines()
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
        list(feed.Loader(source.subset(range(16)), pipeline, batch_size=2, threads=2, memory="30MB"))  # code, libraries
        before = peak()
        loader = feed.Loader(source, pipeline, batch_size=2, threads=2, memory="66MB", cache="ram")
        seen = [sum(len(images) for images, _ in loader) for _ in range(2)]
        report = loader.report()
        print(*seen, peak() - before, report.memory["cached"], report.cache_hits)
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
    )
    first, second, grown, cached, hits = map(int, found.stdout.split())
    assert (first, second) == (300, 300)
    assert grown < 66_000_000
    assert 40_000_000 < cached <= 44_000_000
    assert 120 < hits < 240
