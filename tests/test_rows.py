"""Rows of pictures in memory that are copied or resized where they are read, by every instruction set."""

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import _native

SIMD = ("portable", "avx2", "avx512")


@pytest.fixture(params=SIMD, autouse=True)
def simd(request):
    before = _native.simd()
    if not _native.select_simd(request.param):
        pytest.skip(f"this processor or build has no {request.param} kernels")
    yield
    _native.select_simd(before)


def batch(source: feed.Source, *steps: feed.Transform) -> np.ndarray:
    options = {"batch_size": len(source), "dtype": "uint8", "shuffle": False, "threads": 1}
    return next(iter(feed.Loader(source, feed.Pipeline(list(steps)), **options)))


@pytest.mark.parametrize("shape", [(130, 127, 3), (131, 165, 1), (260, 17, 4), (40, 700, 3), (2000, 9, 1)])
def test_rows_are_copied_as_numpy_copies_them(shape) -> None:
    """Large ones past the caches, line by line; a row begins and ends anywhere in one."""
    pictures = np.random.default_rng(0).integers(0, 256, (3, *shape), np.uint8)
    source, (height, width, _) = feed.arrays(pictures), shape
    np.testing.assert_array_equal(batch(source, feed.VerticalFlip(probability=1)), pictures[:, ::-1])
    inner = batch(source, feed.CenterCrop((height - 6, width - 4)))
    np.testing.assert_array_equal(inner, pictures[:, 3:-3, 2:-2])


def test_a_record_is_resized_by_its_own_weights() -> None:
    """Pictures of several sizes in turn: weights are kept for the next record, where it asks for the same ones."""
    rng = np.random.default_rng(1)
    sizes = [(64, 80), (64, 80), (200, 33), (64, 80), (80, 64), (301, 300), (31, 24)]
    pictures = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    ours = batch(feed.concat(*(feed.arrays(one[None]) for one in pictures)), feed.Resize((31, 24)))
    for made, one in zip(ours, pictures, strict=True):
        theirs = np.asarray(Image.fromarray(one).resize((24, 31), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(made.astype(int), theirs.astype(int), atol=1)


@pytest.mark.parametrize("border", ["wrap", "reflect", "replicate", "constant"])
def test_rows_beyond_a_border_are_the_borders(border) -> None:
    """Rows are read through a ring, which holds those on both sides of a picture's edge too."""
    pictures = np.random.default_rng(2).integers(0, 256, (4, 50, 40, 3), np.uint8)
    shifted = feed.Affine(degrees=(0, 0), x=(0, 0), y=(0.31, 0.31), zoom=(1, 1), border=border)
    mode = {"wrap": "wrap", "reflect": "symmetric", "replicate": "edge", "constant": "constant"}[border]
    # 0.31 of the height are 15.5 rows: each is the mean of two. The picture moves down.
    padded = np.pad(pictures, ((0, 0), (16, 16), (0, 0), (0, 0)), mode).astype(float)
    means = (padded[:, :50] + padded[:, 1:51]) / 2
    np.testing.assert_allclose(batch(feed.arrays(pictures), shifted).astype(float), means, atol=0.51)
