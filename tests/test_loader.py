"""Batches, as a training loop sees them."""

import contextlib
import functools
import gc
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import Loader, Pipeline, PlanError, SpecError

LINUX = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")

RANDOM = Pipeline(
    [
        feed.RandomResizedCrop((24, 32), scale=(0.2, 1.0)),
        feed.HorizontalFlip(),
        feed.Rotate(degrees=(-20, 20)),
        feed.Rescale(1 / 255),
    ]
)


@pytest.fixture(scope="module")
def photographs(data) -> feed.Source:
    """Forty photographs of two classes."""
    source = feed.folder(data("cats_dogs/validation"))
    return source.split(validation=40 / len(source), seed=0)[1]


def color_of(number: int, kind: int) -> tuple[int, int, int]:
    """A color that survives JPEG and says which picture of which class this is."""
    return (kind * 100 + 20, number % 7 * 36 + 10, number // 7 * 36 + 10)


@pytest.fixture(scope="module")
def solid(tmp_path_factory) -> feed.Source:
    """Ninety pictures of two classes, of one color each, in several formats and sizes."""
    root = tmp_path_factory.mktemp("solid")
    for kind, name in enumerate(("first", "second")):
        (root / name).mkdir()
        for number in range(45):
            suffix = ("jpg", "png", "jpg", "webp", "bmp")[number % 5]
            size = (20 + number % 3 * 8, 30 - number % 4 * 4)
            image = Image.new("RGB", size, color_of(number, kind))
            image.save(root / name / f"{number:02}.{suffix}", quality=100)
    return feed.folder(root)


def collected(loader: Loader) -> tuple[np.ndarray, np.ndarray]:
    """One epoch in one piece."""
    batches = list(loader)
    return np.concatenate([images for images, _ in batches]), np.concatenate([labels for _, labels in batches])


# ---------------------------------------------------------------- the same bytes


@pytest.mark.parametrize("pipeline", [RANDOM, RANDOM.deterministic()], ids=["random", "deterministic"])
def test_bytes_are_the_same_for_any_threads_and_batch_size(photographs, pipeline) -> None:
    expected = None
    for threads, batch_size, prefetch in (
        (1, 40, 1),
        (1, 7, 4),
        (2, 8, 1),
        (4, 1, 9),
        (8, 13, 4),
        (2, 16, 2),
    ):
        loader = Loader(
            photographs,
            pipeline,
            batch_size=batch_size,
            threads=threads,
            prefetch=prefetch,
            seed=5,
            shuffle=True,
        )
        got = collected(loader)
        expected = expected or got
        for ours, theirs in zip(got, expected, strict=True):
            assert ours.tobytes() == theirs.tobytes()


def test_bytes_are_the_same_every_time_and_in_a_batch_of_its_own(photographs) -> None:
    loader = Loader(photographs, RANDOM, batch_size=8, seed=5)
    first = list(loader)
    loader.epoch = 0
    for k, (again, labels) in enumerate(loader):
        np.testing.assert_array_equal(again, first[k][0])
        np.testing.assert_array_equal(labels, first[k][1])
    loader.epoch = 0
    np.testing.assert_array_equal(loader[3][0], first[3][0])
    np.testing.assert_array_equal(loader[-1][0], first[-1][0])
    assert loader.epoch == 0
    for bad in (5, -6):
        with pytest.raises(IndexError, match=f"batch {bad}: expected 0 to 4"):
            loader[bad]


def test_an_epoch_can_begin_anywhere(photographs) -> None:
    loader = Loader(photographs, RANDOM, batch_size=8, seed=5)
    whole = list(loader.batches(3))
    part = list(loader.batches(3, start=2))
    assert len(part) == 3
    for ours, theirs in zip(part, whole[2:], strict=True):
        np.testing.assert_array_equal(ours.images, theirs.images)
        np.testing.assert_array_equal(ours.indices, theirs.indices)
    assert loader.epoch == 0


def test_seeds_differ(photographs) -> None:
    images = [collected(Loader(photographs, RANDOM, seed=seed, shuffle=False))[0] for seed in (0, 1, 2**64 - 1)]
    assert (images[0] != images[1]).any(axis=(1, 2, 3)).all()
    assert (images[1] != images[2]).any(axis=(1, 2, 3)).all()


# ---------------------------------------------------------------- order


def test_an_epoch_has_every_record_once_and_epochs_differ(photographs) -> None:
    loader = Loader(photographs, RANDOM, batch_size=7)
    orders = [np.concatenate([batch.indices for batch in loader.batches(epoch)]).tolist() for epoch in range(3)]
    for order in orders:
        assert sorted(order) == list(range(40))
        assert order != sorted(order)
    assert orders[0] != orders[1] != orders[2]
    first, second = (collected(loader)[0] for _ in range(2))
    assert loader.epoch == 2
    assert not np.array_equal(np.sort(first, axis=0), np.sort(second, axis=0))  # other draws, too


def test_the_deterministic_pipeline_stands_in_order_and_repeats(photographs) -> None:
    loader = Loader(photographs, RANDOM.deterministic(), batch_size=7)
    first, labels = collected(loader)
    np.testing.assert_array_equal(labels, photographs.labels)
    np.testing.assert_array_equal(first, collected(loader)[0])
    shuffled = Loader(photographs, RANDOM.deterministic(), batch_size=7, shuffle=True)
    assert (collected(shuffled)[1] != labels).any()
    straight = Loader(photographs, RANDOM, batch_size=7, shuffle=False)
    np.testing.assert_array_equal(collected(straight)[1], labels)


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "sizes"),
    [
        (16, False, [16, 16, 8]),
        (16, True, [16, 16]),
        (40, True, [40]),
        (20, False, [20, 20]),
        (64, False, [40]),
    ],
)
def test_the_last_batch_is_smaller_or_left_out(photographs, batch_size, drop_last, sizes) -> None:
    loader = Loader(photographs, RANDOM, batch_size=batch_size, drop_last=drop_last)
    assert len(loader) == len(sizes)
    assert [len(images) for images, _ in loader] == sizes
    assert [len(labels) for _, labels in loader] == sizes


# ---------------------------------------------------------------- what a batch holds


def test_targets_belong_to_their_pictures(solid) -> None:
    loader = Loader(solid, Pipeline([feed.Resize((8, 8)), feed.HorizontalFlip()]), batch_size=32, threads=4)
    for epoch in range(3):
        for batch in loader.batches(epoch):
            expected = [color_of(index % 45, index // 45) for index in batch.indices.tolist()]
            assert abs(batch.images[:, 4, 4].astype(int) - expected).max() <= 3
            np.testing.assert_array_equal(batch.targets, batch.indices // 45)


def test_deterministic_batches_are_the_pictures_themselves(photographs) -> None:
    loader = Loader(photographs, Pipeline([feed.CenterCrop((64, 60))]).deterministic(), batch_size=8)
    for batch in loader.batches(0):
        for image, name in zip(batch.images, photographs.names(batch.indices), strict=True):
            whole = feed.read(name)
            y, x = ((whole.shape[k] - (64, 60)[k]) // 2 for k in (0, 1))
            np.testing.assert_array_equal(image, whole[y : y + 64, x : x + 60])


def test_dtype_and_layout(photographs) -> None:
    levels = Pipeline([feed.Resize((9, 11))])
    exact = next(iter(Loader(photographs, levels, dtype="float32")))[0]
    assert (exact.dtype, exact.shape) == (np.float32, (32, 9, 11, 3))
    rounded = next(iter(Loader(photographs, levels)))[0]
    np.testing.assert_array_equal(rounded, np.rint(exact).astype(np.uint8))
    half = next(iter(Loader(photographs, levels, dtype="float16")))[0]
    np.testing.assert_array_equal(half, exact.astype(np.float16))
    kinds = pytest.importorskip("ml_dtypes")
    brain = next(iter(Loader(photographs, levels, dtype="bfloat16")))[0]
    assert brain.dtype == kinds.bfloat16
    assert brain.tobytes() == exact.astype(kinds.bfloat16).tobytes()
    for dtype in ("uint8", "float16", "float32", "bfloat16"):
        pixels, planes = (
            next(iter(Loader(photographs, levels, dtype=dtype, layout=layout)))[0] for layout in ("nhwc", "nchw")
        )
        assert planes.flags.c_contiguous
        np.testing.assert_array_equal(planes.transpose(0, 2, 3, 1), pixels)
    assert next(iter(Loader(photographs, levels + Pipeline([feed.Rescale(2.0)]))))[0].dtype == np.float32


def test_gray_folders_give_one_channel(solid, data) -> None:
    pipeline = Pipeline([feed.Resize((8, 8))])
    gray = feed.folder(data("cats_dogs/validation"), color="gray")
    images, _ = next(iter(Loader(gray, pipeline, shuffle=False)))
    assert images.shape == (32, 8, 8, 1)
    whole = feed.read(gray.files[0], color="gray")
    assert abs(images[0, ..., 0].astype(int) - Image.fromarray(whole[..., 0]).resize((8, 8), 2)).max() <= 1
    mixed = feed.folder(solid.root, color="gray")
    for batch in Loader(mixed, pipeline, shuffle=False).batches(0):
        colors = np.array([color_of(index % 45, index // 45) for index in batch.indices.tolist()])
        assert abs(batch.images[:, 4, 4, 0] - colors @ [0.299, 0.587, 0.114]).max() <= 4


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_arrays(dtype, channels) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 6, 5, channels)).astype(dtype)
    if dtype is np.float32:
        images = images / np.float32(255 / 200)
    targets = np.arange(50) * 10
    before = images.copy()
    pipeline = Pipeline([feed.HorizontalFlip(probability=1.0), feed.Rescale(0.5, offset=-3)])
    for batch in Loader(feed.arrays(images, targets), pipeline, batch_size=8, seed=3).batches(0):
        np.testing.assert_array_equal(batch.images, images[batch.indices, :, ::-1] * np.float32(0.5) - 3)
        np.testing.assert_array_equal(batch.targets, batch.indices * 10)
    np.testing.assert_array_equal(images, before)


def test_without_targets_a_batch_is_its_images() -> None:
    images = np.zeros((5, 4, 4, 3), np.uint8)
    batches = list(Loader(feed.arrays(images), Pipeline([]), batch_size=2))
    assert [batch.shape for batch in batches] == [(2, 4, 4, 3), (2, 4, 4, 3), (1, 4, 4, 3)]


def test_nothing_done_is_nothing_changed() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 7, 3, 3), np.uint8)
    np.testing.assert_array_equal(next(iter(Loader(feed.arrays(images), Pipeline([], training=False)))), images)


# ---------------------------------------------------------------- Python functions


def dotted(image: np.ndarray) -> np.ndarray:
    image = image.copy()
    image[0, 0] = 255
    return image


def noisy(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return image ^ generator.integers(0, 256, image.shape, np.uint8)


def halved(image: np.ndarray) -> np.ndarray:
    return image[::2, ::2]


def gray(image: np.ndarray) -> np.ndarray:
    return image[..., :1]


def test_a_function_sees_levels_and_may_come_last() -> None:
    images = np.random.default_rng(0).integers(0, 200, (9, 6, 5, 3), np.uint8)
    pipeline = Pipeline([feed.HorizontalFlip(probability=1.0), feed.Apply(dotted)])
    batch = next(iter(Loader(feed.arrays(images), pipeline, shuffle=False)))
    expected = images[:, :, ::-1].copy()
    expected[:, 0, 0] = 255
    np.testing.assert_array_equal(batch, expected)


def test_a_function_may_change_the_size_and_the_channels() -> None:
    images = np.random.default_rng(0).integers(0, 200, (9, 6, 5, 3), np.uint8)
    steps = [feed.Apply(halved), feed.VerticalFlip(probability=1.0), feed.Apply(gray), feed.Rescale(2.0)]
    batch = next(iter(Loader(feed.arrays(images), Pipeline(steps), shuffle=False)))
    np.testing.assert_array_equal(batch, images[:, ::2, ::2][:, ::-1, :, :1] * np.float32(2))


def test_a_random_function_draws_by_record_and_epoch() -> None:
    source = feed.arrays(np.zeros((20, 6, 5, 3), np.uint8))
    pipeline = Pipeline([feed.Apply(noisy, random=True)])
    by_batches = {}
    for batch_size, threads in ((3, 1), (20, 4)):
        loader = Loader(source, pipeline, batch_size=batch_size, threads=threads, shuffle=False, seed=2)
        by_batches[batch_size] = [np.concatenate(list(loader)) for _ in range(2)]
    for epoch in range(2):
        np.testing.assert_array_equal(by_batches[3][epoch], by_batches[20][epoch])
    assert len({image.tobytes() for epoch in by_batches[3] for image in epoch}) == 40


def test_a_function_works_on_photographs(photographs) -> None:
    plain = Pipeline([feed.RandomCrop((40, 40)), feed.Resize((20, 20))])
    applied = Pipeline([*plain, feed.Apply(dotted), feed.HorizontalFlip(probability=1.0)])
    first, second = (collected(Loader(photographs, one, shuffle=False, seed=1))[0] for one in (plain, applied))
    np.testing.assert_array_equal(second[:, :, ::-1][:, 1:], first[:, 1:])
    assert (second[:, 0, -1] == 255).all()


def test_what_a_function_raises_reaches_the_caller() -> None:
    def broken(image: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError("on purpose")

    loader = Loader(feed.arrays(np.zeros((9, 6, 5, 3), np.uint8)), Pipeline([feed.Apply(broken)]))
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        next(iter(loader))
    assert_nothing_runs()
    wrong = Loader(feed.arrays(np.zeros((9, 6, 5, 3), np.uint8)), Pipeline([feed.Apply(np.sqrt)]))
    with pytest.raises(SpecError, match=r"Apply\(sqrt\): returned float16 of shape \(6, 5, 3\); expected uint8"):
        next(iter(wrong))


def test_a_function_may_give_each_picture_another_size_before_a_resize() -> None:
    def cut(image: np.ndarray) -> np.ndarray:
        return image[: 2 + image[0, 0, 0] % 3]

    images = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3), np.uint8)
    batch = next(iter(Loader(feed.arrays(images), Pipeline([feed.Apply(cut), feed.Resize((4, 4))]))))
    assert batch.shape == (20, 4, 4, 3)
    with pytest.raises(PlanError, match=r"but images\[0\] becomes .x5 and images\[\d+\] becomes .x5; add Resize"):
        next(iter(Loader(feed.arrays(np.sort(images, axis=0)), Pipeline([feed.Apply(cut)]), shuffle=False)))


# ---------------------------------------------------------------- words


def test_explain_says_what_happens_to_a_record(photographs) -> None:
    loader = Loader(photographs, RANDOM, seed=4)
    words = loader.explain(3)
    assert words.startswith(photographs.files[3])
    for part in (
        "record 3:",
        "RandomResizedCrop((24, 32)",
        "Rotate",
        "degrees",
        "read rows",
        "stored as float32 nhwc",
    ):
        assert part in words
    assert words == loader.explain(3, epoch=0) != loader.explain(3, epoch=1)
    assert loader.epoch == 0
    with pytest.raises(IndexError, match="record 40: expected 0 to 39"):
        loader.explain(40)
    both = Loader(photographs, Pipeline([feed.Apply(halved), feed.Resize((5, 6))])).explain(0)
    assert "Python function halved" in both
    assert "warp to 5x6" in both


def test_repr_shows_what_it_was_made_of(photographs) -> None:
    words = repr(Loader(photographs, RANDOM, batch_size=16, seed=7, threads=3))
    assert words.startswith(
        "Loader(Subset(40 records: cats 20, dogs 20), 4 steps, 3 batches of 16 shuffled, float32 nhwc"
    )
    assert "seed 7, 3 threads" in words


def test_a_loader_travels_to_another_process(photographs) -> None:
    loader = Loader(photographs, RANDOM, batch_size=8, seed=5, layout="nchw", threads=2)
    next(iter(loader))
    copy = pickle.loads(pickle.dumps(loader))
    assert (repr(copy), copy.epoch) == (repr(loader), 1)
    for ours, theirs in zip(copy, loader, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])


def test_one_picture_is_rendered_as_a_loader_does(photographs) -> None:
    file = photographs.files[0]
    batch = next(iter(Loader(photographs, RANDOM.deterministic(), batch_size=2)))[0]
    for picture in (file, Path(file), Path(file).read_bytes(), feed.read(file)):
        ours = feed.render(picture, RANDOM)
        assert ours.shape == (1, 24, 32, 3)
        np.testing.assert_array_equal(ours[0], batch[0])
    both = feed.render([file, Path(photographs.files[1])], RANDOM, layout="nchw", dtype="float16")
    np.testing.assert_array_equal(both, batch.transpose(0, 3, 1, 2).astype(np.float16))
    assert feed.render(file, RANDOM, color="gray").shape == (1, 24, 32, 1)


GOOD = {"source": feed.arrays(np.zeros((3, 4, 4, 3), np.uint8)), "pipeline": Pipeline([])}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "photos"}, r"Loader\(source=\): got 'photos'; expected a source, as from folder"),
        ({"pipeline": [feed.HorizontalFlip()]}, r"Loader\(pipeline=\).*expected Pipeline"),
        ({"batch_size": 0}, r"Loader\(batch_size=\): got 0; expected an integer above 0"),
        ({"batch_size": 2.0}, r"Loader\(batch_size=\): got 2.0"),
        ({"batch_size": True}, r"Loader\(batch_size=\): got True"),
        ({"threads": 0}, r"Loader\(threads=\): got 0"),
        ({"threads": "all"}, r"Loader\(threads=\): got 'all'"),
        ({"threads": 100_000}, r"Loader\(threads=\): got 100000; expected"),
        ({"prefetch": -1}, r"Loader\(prefetch=\): got -1"),
        ({"max_pixels": 0}, r"Loader\(max_pixels=\): got 0"),
        ({"seed": -1}, r"Loader\(seed=\): got -1; expected an integer from 0 to"),
        ({"seed": 2**64}, r"Loader\(seed=\)"),
        ({"seed": 1.5}, r"Loader\(seed=\): got 1.5"),
        ({"drop_last": 1}, r"Loader\(drop_last=\): got 1; expected True or False"),
        ({"shuffle": "yes"}, r"Loader\(shuffle=\): got 'yes'; expected True or False"),
        ({"shuffle": 1}, r"Loader\(shuffle=\): got 1; expected True or False"),
        (
            {"dtype": "float64"},
            r"Loader\(dtype=\): got 'float64'; expected one of 'uint8', 'float16', 'float32', 'bfloat16'",
        ),
        ({"dtype": np.float32}, r"Loader\(dtype=\)"),
        ({"layout": "chw"}, r"Loader\(layout=\): got 'chw'; expected one of 'nhwc', 'nchw'"),
        ({"on_error": "ignore"}, r"Loader\(on_error=\): got 'ignore'; expected one of 'raise', 'skip'"),
        ({"max_bad": 2}, r"Loader\(max_bad=\): got 2; expected a number from 0 to 1"),
        ({"max_bad": "few"}, r"Loader\(max_bad=\): got 'few'; expected a number"),
        ({"pipeline": Pipeline([feed.Rescale(0.1)]), "dtype": "uint8"}, r"Rescale\(0.1\) leaves the levels"),
    ],
)
def test_arguments_that_cannot_be_say_why(arguments, message) -> None:
    with pytest.raises(SpecError, match=message):
        Loader(**(GOOD | arguments))


def test_a_loader_without_a_batch_says_so() -> None:
    with pytest.raises(feed.SourceError, match="has no whole batch of 32; lower batch_size or pass drop_last=False"):
        Loader(**GOOD, drop_last=True)


def test_pictures_of_two_sizes_are_no_batch(photographs) -> None:
    with pytest.raises(PlanError, match=r"\.jpg becomes \d+x\d+ and .*\.jpg becomes \d+x\d+; add Resize"):
        next(iter(Loader(photographs, Pipeline([feed.HorizontalFlip()]))))
    assert_nothing_runs()


# ---------------------------------------------------------------- memory and threads


def test_only_the_pictures_of_one_batch_must_be_of_one_size() -> None:
    # Small batches of arrays are planned together, and then rendered together as far as they may be.
    def cut(image: np.ndarray) -> np.ndarray:
        return image[:, : 4 + image[0, 0, 0] // 4]

    images = np.empty((12, 6, 8, 1), np.uint8)
    images[:] = np.arange(12).reshape(12, 1, 1, 1)
    source, pipeline = feed.arrays(images), Pipeline([feed.Apply(cut)])
    batches = list(Loader(source, pipeline, batch_size=2, shuffle=False))
    assert [batch.shape for batch in batches] == [(2, 6, 4, 1)] * 2 + [(2, 6, 5, 1)] * 2 + [(2, 6, 6, 1)] * 2
    assert [int(value) for batch in batches for value in batch[:, 0, 0, 0]] == list(range(12))
    with pytest.raises(PlanError, match=r"images\[3\] becomes 6x4 and images\[4\] becomes 6x5"):
        list(Loader(source, pipeline, batch_size=3, shuffle=False))


def test_a_small_last_call_does_not_empty_the_queue() -> None:
    # 341 of these pictures are rendered by one call; 1,024 are planned together, so the last call makes one batch.
    source = feed.arrays(np.zeros((1024, 32, 32, 3), np.uint8))
    loader = Loader(source, Pipeline([feed.Rotate(degrees=(-9, 9))]), batch_size=32)
    list(loader)
    assert loader.report().ahead == 6 * 10


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "imagefeed-conductor"]


def assert_nothing_runs() -> None:
    gc.collect()
    limit = time.monotonic() + 2
    while running() and time.monotonic() < limit:
        time.sleep(0.01)
    assert running() == []


def test_batches_are_not_written_over_while_they_are_held(photographs) -> None:
    loader = Loader(photographs, RANDOM, batch_size=4, seed=5, prefetch=2)
    held, copies = [], []
    for _ in range(3):
        for images, _labels in loader:
            held.append(images[1:3])  # a view is enough to hold it
            copies.append(images[1:3].copy())
    for ours, theirs in zip(held, copies, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    addresses = {images.__array_interface__["data"][0] for images in held}
    assert len(addresses) == len(held)


def test_batches_are_the_callers_to_write_into(photographs) -> None:
    loader = Loader(photographs, RANDOM, batch_size=8, seed=5)
    expected = [images.copy() for images, _ in loader]
    loader.epoch = 0
    for k, (images, _) in enumerate(loader):
        np.testing.assert_array_equal(images, expected[k])
        images[:] = -1


def test_an_epoch_that_is_left_early_leaves_nothing_running(photographs) -> None:
    loader = Loader(photographs, RANDOM, batch_size=2)
    for _ in loader:
        break
    assert_nothing_runs()
    iterator = iter(loader)
    next(iterator)
    assert len(running()) == 1
    del iterator
    assert_nothing_runs()
    assert len(list(loader)) == 20


def test_what_the_consumer_raises_ends_the_epoch(photographs) -> None:
    loader = Loader(photographs, RANDOM, batch_size=2)

    def train() -> None:
        for _ in loader:
            raise KeyError("the consumer's")

    with pytest.raises(KeyError, match="the consumer's"):
        train()
    assert_nothing_runs()
    assert len(list(loader)) == 20


def test_two_epochs_may_run_at_once(photographs) -> None:
    loader = Loader(photographs, RANDOM, batch_size=8, seed=5)
    expected = [list(loader.batches(epoch)) for epoch in (0, 1)]
    both = list(zip(loader, loader, strict=True))
    assert len(both) == 5
    for k, pair in enumerate(both):
        for epoch in (0, 1):
            np.testing.assert_array_equal(pair[epoch][0], expected[epoch][k].images)


def test_several_threads_may_each_run_an_epoch(photographs) -> None:
    loader = Loader(photographs, RANDOM, batch_size=8, seed=5)
    expected = b"".join(batch.images.tobytes() for batch in loader.batches(0))
    results: list[bytes] = []

    def run() -> None:
        results.append(b"".join(batch.images.tobytes() for batch in loader.batches(0)))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@LINUX
def test_fifty_epochs_take_no_more_than_one(photographs) -> None:
    def counts() -> tuple[int, int]:
        gc.collect()
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    loader = Loader(photographs, RANDOM, batch_size=8, threads=2)
    for _ in range(8):
        list(loader)
    memory, before = resident(), counts()
    for _ in range(42):
        list(loader)
    assert counts() == before
    assert resident() - memory < 8 << 20


@LINUX
def test_a_loader_that_is_gone_leaves_no_threads(photographs) -> None:
    gc.collect()
    before = set(os.listdir("/proc/self/task"))
    loader = Loader(photographs, RANDOM, batch_size=8, threads=6)
    list(loader)
    # A framework that another test has imported may start a thread of its own meanwhile.
    during = set(os.listdir("/proc/self/task")) - before
    assert len(during) >= 6
    del loader
    gc.collect()
    assert len(during - set(os.listdir("/proc/self/task"))) >= 6


# ---------------------------------------------------------------- other processes


@pytest.fixture
def script(tmp_path, project, data) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start Python on some lines that have a Loader of photographs, called `loader`."""
    head = f"""
        import os, signal, sys, threading, time
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start deaf to it
        import numpy as np
        import imagefeed as feed
        pipeline = feed.Pipeline([feed.RandomResizedCrop((224, 224)), feed.Rescale(1 / 255)])
        source = feed.folder({os.fspath(data("cats_dogs/train"))!r})
        loader = feed.Loader(source, pipeline, batch_size=16, threads=2)

        def wait(image):
            time.sleep(0.2)
            return image

        def slow(loader, batch_size=1):
            pipeline = feed.Pipeline([feed.Resize((8, 8)), feed.Apply(wait)])
            return feed.Loader(loader.source, pipeline, batch_size=batch_size, threads=2)
    """
    start = functools.partial(
        subprocess.Popen,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with contextlib.ExitStack() as started:

        def run(lines: str) -> subprocess.Popen[str]:
            process = started.enter_context(
                start([sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(lines)])
            )
            started.callback(process.kill)  # if a test gave up on it
            return process

        yield run


@pytest.mark.parametrize(
    "lines",
    [
        "iterator = iter(loader); next(iterator)",
        "iterator = iter(loader); next(iterator); sys.exit(0)",
        "for _ in loader: break",
        "iterators = [iter(loader) for _ in range(3)]; batches = [next(one) for one in iterators]",
        "iterator = loader.batches(0); next(iterator); loader.self = iterator",
        "loader = slow(loader); iterator = iter(loader); next(iterator)",
    ],
)
def test_an_interpreter_may_end_in_the_middle_of_an_epoch(script, lines) -> None:
    process = script(lines)
    output = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, ("", ""))


def test_ctrl_c_ends_an_epoch_at_once(script) -> None:
    process = script(
        """
        while True:
            for number, batch in enumerate(loader):
                if number == 2:
                    print("running", flush=True)
        """
    )
    assert process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - begin < 2
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_ctrl_c_is_heard_while_a_batch_is_awaited(script) -> None:
    process = script(
        """
        print("running", flush=True)
        next(iter(slow(loader, batch_size=512)))
        """
    )
    assert process.stdout.readline() == "running\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    _, errors = process.communicate(timeout=120)
    assert time.monotonic() - begin < 2
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.skipif(
    "ASAN_OPTIONS" in os.environ, reason="a forked child may wait forever for AddressSanitizer's own locks"
)
def test_a_forked_child_is_told_to_make_its_own_loader(script) -> None:
    process = script(
        """
        import warnings
        warnings.simplefilter("ignore")  # Python 3.12 warns of any fork beside threads
        next(iter(loader))
        running = iter(loader)
        next(running)
        child = os.fork()
        if child == 0:
            try:
                next(iter(loader))
            except RuntimeError as error:
                print(error, flush=True)
                own = feed.Loader(source, pipeline, batch_size=16, threads=2)
                print(next(iter(own))[0].shape, flush=True)
                sys.exit(0)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
    )
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    told, shape = output.splitlines()
    assert told == (
        "this loader's threads stayed behind in the process that forked: make the Loader in the child process"
    )
    assert shape == "(16, 224, 224, 3)"
