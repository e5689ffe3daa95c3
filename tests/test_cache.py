"""The cache: the same pictures whatever is in it, never a stale or damaged one, and never more than its budget."""

import io
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import Cache, Loader, Pipeline, SpecError, _native
from imagefeed.cache import HEADER, RamStore, is_whole, open_folder, sealed
from imagefeed.cache_point import cache_point
from imagefeed.memory import available_cores, available_memory, format_bytes, parse_bytes
from imagefeed.sources import Files

RANDOM = Pipeline([feed.RandomResizedCrop((24, 24)), feed.HorizontalFlip(), feed.Rescale(1 / 255)])
PREFIX = Pipeline([feed.Resize((40, 30)), feed.HorizontalFlip(), feed.Rotate(degrees=(-20, 20))])


@pytest.fixture
def photos(tmp_path, data) -> feed.Source:
    """Thirty photographs and one PNG, in a folder that a test may change."""
    files = sorted(data("cats_dogs/validation").rglob("*.jpg"))[::10]
    for number, file in enumerate(files):
        folder = tmp_path / "photos" / ("even", "odd")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / f"{number:02}.jpg")
    Image.open(files[0]).resize((90, 70)).save(tmp_path / "photos" / "odd" / "31.png")
    return feed.folder(tmp_path / "photos")


@pytest.fixture(params=["ram", "raw", "jpeg"])
def cache(request, tmp_path) -> Cache:
    if request.param == "ram":
        return Cache("ram", budget="50MB")
    return Cache(tmp_path / "cache", budget="50MB", store=request.param)


def epochs(loader: Loader, count: int = 1) -> list[bytes]:
    return [images.tobytes() + labels.tobytes() for _ in range(count) for images, labels in loader]


def kept(loader: Loader) -> tuple[int, int]:
    report = loader.report()
    return report.cache_hits, report.cache_misses


# ---------------------------------------------------------------- the same pictures


@pytest.mark.parametrize("pipeline", [RANDOM, PREFIX, PREFIX.deterministic()], ids=["random", "prefix", "serving"])
def test_pictures_do_not_depend_on_what_is_in_the_cache(photos, cache, pipeline) -> None:
    loader = Loader(photos, pipeline, batch_size=8, cache=cache, seed=1)
    first = epochs(loader, 2)
    assert kept(loader) == (31, 31)
    loader.epoch = 0
    assert epochs(loader, 2) == first
    assert kept(loader) == (93, 31)
    full = Loader(photos, pipeline, batch_size=8, seed=1, cache=Cache("ram", budget=1, store=cache.store))
    if cache.store != "jpeg":
        assert epochs(full, 2) == first  # nothing is kept, all is made every time
        assert kept(full) == (0, 62)


def test_partly_filled_and_shared_caches_are_used(photos, cache, tmp_path) -> None:
    if cache.in_ram:
        pytest.skip("memory is one process's own")
    whole = Loader(photos, RANDOM, batch_size=5, cache=Cache(tmp_path / "other", store=cache.store), seed=1)
    expected = epochs(whole, 1)
    part = Loader(photos, RANDOM, batch_size=5, cache=cache, seed=1)
    for _, _ in zip(part, range(3), strict=False):
        continue
    del part
    later = Loader(photos, RANDOM, batch_size=5, cache=cache, seed=1)
    assert epochs(later) == expected
    hits, misses = kept(later)
    assert hits >= 10
    assert hits + misses == 31


def test_a_kept_picture_is_what_the_steps_before_it_make(photos, tmp_path) -> None:
    straight = Pipeline([feed.Resize((40, 30)), feed.Rescale(2.0)])
    plain = Loader(photos, Pipeline([feed.Resize((40, 30))]), batch_size=31)
    ours = Loader(photos, straight, batch_size=31, cache="ram")
    for _ in range(2):
        ours.epoch = plain.epoch = 0
        np.testing.assert_array_equal(next(iter(ours))[0], next(iter(plain))[0] * np.float32(2))
    jpeg = Loader(photos, straight, batch_size=31, cache=Cache(tmp_path / "cache", store="jpeg"))
    plain.epoch = 0
    off = abs(next(iter(jpeg))[0] / 2 - next(iter(plain))[0])
    assert 0 < off.mean() < 4


def test_gray_pictures_and_masks(data, tmp_path, cache) -> None:
    gray = feed.folder(data("membrane/image"), labels=None, color="gray")
    loader = Loader(gray, Pipeline([feed.Resize((32, 32)), feed.HorizontalFlip()]), cache=cache, seed=2)
    first = [images.tobytes() for images in loader]
    loader.epoch = 0
    assert [images.tobytes() for images in loader] == first


def test_masks_follow_through_a_cache(data) -> None:
    pairs = feed.pairs(data("camvid/val"), data("camvid/valannot"))
    source = pairs.split(validation=12 / len(pairs), by="random")[1]
    for steps in (
        [feed.RandomResizedCrop((48, 64), scale=(0.3, 1)), feed.HorizontalFlip()],
        [feed.Resize((90, 120)), feed.HorizontalFlip(), feed.RandomCrop((64, 64))],
    ):
        plain = Loader(source, Pipeline(steps), batch_size=12, seed=3)
        ours = Loader(source, Pipeline(steps), batch_size=12, seed=3, cache="ram")
        for _ in range(2):
            ours.epoch = plain.epoch = 0
            (images, masks), (our_images, our_masks) = next(iter(plain)), next(iter(ours))
            assert (masks == our_masks).mean() > 0.9  # sampled twice, near edges of objects
            assert abs(images.astype(int) - our_images).mean() < 9


@pytest.mark.parametrize("mixing", [feed.MixUp(), feed.CutMix()], ids=["MixUp", "CutMix"])
def test_pictures_are_mixed_through_a_cache(photos, mixing) -> None:
    pipeline = Pipeline([feed.Resize((40, 30)), mixing, feed.Rescale(2.0)])
    caches = (None, Cache("ram", budget=1), "ram")
    plain, made, ours = (Loader(photos, pipeline, batch_size=8, seed=3, cache=cache) for cache in caches)
    for _ in range(2):
        for (images, labels), (again, _), (our_images, our_labels) in zip(plain, made, ours, strict=True):
            np.testing.assert_array_equal(our_images, again)  # whether kept or made every time
            assert abs(images - our_images).mean() < 8  # of 510; decoded whole, and rounded once more
            np.testing.assert_array_equal(labels, our_labels)
    assert kept(ours)[0] >= 62  # the second epoch: every picture and its partner


FILL = """
import sys
import imagefeed as feed
source = feed.folder(sys.argv[1])
loader = feed.Loader(source, feed.Pipeline([feed.Resize((40, 30)), feed.HorizontalFlip()]), batch_size=4, seed=5,
                     cache=feed.Cache(sys.argv[2], store="raw", budget="50MB"))
print(sum(len(images) for (images, _), _ in zip(loader.shard(int(sys.argv[3]), 2), range(int(sys.argv[4])))))
"""


def test_processes_fill_a_cache_together(photos, tmp_path) -> None:
    """Two shards at once, one of which ends early; the rest is made by a third process."""
    folder = tmp_path / "shared"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", FILL, str(photos.root), str(folder), str(rank), str(batches)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for rank, batches in ((0, 99), (1, 2))
    ]
    assert [int(one.communicate(timeout=120)[0]) for one in running] == [16, 4]
    assert [one.returncode for one in running] == [0, 0]
    pipeline = Pipeline([feed.Resize((40, 30)), feed.HorizontalFlip()])
    loader = Loader(photos, pipeline, batch_size=31, seed=9, cache=Cache(folder, store="raw", budget="50MB"))
    plain = Loader(photos, pipeline, batch_size=31, seed=9, cache="ram")
    assert epochs(loader) == epochs(plain)
    hits, misses = kept(loader)
    assert hits + misses == 31
    assert hits >= 20
    assert misses > 0


# ---------------------------------------------------------------- where the pipeline is cut


def points(*steps: feed.Transform) -> tuple[list[str], str]:
    point = cache_point(Pipeline(list(steps)), Cache("ram"))
    return [repr(step.transform) for step in point.before.steps], point.words


def test_the_cut_comes_after_the_last_step_before_the_first_random_one() -> None:
    resize, crop = feed.Resize((300, 300)), feed.CenterCrop((256, 256))
    assert points(resize, crop, feed.HorizontalFlip(), feed.CenterCrop((9, 9)))[0] == [repr(resize), repr(crop)]
    assert points(resize, feed.Rescale(0.5))[0] == [repr(resize)]
    assert points(resize, feed.Apply(np.copy), crop)[0] == [repr(resize)]


@pytest.mark.parametrize(
    ("steps", "side"),
    [
        ([feed.RandomResizedCrop((224, 224))], 256),
        ([feed.RandomResizedCrop((112, 224))], 192),
        ([feed.HorizontalFlip(), feed.Rotate(degrees=(-20, 20)), feed.Resize((224, 224))], 256),
        ([feed.Rotate(degrees=(-20, 20)), feed.RandomResizedCrop((224, 224)), feed.Rescale(1 / 255)], 256),
        ([feed.RandomCrop((224, 224))], None),  # cuts out pixels, of which a smaller picture has others
        ([feed.HorizontalFlip()], None),
        ([feed.RandomCrop((300, 300)), feed.Resize((224, 224))], None),
        ([feed.Apply(np.copy), feed.RandomResizedCrop((224, 224))], None),
    ],
)
def test_random_views_are_cut_out_of_smaller_pictures(steps, side) -> None:
    before, words = points(*steps)
    assert before == ([] if side is None else [f"_ShortSide({side})"])
    assert (f"short side of {side}" in words) == (side is not None)


def test_explain_says_what_is_kept(photos, tmp_path) -> None:
    loader = Loader(photos, RANDOM, cache=Cache(tmp_path / "c", store="jpeg", quality=80))
    for _ in range(2):
        text = loader.explain(0)
        assert "whole, shrunk to a short side of 24 where it is longer, as JPEG of quality 80" in text
        assert "RandomResizedCrop" in text
        list(loader)


def test_a_cache_takes_less_than_its_files(data, tmp_path) -> None:
    """At 224, JPEG at most 0.4 of photographs of 500x375."""

    def side(file: Path) -> tuple[int, int]:
        with Image.open(file) as image:
            return image.size

    files = sorted(data("cats_dogs/validation").rglob("*.jpg"))
    large = [file for file in files if side(file) in {(499, 375), (500, 374), (500, 375)}][:40]
    assert len(large) > 20
    for first in (feed.RandomResizedCrop((224, 224)), feed.Resize((224, 224))):
        cache = Cache("ram", budget="50MB", store="jpeg")
        loader = Loader(Files([str(file) for file in large]), Pipeline([first, feed.HorizontalFlip()]), cache=cache)
        assert loader.fill_cache() == []
        values = loader._engine.keeper.store._values.values()
        assert sum(map(len, values)) <= 0.4 * sum(file.stat().st_size for file in large)


# ---------------------------------------------------------------- stale, damaged, full


def test_a_folder_holds_an_epoch_when_the_next_one_has_come(photos, tmp_path) -> None:
    loader = Loader(
        photos, Pipeline([feed.Resize((16, 16))]), batch_size=4, repeat=True, cache=Cache(tmp_path / "kept")
    )
    endless = iter(loader)
    for _ in range(2 * len(loader) + 1):
        next(endless)
    store = loader._engine.keeper.store
    assert len(store) == len(photos)
    assert not store._pending


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_warning_that_is_an_error_reaches_whoever_iterates(photos, tmp_path, monkeypatch) -> None:
    loader = Loader(photos, Pipeline([feed.Resize((16, 16))]), batch_size=4, cache=Cache(tmp_path / "kept"))
    next(iter(loader))

    def full() -> None:
        raise RuntimeWarning("the cache cannot be written")

    monkeypatch.setattr(loader._engine.keeper.store, "flush", full)
    raised: list[BaseException] = []

    def iterate() -> None:
        try:
            list(loader)
        except RuntimeWarning as error:
            raised.append(error)

    thread = threading.Thread(target=iterate, daemon=True)
    thread.start()
    thread.join(20)
    assert [str(error) for error in raised] == ["the cache cannot be written"]


def test_a_cache_in_another_process_is_not_filled_here(photos) -> None:
    loader = Loader(photos, Pipeline([feed.Resize((16, 16))]), cache="ram", isolate=True)
    with pytest.raises(SpecError, match=r"in the memory of another process \(isolate=True\); iterate instead"):
        loader.fill_cache()


def test_changed_files_are_never_served(photos, cache) -> None:
    loader = Loader(photos, PREFIX.deterministic(), batch_size=31, cache=cache)
    before = next(iter(loader))[0]
    changed = Path(photos.files[4])
    Image.new("RGB", (80, 60), (10, 200, 30)).save(changed)
    after = next(iter(loader))[0]
    assert abs(after[4].astype(int) - (10, 200, 30)).max() < 4
    np.testing.assert_array_equal(np.delete(after, 4, 0), np.delete(before, 4, 0))
    changed.unlink()
    with pytest.raises(feed.DecodeError, match="No such file"):
        list(loader)


@pytest.mark.parametrize("identity", ["stat", "content"])
def test_content_identity_sees_an_edit_that_keeps_size_and_time(photos, tmp_path, identity) -> None:
    loader = Loader(
        photos, PREFIX.deterministic(), batch_size=31, cache=Cache(tmp_path / "cache", identity=identity, store="raw")
    )
    before = next(iter(loader))[0]
    file = Path(photos.files[3])
    found, data = file.stat(), file.read_bytes()
    other = io.BytesIO()
    Image.new("RGB", (64, 48), (10, 200, 30)).save(other, "JPEG")
    with file.open("r+b") as opened:
        opened.write(other.getvalue() + bytes(len(data) - len(other.getvalue())))
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (found.st_size, found.st_mtime_ns)
    after = next(iter(loader))[0]
    is_new = abs(after[3].astype(int) - (10, 200, 30)).max() < 4
    assert is_new == (identity == "content")  # the documented difference
    np.testing.assert_array_equal(np.delete(after, 3, 0), np.delete(before, 3, 0))
    assert kept(loader) == ((30, 32) if identity == "content" else (31, 31))


def test_a_budget_is_kept_and_what_does_not_fit_is_made_every_time(photos, tmp_path) -> None:
    for cache in (Cache("ram", budget="60kB"), Cache(tmp_path / "c", budget="100kB", store="raw")):
        loader = Loader(photos, PREFIX, batch_size=8, cache=cache, seed=1)
        first = epochs(loader)
        loader.epoch = 0
        assert epochs(loader) == first
        hits, misses = kept(loader)
        assert 5 < hits < 31
        assert misses == 62 - hits
    assert (tmp_path / "c" / "data.mdb").stat().st_size <= 100_000


def test_auto_takes_jpeg_where_raw_would_not_fit(photos, tmp_path) -> None:
    for budget, kind in (("50MB", "raw levels"), ("60kB", "JPEG")):
        for _ in range(2):  # what was decided stays so, whatever is asked for later
            words = Loader(photos, PREFIX, cache=Cache(tmp_path / kind, budget=budget)).cache_estimate()[1]
            assert kind in words
            budget = "50MB"
    small = Loader(photos, PREFIX, cache=Cache("ram", budget="60kB")).cache_estimate()
    assert "raw" in small[1]
    assert small[0] == pytest.approx(31 * 3632, rel=0.01)


def test_values_are_sealed(rng) -> None:
    levels = rng.integers(0, 256, (5, 7, 3), np.uint8)
    value = sealed("raw", (5, 7, 3), (50, 70), np.concatenate([np.zeros(HEADER, np.uint8), levels.ravel()]))
    assert struct.unpack("<4sBBHIIII", value[:24].tobytes()) == (b"IFC1", 0, 3, 0, 5, 7, 50, 70)
    assert is_whole(value)
    records = _native.Records(1)
    sizes, damaged = records.set_sealed([value])
    assert (sizes.tolist(), damaged) == ([[50, 70]], [])
    assert records.sizes().tolist() == [[5, 7]]
    sums = {_native.sealed_checksum(value)}
    for bit in range(len(value) * 8):
        bad = value.copy()
        bad[bit // 8] ^= 1 << bit % 8
        assert not is_whole(bad)
        if bit // 8 not in range(24, 32):
            sums.add(_native.sealed_checksum(bad))
    assert len(sums) == (len(value) - 8) * 8 + 1
    for bad in (value[:-1], value[:20], np.concatenate([value, value[:1]]), np.zeros(99, np.uint8)):
        sizes, damaged = _native.Records(2).set_sealed([None, np.ascontiguousarray(bad)])
        assert (sizes.tolist(), damaged) == ([[0, 0], [0, 0]], [1])


def test_ram_is_filled_to_its_budget_and_not_further(rng) -> None:
    store = RamStore(1000)
    values = [rng.integers(0, 256, 300, np.uint8) for _ in range(5)]
    for number, value in enumerate(values):
        store.put(bytes([number]), value)
    assert len(store) == 3
    assert store.size == 960
    found, _ = store.look_up([b"\x00", b"\x02", b"\x03"])
    assert [None if one is None else one.tobytes() for one in found] == [values[0].tobytes(), values[2].tobytes(), None]


# ---------------------------------------------------------------- arguments, memory, the command


def test_wrong_arguments_are_named() -> None:
    for arguments, message in (
        ({"path": ""}, "Cache.path: got ''; expected a folder, or \"ram\""),
        ({"path": "c", "budget": "many"}, "Cache.budget: got 'many'; expected a number of bytes"),
        ({"path": "c", "budget": 0}, "Cache.budget"),
        ({"path": "c", "store": "png"}, "Cache.store"),
        ({"path": "c", "quality": 101}, "Cache.quality: got 101; expected an integer from 1 to 100"),
        ({"path": "c", "identity": "name"}, "Cache.identity"),
        ({"path": "c", "short_side": 0}, "Cache.short_side"),
    ):
        with pytest.raises(SpecError, match=message):
            Cache(**arguments)
    images = feed.arrays(np.zeros((3, 4, 4, 3), np.uint8))
    with pytest.raises(SpecError, match="is in memory already"):
        Loader(images, RANDOM, cache="ram")
    with pytest.raises(SpecError, match=r'Loader\(cache=\): got \'disk\'; expected "ram", or Cache'):
        Loader(images, RANDOM, cache="disk")
    with pytest.raises(SpecError, match="has no cache"):
        Loader(images, RANDOM).fill_cache()


def test_amounts_of_memory() -> None:
    assert [parse_bytes("x", text) for text in (7, "7", "20GB", "1.5 MiB", "3k", "2 TB")] == [
        7,
        7,
        20 * 10**9,
        3 << 19,
        3000,
        2 * 10**12,
    ]
    assert [format_bytes(n) for n in (7, 1234, 123_456_789, 20e9, 5e12)] == [
        "7 B",
        "1.23 kB",
        "123 MB",
        "20 GB",
        "5 TB",
    ]


@pytest.mark.skipif(not Path("/proc/self/cgroup").exists(), reason="needs Linux's control groups")
def test_control_groups_are_minded(tmp_path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000000 kB\nMemAvailable: 5000000 kB\n")
    group = tmp_path / "group"
    group.mkdir()
    assert available_memory(group, meminfo) == 5_000_000 * 1024
    (group / "memory.max").write_text("max\n")
    assert available_memory(group, meminfo) == 5_000_000 * 1024
    (group / "memory.max").write_text("2000000000\n")
    (group / "memory.current").write_text("1500000000\n")
    (group / "memory.stat").write_text("anon 1\ninactive_file 300000000\n")
    assert available_memory(group, meminfo) == 800_000_000
    assert available_cores(group) == len(os.sched_getaffinity(0))
    (group / "cpu.max").write_text("100000 100000\n")
    assert available_cores(group) == 1
    (group / "cpu.max").write_text("max 100000\n")
    assert available_cores(group) == len(os.sched_getaffinity(0))


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from imagefeed.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"},
    )


def test_the_command(photos, tmp_path) -> None:
    folder = tmp_path / "cache"
    built = command("cache", "build", photos.root, folder, "--size", "32", "--store", "raw")
    assert built.returncode == 0, built.stderr
    assert "31 pictures, kept in" in built.stdout
    assert "about" in built.stdout
    facts = json.loads(command("cache", "info", folder, "--json").stdout)
    assert facts["pictures"] == 31
    assert command("cache", "verify", folder).stdout.startswith("whole  all 31 pictures")
    data = bytearray((folder / "data.mdb").read_bytes())
    for place in [place for place in range(0, len(data) - 4, 8) if data[place : place + 4] == b"IFC1"][:3]:
        data[place + 200] ^= 4
    (folder / "data.mdb").write_bytes(data)
    found = command("cache", "verify", folder, "--json")
    assert (found.returncode, len(json.loads(found.stdout)["damaged"])) == (1, 3)
    assert command("cache", "verify", folder, "--remove").returncode == 0
    assert json.loads(command("cache", "info", folder, "--json").stdout)["pictures"] == 28
    assert "freed" in command("cache", "clear", folder).stdout
    assert not folder.exists()
    nothing = command("cache", "info", folder)
    assert (nothing.returncode, "holds no cache" in nothing.stderr) == (1, True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "data.mdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(feed.CacheError, match="cannot be used as a cache"):
        open_folder(other, 10**6)


def test_two_loaders_of_one_process_share_a_folder(photos, tmp_path) -> None:
    loaders = [Loader(photos, RANDOM, batch_size=4, cache=Cache(tmp_path / "c"), seed=7) for _ in range(2)]
    results: list[list[bytes]] = [[], []]

    def take(number: int) -> None:
        results[number] = epochs(loaders[number], 2)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0] == results[1]
