"""Promises about order: the same batches whoever makes them, from wherever one resumes. `scripts/torture` runs more."""

import hashlib
import itertools
import json
import os

import numpy as np
import pytest

import imagefeed as feed
from imagefeed import Loader, Pipeline

LONG = "IMAGEFEED_TORTURE" in os.environ


def inverted(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return 255 - image if generator.random() < 0.5 else image


PLAIN = Pipeline([feed.RandomResizedCrop((24, 32)), feed.HorizontalFlip(), feed.Rotate(degrees=(-20, 20))])
CALLING = Pipeline([feed.RandomResizedCrop((24, 32)), feed.Apply(inverted, random=True), feed.HorizontalFlip()])


@pytest.fixture(scope="module")
def photographs(data) -> feed.Source:
    source = feed.folder(data("cats_dogs/validation"))
    return source.split(validation=(200 if LONG else 24) / len(source), seed=0)[1]


def drawn(count: int = 60) -> feed.Source:
    """Pictures by a formula, the same everywhere and for ever."""
    numbers = np.arange(count * 20 * 24 * 3, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return feed.arrays((numbers >> np.uint64(56)).astype(np.uint8).reshape(count, 20, 24, 3), np.arange(count))


def digests(batches) -> list[str]:
    return [hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() for images, labels in batches]


def test_promise_order(photographs) -> None:
    """The same bytes for any number and kind of workers."""
    for pipeline in (PLAIN, CALLING):
        expected = None
        makers = [{"threads": 1}, {"threads": 3, "prefetch": 1}, {"isolate": True}, {"cache": None, "threads": 8}]
        if pipeline is CALLING:
            makers = [{"threads": 2}, {"processes": 2}, *([{"processes": 1, "isolate": True}] if LONG else [])]
        for maker in makers:
            loader = Loader(photographs, pipeline, batch_size=7, seed=5, **maker)
            got = [digests(loader), digests(loader)]
            expected = expected or got
            assert got == expected, maker


@pytest.mark.parametrize("changes", [{}, {"steps_per_epoch": 5}, {"sampling": np.arange(1.0, 61.0)}], ids=repr)
def test_promise_resume(changes) -> None:
    """At every batch of an epoch, then with another number of workers, the same remaining bytes."""
    arguments = {"batch_size": 7, "seed": 3, **changes}
    loader = Loader(drawn(), PLAIN, **arguments)
    whole = digests(loader)
    for stop in range(len(whole)):
        first = Loader(drawn(), PLAIN, **arguments)
        taken = digests(itertools.islice(first, stop))
        state = json.loads(json.dumps(first.state_dict()))
        second = Loader(drawn(), PLAIN, **arguments, threads=1 + stop % 4, prefetch=1 + stop % 5)
        second.load_state_dict(state)
        assert taken + digests(second) == whole


def test_promise_resume_in_another_kind_of_process(photographs) -> None:
    loader = Loader(photographs, PLAIN, batch_size=5, seed=3)
    whole = digests(loader)
    first = Loader(photographs, PLAIN, batch_size=5, seed=3, isolate=True)
    taken = digests(itertools.islice(first, 2))
    second = Loader(photographs, PLAIN, batch_size=5, seed=3)
    second.load_state_dict(first.state_dict())
    assert taken + digests(second) == whole


def test_promise_chain() -> None:
    """After three resumes in a row, and at the ends of epochs."""
    arguments = {"batch_size": 7, "seed": 3}
    loader = Loader(drawn(), PLAIN, **arguments)
    endless = [one for _ in range(4) for one in digests(loader)]
    length = len(loader)
    steps = range(1, length + 1) if LONG else (1, 4, length - 1, length)
    for stops in itertools.product(steps, repeat=3):
        taken: list[str] = []
        state = None
        for stop in stops:
            one = Loader(drawn(), PLAIN, **arguments)
            if state is not None:
                one.load_state_dict(state)
            while stop > 0:
                some = digests(itertools.islice(one, stop))
                taken, stop = taken + some, stop - len(some)
            state = json.loads(json.dumps(one.state_dict()))
        last = Loader(drawn(), PLAIN, **arguments)
        last.load_state_dict(state)
        rest = digests(last)
        assert taken + rest == endless[: len(taken) + len(rest)]
        assert (len(taken) + len(rest)) % length == 0


@pytest.mark.parametrize("world", range(1, 8))
def test_promise_once(world) -> None:
    """Over 1 to 7 shards every record exactly once, and what is padded is declared."""
    loader = Loader(drawn(), PLAIN, batch_size=7 * world, seed=3)
    seen: list[int] = []
    for rank in range(world):
        for batch in loader.shard(rank, world).batches(2):
            seen += batch.targets[: len(batch.targets) - batch.padding].tolist()
    assert sorted(seen) == list(range(60))


def test_promise_epochs() -> None:
    """Reshuffled, and drawn for anew, without anyone calling anything."""
    loader = Loader(drawn(), PLAIN, batch_size=60)
    orders, pictures = [], set()
    for _ in range(5):
        ((images, labels),) = loader
        orders.append(tuple(labels.tolist()))
        pictures |= {image.tobytes() for image in images}
    assert len(set(orders)) == 5
    assert len(pictures) == 300


def test_promise_state(photographs) -> None:
    """JSON under a kilobyte."""
    for source in (drawn(), photographs):
        loader = Loader(source, PLAIN, batch_size=4, seed=2**64 - 1, sampling=np.ones(len(source)))
        loader.epoch = 2**63
        next(iter(loader))
        assert len(json.dumps(loader.state_dict())) < 1000


# Of the first batch of epochs 0 and 1. A change of these changes what a seed means: it belongs into the changelog.
GOLDEN = {
    "1d1de97d5adfcf8e": [feed.RandomResizedCrop((16, 16)), feed.HorizontalFlip()],
    "bf8286e837d576d0": [feed.Rotate(degrees=(-30, 30)), feed.Brightness(factor=(0.5, 1.5)), feed.Rescale(1 / 255)],
    "b7d20dafb9947441": [feed.RandomCrop((18, 18)), feed.VerticalFlip()],
}


@pytest.mark.parametrize("expected", GOLDEN)
def test_promise_golden(expected) -> None:
    """Hashes of first batches are pinned; they are those of every processor."""
    loader = Loader(drawn(), Pipeline(GOLDEN[expected]), batch_size=8, seed=11)
    found = hashlib.sha256(b"".join(next(iter(loader))[0].tobytes() for _ in range(2))).hexdigest()
    assert found[:16] == expected
