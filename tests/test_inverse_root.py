"""The inverse root of a matrix without eigenvectors, against NumPy's eigenvectors; and what memory it takes."""

import errno
import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imagefeed.compat.inverse_root import Reduced
from imagefeed.compat.pages import zeros


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
    made = Reduced.of(given.copy()).inverse_root(epsilon)
    assert made.dtype == np.float32
    assert abs(made - expected).max() < 4e-6 * abs(expected).max()
    np.testing.assert_array_equal(made, made.T)


@pytest.mark.parametrize("rank", [0, 40, 90])
def test_directions_without_variance_harm_no_others(rank, rng) -> None:
    rows = rng.normal(size=(rank, 100))
    made = Reduced.of(rows.T @ rows).inverse_root(1e-3)
    assert np.isfinite(made).all()
    if rank:
        roots = np.linalg.svd(rows)[1]
        within = np.linalg.svd(rows @ made.astype(np.float64))[1]
        np.testing.assert_allclose(within, (roots / (roots + 1e-3)), rtol=1e-2)


FIT = """
import re
from pathlib import Path
import numpy as np
from imagefeed import ImageDataGenerator

def most():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

generator = ImageDataGenerator(featurewise_center=True, zca_whitening=True)
images = np.random.default_rng(0).integers(0, 256, (2200, 26, 26, 3), np.uint8)
generator.fit(images[:64])
Path("/proc/self/clear_refs").write_text("5")
before = most()
generator.fit(images)
print((most() - before) / (8 * (26 * 26 * 3) ** 2))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="asks Linux for the most that was resident")
def test_a_fit_takes_little_more_than_its_covariance() -> None:
    """With the result, the covariance itself in double precision, and all that comes in between."""
    done = subprocess.run([sys.executable, "-c", FIT], capture_output=True, text=True, timeout=300, check=True)
    assert float(done.stdout) < 1.8


@pytest.mark.parametrize("partly", [False, True])
def test_pages_are_zeros_that_may_be_written_to(partly) -> None:
    made = zeros((3, 5, 700), np.float32, partly=partly)
    assert made.shape == (3, 5, 700)
    assert made.dtype == np.float32
    assert not made.any()
    made[1] = 2.0
    assert made.sum() == 7000.0
    assert zeros((0, 4), np.float64).shape == (0, 4)


def test_pages_are_made_where_the_kernel_has_no_huge_ones(monkeypatch) -> None:
    class Plain(mmap.mmap):
        def madvise(self, *_) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(mmap, "mmap", Plain)
    assert not zeros((3, 5), np.float32, partly=True).any()
