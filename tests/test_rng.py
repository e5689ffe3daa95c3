import numpy as np
import pytest

from imagefeed import rng


def numpy_stream(seed: int, epoch: int, step: int, record: int, count: int) -> np.ndarray:
    """The same numbers from NumPy's own Philox."""
    key, counter = (np.array(words, np.uint64) for words in ((seed, epoch), (0, step, record, 0)))
    return (np.random.Philox(key=key, counter=counter).random_raw(count) >> np.uint64(11)) * 2.0**-53


def uniform(steps: list[int], counts: list[int], records: list[int], seed: int = 7, epoch: int = 0) -> np.ndarray:
    return rng.uniform(seed, epoch, *(np.array(a, np.int64) for a in (steps, counts, records)))


@pytest.mark.parametrize("seed", [0, 7, 2**64 - 1])
@pytest.mark.parametrize("epoch", [0, 3])
def test_numbers_are_those_of_numpy_philox(seed: int, epoch: int) -> None:
    numbers = uniform([0, 5], [3, 9], [0, 12345678901], seed, epoch)
    assert numbers.shape == (2, 12)
    for row, record in zip(numbers, (0, 12345678901), strict=True):
        first = numpy_stream(seed, epoch, 0, record, 3)
        second = numpy_stream(seed, epoch, 5, record, 9)
        np.testing.assert_array_equal(row, np.concatenate([first, second]))


def test_numbers_depend_on_their_key_alone() -> None:
    whole = uniform([1, 4], [6, 2], [3, 1, 2])
    np.testing.assert_array_equal(uniform([4], [2], [2, 3]), whole[[2, 0], 6:])
    assert len(np.unique(whole)) == whole.size


def test_numbers_fill_the_unit_interval() -> None:
    numbers = uniform([0], [4], list(range(5000)))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts, _ = np.histogram(numbers, bins=20, range=(0, 1))
    assert abs(counts - 1000).max() < 150  # five standard deviations


def test_no_steps_give_no_numbers() -> None:
    assert uniform([], [], [1, 2]).shape == (2, 0)
