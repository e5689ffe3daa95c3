"""The inverse root of a matrix without eigenvectors, against NumPy's eigenvectors; and what memory it takes."""

import tracemalloc

import numpy as np
import pytest

from imagefeed.compat.inverse_root import inverse_root


def matrix(size: int, reach: float, rng: np.random.Generator) -> np.ndarray:
    """Symmetric, with singular values from 1 to `reach`."""
    vectors = np.linalg.qr(rng.normal(size=(size, size)))[0] * np.geomspace(1.0, reach, size)
    return vectors @ vectors.T


def by_eigenvectors(given: np.ndarray, epsilon: float) -> np.ndarray:
    squares, vectors = np.linalg.eigh(given)
    return (vectors / (np.sqrt(np.maximum(squares, 0.0)) + epsilon)) @ vectors.T


@pytest.mark.parametrize("size", [1, 3, 63, 64, 65, 130, 450])
@pytest.mark.parametrize(("reach", "epsilon"), [(1.0, 0.0), (100.0, 1e-6), (1e4, 1.0), (1e4, 1e3)])
def test_it_is_that_of_the_eigenvectors(size, reach, epsilon, rng) -> None:
    given = matrix(size, reach, rng)
    expected = by_eigenvectors(given, epsilon)
    made = inverse_root(given.copy(), epsilon)
    assert made.dtype == np.float32
    assert abs(made - expected).max() < 4e-6 * abs(expected).max()
    np.testing.assert_array_equal(made, made.T)


@pytest.mark.parametrize("rank", [0, 40, 90])
def test_directions_without_variance_harm_no_others(rank, rng) -> None:
    rows = rng.normal(size=(rank, 100))
    made = inverse_root(rows.T @ rows, 1e-3)
    assert np.isfinite(made).all()
    if rank:
        roots = np.linalg.svd(rows)[1]
        within = np.linalg.svd(rows @ made.astype(np.float64))[1]
        np.testing.assert_allclose(within, (roots / (roots + 1e-3)), rtol=1e-2)


def test_the_largest_temporary_is_no_larger_than_twice_the_matrix(rng) -> None:
    given = matrix(1500, 1e3, rng)
    inverse_root(given[:70, :70].copy(), 1e-6)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    inverse_root(given, 1e-6)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert peak < 2 * given.nbytes  # with the result, and all of them together
