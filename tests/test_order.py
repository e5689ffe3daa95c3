"""The order of an epoch."""

import itertools
import pickle
import time
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from imagefeed import DecodeError, HorizontalFlip, Loader, Pipeline, arrays
from imagefeed.group import Batch
from imagefeed.order import Order, Portion, shuffled


def order(count: int, seed: int = 0, epoch: int = 0) -> list[int]:
    return shuffled(np.arange(count), count, seed=seed, epoch=epoch).tolist()


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_an_epoch_has_every_record_once(count: int, seed: int, epoch: int) -> None:
    assert sorted(order(count, seed, epoch)) == list(range(count))


@pytest.mark.parametrize("count", [*range(1, 70), 2**10 - 1, 2**10, 2**10 + 1, 2**16 + 1])
def test_every_count_is_permuted(count: int) -> None:
    assert sorted(order(count)) == list(range(count))


@settings(deadline=None)
@given(st.integers(1, 3000), st.data())
def test_a_position_can_be_asked_for_by_itself(count: int, data: st.DataObject) -> None:
    whole = order(count, 5, 6)
    positions = data.draw(st.lists(st.integers(0, count - 1), max_size=9))
    some = shuffled(np.array(positions, np.int64), count, seed=5, epoch=6)
    assert some.dtype == np.int64
    assert some.tolist() == [whole[k] for k in positions]


def defined(positions: list[int], count: int, seed: int, epoch: int) -> list[int]:
    """The order as its definition reads: a Feistel network of six rounds, walked along until below the count."""
    half = max(1, (max(count - 1, 1).bit_length() + 1) // 2)
    keys = [int(key) for key in np.random.Philox(key=np.array([seed, epoch], np.uint64)).random_raw(6)]

    def mix(value: int) -> int:
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
        return value ^ value >> 31

    def encrypted(value: int) -> int:
        left, right = value >> half, value % 2**half
        for key in keys:
            left, right = right, left ^ mix(right ^ key) % 2**half
        return left << half | right

    found = []
    for value in positions:
        value = encrypted(value)
        while value >= count:
            value = encrypted(value)
        found.append(value)
    return found


@settings(deadline=None)
@given(st.one_of(st.integers(1, 300), st.integers(1, 2**62)), st.integers(0, 2**64 - 1), st.data())
def test_the_order_is_the_one_that_is_defined(count: int, seed: int, data: st.DataObject) -> None:
    positions = data.draw(st.lists(st.integers(0, count - 1), max_size=6))
    found = shuffled(np.array(positions, np.int64), count, seed=seed, epoch=3)
    assert found.tolist() == defined(positions, count, seed, 3)


def test_a_position_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="below count"):
        shuffled(np.array([5]), 5, seed=0, epoch=0)


def test_orders_differ_by_seed_and_by_epoch() -> None:
    orders = {tuple(order(50, seed, epoch)) for seed in range(8) for epoch in range(8)}
    assert len(orders) == 64


@pytest.mark.parametrize("seed", [2**63, 2**64 - 2, 2**64 - 1])
def test_large_seeds_are_told_apart(seed: int) -> None:
    assert order(50, seed) != order(50, seed - 1)
    assert order(50, 0, seed) != order(50, 0, seed - 1)


def test_an_order_is_the_same_for_ever() -> None:
    """A change of these numbers changes what a seed means: it belongs into the changelog."""
    assert order(10, seed=7, epoch=0) == [3, 0, 9, 1, 6, 8, 5, 7, 4, 2]


def test_a_place_in_an_order_of_a_trillion_is_found_at_once() -> None:
    begin = time.perf_counter()
    found = shuffled(np.array([0, 10**12 - 1, 123_456_789_012]), 10**12, seed=1, epoch=2)
    assert time.perf_counter() - begin < 0.1
    assert len(set(found.tolist())) == 3
    assert (found >= 0).all()
    assert (found < 10**12).all()


def test_every_order_of_a_few_records_is_about_as_likely() -> None:
    epochs = 6000
    counts = dict.fromkeys(itertools.permutations(range(4)), 0)
    for epoch in range(epochs):
        counts[tuple(order(4, 3, epoch))] += 1
    expected = epochs / len(counts)
    chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi_square < 49.7  # 23 degrees of freedom: one in a thousand


def test_every_record_is_about_as_likely_at_every_place() -> None:
    count, epochs = 13, 4000
    seen = np.zeros((count, count))
    for epoch in range(epochs):
        seen[np.arange(count), order(count, 9, epoch)] += 1
    expected = epochs / count
    chi_square = ((seen - expected) ** 2 / expected).sum()
    assert chi_square < 203  # 144 degrees of freedom: one in a thousand


def test_neighbors_are_not_kept_together() -> None:
    far = abs(np.diff(order(10_000)))
    assert abs(far.mean() - 10_000 / 3) < 200  # of a uniform order; its deviation is 24
    assert (far == 1).sum() < 15  # two expected


@pytest.mark.parametrize("world", [1, 2])
def test_some_batches_of_an_epoch_are_those_of_the_whole(world: int) -> None:
    some = Order(count=331, batch_size=4, seed=1, shuffle=True, rank=world - 1, world=world)
    whole = [portion.records.tolist() for portion in some.batches(3)]
    for start, stop in ((0, 1), (5, 70), (64, 83), (80, 900), (7, 7)):
        assert [portion.records.tolist() for portion in some.batches(3, start, stop)] == whole[start:stop]


@pytest.mark.parametrize("isolate", [False, pytest.param(True, marks=pytest.mark.skipif("sys.platform == 'win32'"))])
def test_a_loader_gives_some_batches_of_an_epoch(isolate: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 3), np.uint8)
    loader = Loader(arrays(images), Pipeline([HorizontalFlip()]), batch_size=4, isolate=isolate)
    whole = [batch.images.tolist() for batch in loader.batches(2)]
    assert [batch.images.tolist() for batch in loader.batches(2, start=3, stop=6)] == whole[3:6]
    assert list(loader.batches(2, start=3, stop=3)) == []


def test_batches_and_portions_travel_whole() -> None:
    """What they hold stands in the order of their fields, wherever they come from."""
    portion = Portion(np.arange(3), np.arange(3) + 7, 1, 5)
    bad = (DecodeError("a.jpg", "cut"),)
    batch = Batch(
        np.ones((2, 4, 4, 3)), np.arange(2), np.arange(2) + 1, np.arange(2) + 8, 1, bad, np.array([2]), portion
    )
    for one in (portion, batch):
        come = pickle.loads(pickle.dumps(one, protocol=5))
        assert {f.name: str(getattr(come, f.name)) for f in fields(come)} == {
            f.name: str(getattr(one, f.name)) for f in fields(one)
        }


@pytest.mark.skipif("sys.platform == 'win32'")
def test_targets_from_another_process_can_be_written_to() -> None:
    images = np.zeros((6, 4, 4, 3), np.uint8)
    loader = Loader(arrays(images, np.arange(6)), Pipeline([]), batch_size=3, isolate=True, shuffle=False)
    for made, labels in loader:
        labels += 1
        made += 1
        assert labels.max() <= 6
        assert (made == 1).all()
