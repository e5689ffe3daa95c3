"""The ops as values, and the rules by which neighbors become one."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from imagefeed import SpecError, array_ops
from imagefeed.fusing import fuse
from imagefeed.ops import ColorMatrix, Host, Lut, Normalize, Op, Warp, extent_after

ROWS = 3


def warp(**changes: object) -> Warp:
    fields = {"matrix": np.eye(3)[None], "interpolation": "bilinear", "border": "reflect"} | changes
    return Warp(**fields)  # type: ignore[arg-type]


def color(seed: int, rows: int = ROWS, *, diagonal: bool = True) -> ColorMatrix:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(0, 1, (rows, 3, 4)) * [1, 1, 1, 100]
    if diagonal:
        matrix[:, :, :3] *= np.eye(3)
    low, high = np.sort(rng.uniform(0, 255, (2, rows, 3)), axis=0)
    return ColorMatrix(matrix=matrix, low=low, high=high, diagonal=diagonal)


def pixels(seed: int = 0, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (4, 5, channels))


def done(image: np.ndarray, row: int, *ops: Op) -> np.ndarray:
    for op in ops:
        image = array_ops.pointwise(image[None], array_ops.row_of(op, row), np)[0]  # type: ignore[arg-type]
    return image


@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([(ROWS, ROWS), (1, ROWS), (ROWS, 1), (1, 1)]))
def test_diagonal_color_matrices_fuse_exactly(seed: int, rows: tuple[int, int]) -> None:
    first, second = color(seed, rows[0]), color(seed + 1, rows[1])
    both = fuse(first, second, np)
    assert isinstance(both, ColorMatrix)
    assert both.matrix.shape[0] == max(rows)
    assert (both.low <= both.high).all()
    for row in range(max(rows)):
        expected = done(pixels(seed), row, first, second)
        np.testing.assert_allclose(done(pixels(seed), row, both), expected, atol=1e-9)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([(ROWS, ROWS), (1, ROWS), (ROWS, 1)]), st.sampled_from([1, 3]))
def test_tables_fuse_exactly(seed: int, rows: tuple[int, int], channels: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (
        Lut(table=rng.integers(0, 256, (n, 256, c), np.uint8)) for n, c in zip(rows, (channels, 3), strict=True)
    )
    both = fuse(first, second, np)
    assert isinstance(both, Lut)
    for row in range(ROWS):
        expected = done(pixels(seed), row, first, second)
        np.testing.assert_array_equal(done(pixels(seed), row, both), expected)


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_normalizations_fuse(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = Normalize(scale=rng.normal(size=1), bias=rng.normal(size=1))
    second = Normalize(scale=rng.normal(size=3), bias=rng.normal(size=3))
    both = fuse(first, second, np)
    assert isinstance(both, Normalize)
    expected = (pixels() * first.scale + first.bias) * second.scale + second.bias
    np.testing.assert_allclose(done(pixels(), 0, both), expected, atol=1e-9)


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_warps_fuse_to_the_map_of_one_after_the_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (warp(matrix=rng.normal(size=(n, 3, 3))) for n in (ROWS, 1))
    both = fuse(first, second, np)
    assert isinstance(both, Warp)
    point = np.array([3.0, 4.0, 1.0])
    for row in range(ROWS):
        middle = second.matrix[0] @ point  # the second's output is looked up in the first's
        np.testing.assert_allclose(both.matrix[row] @ point, first.matrix[row] @ middle, atol=1e-9)


OPTIONS = [
    {"interpolation": i, "border": b, "antialias": a, "fill": f}
    for i, b, a, f in product((None, "nearest", "bilinear"), (None, "constant", "wrap"), (True, False), (0.0, 9.0))
]


@pytest.mark.parametrize("second", OPTIONS, ids=lambda o: "-".join(map(str, o.values())))
def test_warps_fuse_where_their_options_agree(second: dict[str, object]) -> None:
    for first in OPTIONS:
        both = fuse(warp(**first), warp(**second), np)
        sampled = [o for o in (first, second) if o["interpolation"] is not None]
        bordered = [o for o in (first, second) if o["border"] is not None]
        how = {(o["interpolation"], o["antialias"]) for o in sampled}
        outside = {(o["border"], o["fill"] if o["border"] == "constant" else 0) for o in bordered}
        assert (both is not None) == (len(how) < 2 and len(outside) < 2), (first, second)
        if both is not None:
            assert isinstance(both, Warp)
            assert not sampled or (both.interpolation, both.antialias) in how
            assert not bordered or both.border == bordered[0]["border"]
            assert both.border != "constant" or both.fill == bordered[0]["fill"]


def test_a_fused_warp_has_the_last_size_that_was_said() -> None:
    small, large = np.array([[2, 3]]), np.array([[20, 30]])
    assert fuse(warp(size=small), warp(size=large), np).size is large  # type: ignore[union-attr]
    assert fuse(warp(size=small), warp(size=None), np).size is small  # type: ignore[union-attr]


def test_what_stays_two() -> None:
    table = Lut(table=np.zeros((1, 256, 1), np.uint8))
    normalize = Normalize(scale=np.ones(1), bias=np.zeros(1))
    stay = [
        (warp(), color(0)),
        (color(0), warp()),
        (color(0), color(1, diagonal=False)),
        (color(0, diagonal=False), color(1)),
        (color(0), table),
        (table, color(0)),
        (warp(), normalize),
        (color(0), normalize),
        (warp(), Host(function=np.copy)),
    ]
    for first, second in stay:
        assert fuse(first, second, np) is None, (first, second)
    for op in (warp(), color(0), table, Host(function=np.copy)):
        with pytest.raises(SpecError, match=f"{type(op).__name__} works on levels, but comes after Normalize"):
            fuse(normalize, op, np)


MASK = np.array([True, False, True])
EXTENT = np.array([5.0, 6.0, 7.0]), np.array([8.0, 9.0, 10.0])


def test_a_masked_warp_leaves_a_record_as_it_is() -> None:
    matrix, size = np.random.default_rng(0).normal(size=(1, 3, 3)), np.array([[2, 3]])
    masked = warp(matrix=matrix, size=size).masked(MASK, EXTENT, np)
    np.testing.assert_array_equal(masked.matrix, [matrix[0], np.eye(3), matrix[0]])
    np.testing.assert_array_equal(masked.size, [[2, 3], [6, 9], [2, 3]])
    assert masked.size.dtype == np.int64
    same = warp(matrix=matrix, size=None).masked(MASK, EXTENT, np)
    assert same.size is None


@pytest.mark.parametrize("op", [color(0), color(0, 1, diagonal=False)])
def test_a_masked_color_matrix_leaves_a_record_as_it_is(op: ColorMatrix) -> None:
    masked = op.masked(MASK, EXTENT, np)
    assert masked.diagonal == op.diagonal
    for row in range(3):
        expected = done(pixels(), row, op) if MASK[row] else pixels()
        np.testing.assert_array_equal(done(pixels(), row, masked), expected)


def test_a_masked_table_only_rounds() -> None:
    op = Lut(table=np.random.default_rng(0).integers(0, 256, (1, 256, 3), np.uint8))
    masked = op.masked(MASK, EXTENT, np)
    assert masked.table.dtype == np.uint8
    for row in range(3):
        expected = done(pixels(), row, op) if MASK[row] else np.rint(pixels())
        np.testing.assert_array_equal(done(pixels(), row, masked), expected)


def test_a_normalization_cannot_be_masked() -> None:
    with pytest.raises(SpecError, match="Normalize: a batch has one unit"):
        Normalize(scale=np.ones(1), bias=np.ones(1)).masked(MASK, EXTENT, np)


def test_only_a_warp_changes_the_extent() -> None:
    assert extent_after(color(0), EXTENT, np) is EXTENT
    assert extent_after(warp(size=None), EXTENT, np) is EXTENT
    height, width = extent_after(warp(size=np.array([[2, 3]])), EXTENT, np)
    assert (height.tolist(), width.tolist(), height.dtype) == ([2.0], [3.0], np.float64)


IMAGE = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)


def test_a_host_function_gets_the_picture_and_its_own_generator() -> None:
    def noise(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return generator.integers(0, 256, image.shape, np.uint8)

    host = Host(function=noise, seeds=np.array([4, 5, 4]))
    np.testing.assert_array_equal(host(IMAGE, 0), noise(IMAGE, np.random.default_rng(4)))
    np.testing.assert_array_equal(host(IMAGE, 0), host(IMAGE, 2))
    assert (host(IMAGE, 0) != host(IMAGE, 1)).any()


def test_a_masked_host_function_is_not_called() -> None:
    host = Host(function=lambda image: image[::-1]).masked(MASK, EXTENT, np)
    np.testing.assert_array_equal(host(IMAGE, 0), IMAGE[::-1])
    assert host(IMAGE, 1) is IMAGE
    twice = host.masked(np.array([False, True, True]), EXTENT, np)
    assert twice.mask is not None
    assert twice.mask.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda image: image / 255, r"returned float64 of shape \(4, 5, 3\); expected uint8"),
        (
            lambda image: image[0],
            r"returned uint8 of shape \(5, 3\); expected uint8 \(height, width, channels\)",
        ),
        (lambda image: image[:0], r"returned uint8 of shape \(0, 5, 3\)"),
        (lambda image: None, "returned NoneType; expected a NumPy array"),
    ],
)
def test_a_host_function_must_return_a_picture(function: Callable[..., np.ndarray], message: str) -> None:
    with pytest.raises(SpecError, match=r"Apply\(.*<lambda>\): " + message):
        Host(function=function)(IMAGE, 0)
