"""Order, shards, state and replay: where every record of every epoch stands, and how to come back to it."""

import itertools
import json
import pickle
from collections import Counter

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import Loader, Pipeline, SourceError, SpecError, run
from imagefeed.grouping import grouped
from imagefeed.order import Order, Span
from imagefeed.run import Run

RANDOM = Pipeline([feed.RandomCrop((5, 5)), feed.HorizontalFlip(), feed.Brightness(factor=(0.7, 1.3))])


def pictures(count: int = 90) -> feed.Source:
    """Pictures that differ, each labeled with its number."""
    images = np.random.default_rng(0).integers(0, 256, (count, 7, 8, 3), np.uint8)
    return feed.arrays(images, np.arange(count))


def order(**changes: object) -> Order:
    return Order(**{"count": 90, "batch_size": 12, "seed": 3, "shuffle": True} | changes)


def taken(one: Order, epoch: int = 0, start: int = 0) -> list[list[int]]:
    return [portion.records.tolist() for portion in one.batches(epoch, start)]


# ---------------------------------------------------------------- order


@pytest.mark.parametrize("changes", [{}, {"drop_last": True}, {"steps": 11}, {"weights": np.arange(90.0)}])
@pytest.mark.parametrize("world", [1, 3])
def test_any_batch_can_be_asked_for_by_itself(changes, world) -> None:
    for rank in range(world):
        one = order(**changes, world=world, rank=rank)
        whole = taken(one, 2)
        assert len(whole) == len(one)
        for start in range(len(one)):
            assert taken(one, 2, start) == whole[start:]


@pytest.mark.parametrize("shuffle", [True, False])
def test_steps_go_on_where_the_epoch_before_ended(shuffle) -> None:
    one = order(steps=4, shuffle=shuffle)  # 48 of 90
    stream = [record for epoch in range(15) for batch in taken(one, epoch) for record in batch]
    for begin in range(0, 720, 90):
        assert sorted(stream[begin : begin + 90]) == list(range(90))
    if not shuffle:
        assert stream[:180] == [*range(90), *range(90)]
    for epoch in range(15):
        keys = np.concatenate([portion.keys for portion in one.batches(epoch)])
        assert len(set(keys.tolist())) == 48  # a record that comes twice is drawn for anew
        records = np.concatenate([portion.records for portion in one.batches(epoch)])
        np.testing.assert_array_equal(keys % 90, records)


@pytest.mark.parametrize("shuffle", [True, False])
def test_weights_are_met(shuffle) -> None:
    weights = np.random.default_rng(1).random(90) ** 2
    weights[7] = 0
    one = order(weights=weights, shuffle=shuffle)
    counts = np.zeros(90)
    for epoch in range(400):
        portions = list(one.batches(epoch))
        records = np.concatenate([portion.records for portion in portions])
        keys = np.concatenate([portion.keys for portion in portions])
        assert len(records) == 90
        assert len(set(keys.tolist())) == 90
        now = np.bincount(records, minlength=90)
        assert abs(now - 90 * weights / weights.sum()).max() <= 2
        counts += now
    expected = 400 * 90 * weights / weights.sum()
    assert counts[7] == 0
    # The variance of a record's number is at most its expected number, and at most 1/2 an epoch.
    assert (abs(counts - expected) < 5 * np.sqrt(np.minimum(expected, 200)) + 1e-9).all()


def test_balanced_weights_balance_classes() -> None:
    labels = np.repeat([0, 1, 2], [80, 8, 2])
    source = feed.arrays(np.zeros((90, 4, 4, 3), np.uint8), labels, classes=("a", "b", "c"))
    loader = Loader(source, RANDOM, sampling="balanced", batch_size=90)
    for _ in range(5):
        counts = Counter(next(iter(loader))[1].tolist())
        assert all(abs(counts[kind] - 30) <= 2 for kind in range(3))
    with pytest.raises(SourceError, match="no classes to balance"):
        Loader(feed.arrays(np.zeros((9, 4, 4, 3), np.uint8)), RANDOM, sampling="balanced")
    for bad, message in (
        ([1.0, 2.0], r"has shape \(2,\); expected one number for each of 90"),
        (np.full(90, -1.0), "expected numbers of at least 0"),
        (np.zeros(90), "one above 0"),
        ("even", "expected 'balanced'"),
    ):
        with pytest.raises(SpecError, match=message):
            Loader(source, RANDOM, sampling=bad)


def test_a_record_drawn_twice_looks_different_and_can_be_replayed() -> None:
    weights = np.ones(90)
    weights[5] = 60
    loader = Loader(pictures(), RANDOM, sampling=weights, batch_size=30, seed=4)
    seen = {}
    for batch in loader.batches(2):
        for image, index, key in zip(batch.images, batch.indices.tolist(), batch.keys.tolist(), strict=True):
            again, label = loader.replay(2, index, copy=key // 90)
            np.testing.assert_array_equal(again, image)
            assert label == index
            if index == 5:
                seen[key] = image.tobytes()
    assert len(seen) > 20
    assert len(set(seen.values())) > len(seen) / 2


@pytest.mark.parametrize("isolate", [False, True])
def test_repeat_has_no_end(isolate) -> None:
    endless = Loader(pictures(), RANDOM, batch_size=40, repeat=True, seed=1, isolate=isolate)
    plain = Loader(pictures(), RANDOM, batch_size=40, seed=1)
    for (theirs, _), (ours, _) in zip([*plain, *plain, *plain], endless, strict=False):
        np.testing.assert_array_equal(ours, theirs)
    assert endless.epoch == 3


def test_a_loader_that_repeats_stands_where_it_gave_its_last_batch() -> None:
    endless = Loader(pictures(), RANDOM, batch_size=40, repeat=True, seed=1)
    batches = iter(endless)
    places = []
    for _ in range(7):  # of three an epoch
        next(batches)
        state = endless.state_dict()
        places.append((state["epoch"], state["batch"], endless.epoch))
    assert places == [(0, 1, 1), (0, 2, 1), (1, 0, 1), (1, 1, 2), (1, 2, 2), (2, 0, 2), (2, 1, 3)]
    images, _ = next(batches)
    later = Loader(pictures(), RANDOM, batch_size=40, repeat=True, seed=1)
    later.load_state_dict(state)
    batches = iter(later)
    np.testing.assert_array_equal(next(batches)[0], images)
    for _ in range(2):
        next(batches)
    assert (later.state_dict()["epoch"], later.state_dict()["batch"]) == (3, 1)


def test_the_next_epoch_is_begun_while_one_ends(monkeypatch) -> None:
    begun = []

    class Counted(Run):
        def __init__(self, *args, **options) -> None:
            begun.append(self)
            super().__init__(*args, **options)

    monkeypatch.setattr("imagefeed.loader.Run", Counted)
    for _ in zip(range(9), Loader(pictures(), RANDOM, batch_size=40, repeat=True), strict=False):
        pass
    assert len(begun) == 1


def test_what_is_planned_together_is_of_one_epoch() -> None:
    portions = order(count=30).portions(Span(4, start=1, endless=True))
    groups = list(itertools.islice(grouped(portions, lambda: 1000), 4))
    epochs = [{portion.epoch for portion in group} for group in groups]
    assert [len(one) for one in epochs] == [1] * 4
    begun = [(one.epoch, one.number) for group in groups for one in group]
    assert begun[:5] == [
        (4, 1),
        (4, 2),
        (5, 0),
        (5, 1),
        (5, 2),
    ]


def test_bad_pictures_are_counted_for_each_epoch_that_repeats(tmp_path) -> None:
    for k in range(8):
        Image.new("RGB", (9, 9), (k, 0, 0)).save(tmp_path / f"{k}.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    options = {"batch_size": 4, "repeat": True, "on_error": "skip", "max_bad": 0.2}
    loader = Loader(feed.folder(tmp_path, labels=None), Pipeline([feed.Resize((4, 4))]), shuffle=False, **options)
    sizes = [len(images) for images, _ in zip(loader, range(6), strict=False)]
    assert sizes == [3, 4] * 3
    assert len(loader.bad) == 1


@pytest.mark.parametrize("wrong", [-1, 1.5, True, None])
def test_an_epoch_or_a_batch_that_is_no_number_of_one_is_refused(wrong) -> None:
    loader = Loader(pictures(), RANDOM, batch_size=40)
    with pytest.raises(SpecError, match=r"Loader\.epoch: got .*; expected an integer of at least 0"):
        loader.epoch = wrong
    for name in ("epoch", "start", "stop"):
        if (name, wrong) != ("stop", None):
            with pytest.raises(SpecError, match=rf"batches\({name}=\): got .*; expected an integer of at least 0"):
                next(loader.batches(**{"epoch": 0} | {name: wrong}))
    with pytest.raises(SpecError, match=r"replay\(epoch=\): got"):
        loader.replay(wrong, 3)
    loader.epoch = np.int64(2)
    assert json.dumps(loader.state_dict())


@pytest.mark.parametrize("repeat", [True, False])
def test_nothing_goes_on_behind_an_error(tmp_path, repeat) -> None:
    for k in range(40):
        Image.new("RGB", (9, 9), (k, 0, 0)).save(tmp_path / f"{k:02}.png")
    (tmp_path / "03.png").write_bytes(b"no picture")
    source = feed.folder(tmp_path, labels=None)
    loader = Loader(source, Pipeline([feed.Resize((4, 4))]), batch_size=2, shuffle=False, repeat=repeat)
    with pytest.raises(feed.DecodeError) as raised:
        list(loader)
    assert not list(run._open_runs)
    assert raised.value.path.endswith("03.png")


# ---------------------------------------------------------------- shards


def test_shards_begin_where_the_loader_stands() -> None:
    loader = Loader(pictures(), RANDOM, batch_size=40, seed=1)
    loader.load_state_dict(loader.state_dict() | {"epoch": 2, "batch": 1})
    shards = [loader.shard(rank, 2) for rank in range(2)]
    joined = [np.concatenate([images for images, _ in parts]) for parts in zip(*shards, strict=True)]
    expected = [images for images, _ in loader]
    assert len(joined) == len(expected) == 2
    for ours, whole in zip(joined, expected, strict=True):
        np.testing.assert_array_equal(ours, whole)


@pytest.mark.parametrize("world", range(1, 8))
@pytest.mark.parametrize("count", [420, 419, 421, 845, 1000])
@pytest.mark.parametrize("drop_last", [True, False])
def test_every_record_is_on_one_shard(world, count, drop_last) -> None:
    shards = [order(count=count, batch_size=420, rank=rank, world=world, drop_last=drop_last) for rank in range(world)]
    records, padded = [], 0
    for portions in zip(*(shard.batches(1) for shard in shards), strict=True):
        assert len({len(portion.records) for portion in portions}) == 1
        for portion in portions:
            records += portion.records[: len(portion.records) - portion.padding].tolist()
            padded += portion.padding
            assert set(portion.records.tolist()) <= set(range(count))
    assert len(set(records)) == len(records) == (count // 420 * 420 if drop_last else count)
    assert padded == (0 if drop_last else -(count % 420) % world)


def test_shards_together_are_the_batch() -> None:
    loader = Loader(pictures(), RANDOM, batch_size=12, seed=9)
    shards = [loader.shard(rank, 4) for rank in range(4)]
    for epoch in range(2):
        for whole, *parts in zip(loader.batches(epoch), *(shard.batches(epoch) for shard in shards), strict=True):
            images = np.concatenate([part.images[: len(part.images) - part.padding] for part in parts])
            np.testing.assert_array_equal(images, whole.images)
    assert sum(batch.padding for shard in shards for batch in shard.batches(0)) == 2
    assert pickle.loads(pickle.dumps(shards[1]))._order.rank == 1
    assert "shard 1 of 4" in repr(shards[1])


def test_wrong_shards_are_refused() -> None:
    loader = Loader(pictures(), RANDOM, batch_size=12)
    for rank, world, message in (
        (0, 5, "does not divide batch_size=12"),
        (0, 0, "does not divide"),
        (4, 4, "expected 0 to 3"),
        (-1, 4, "expected 0 to 3"),
    ):
        with pytest.raises(SpecError, match=message):
            loader.shard(rank, world)
    with pytest.raises(SpecError, match="this is shard 1 of 4"):
        loader.shard(1, 4).shard(0, 3)


# ---------------------------------------------------------------- state


def rest(loader: Loader) -> list[bytes]:
    return [images.tobytes() + labels.tobytes() for images, labels in loader]


@pytest.mark.parametrize("changes", [{}, {"steps_per_epoch": 5}, {"sampling": np.arange(90.0)}, {"drop_last": True}])
def test_the_rest_is_the_same_from_every_batch(changes) -> None:
    arguments = {"batch_size": 20, "seed": 6, **changes}
    whole = Loader(pictures(), RANDOM, **arguments)
    expected = [rest(whole), rest(whole)]
    for stop in range(len(whole) + 1):
        loader = Loader(pictures(), RANDOM, **arguments)
        batches = iter(loader)
        for _ in range(stop):
            next(batches)
        state = json.loads(json.dumps(loader.state_dict()))
        again = Loader(pictures(), RANDOM, **arguments, threads=1 + stop % 3, prefetch=1 + stop)
        again.load_state_dict(state)
        if stop == len(whole):
            assert (state["epoch"], state["batch"]) == (1, 0)
        else:
            assert rest(again) == expected[0][stop:]
        assert rest(again) == expected[1]


def test_a_state_may_be_taken_up_by_other_shards() -> None:
    loader = Loader(pictures(), RANDOM, batch_size=12, seed=6)
    batches = iter(loader.shard(1, 2))
    shard = loader.shard(1, 2)
    batches = iter(shard)
    for _ in range(3):
        next(batches)
    others = [loader.shard(rank, 3) for rank in range(3)]
    for one in others:
        one.load_state_dict(shard.state_dict())
    for expected, *parts in zip(loader.batches(0, start=3), *others, strict=True):
        assert set(np.concatenate([labels for _, labels in parts]).tolist()) == set(expected.targets.tolist())


def test_setting_the_epoch_and_breaking_off_are_stood_by() -> None:
    loader = Loader(pictures(), RANDOM, batch_size=20)
    next(iter(loader))
    assert loader.state_dict()["batch"] == 1
    assert (loader.epoch, loader.state_dict()["epoch"]) == (1, 0)
    loader.epoch = 5
    assert (loader.state_dict()["epoch"], loader.state_dict()["batch"]) == (5, 0)
    loader.replay(1, 3)
    loader[2]
    assert (loader.state_dict()["epoch"], loader.state_dict()["batch"]) == (5, 0)


def test_a_state_is_small_and_refused_elsewhere() -> None:
    source = pictures()
    loader = Loader(source, RANDOM, batch_size=20, seed=2**64 - 1)
    loader.epoch = 2**40
    state = loader.state_dict()
    assert len(json.dumps(state)) < 1000
    for other, message in (
        (Loader(source, RANDOM, batch_size=20), "make the Loader with seed=18446744073709551615"),
        (Loader(pictures(91), RANDOM, batch_size=20, seed=2**64 - 1), "the source has other records"),
        (Loader(source, Pipeline([]), batch_size=20, seed=2**64 - 1), "the pipeline has other steps"),
        (Loader(source, RANDOM, batch_size=10, seed=2**64 - 1), "batch_size, shuffle, drop_last"),
    ):
        with pytest.raises(SpecError, match=message):
            other.load_state_dict(state)
    with pytest.raises(SpecError, match="got version None"):
        loader.load_state_dict({})
    with pytest.raises(SpecError, match="an epoch has batches 0 to 4"):
        loader.load_state_dict(state | {"batch": 5})
