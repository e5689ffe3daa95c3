"""The array ops against oracles that are not ours: Pillow for resizing and color, SciPy for any matrix."""

from collections.abc import Callable
from pathlib import Path

import array_api_strict
import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy import ndimage

import imagefeed as feed
from imagefeed import array_ops
from imagefeed.ops import ColorMatrix, Lut, Normalize, Warp
from imagefeed.plan import Pass, plan

KERNELS = ["box", "bilinear", "hamming", "bicubic", "lanczos"]
# Ours, and SciPy's name for the same.
BORDERS = {"constant": "grid-constant", "replicate": "nearest", "reflect": "reflect", "wrap": "grid-wrap"}


def noise(height: int = 40, width: int = 31, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, channels), np.uint8)


def edges() -> np.ndarray:
    """Black and white only: what overshoots most."""
    return (np.random.default_rng(2).random((37, 45, 1)) < 0.5).astype(np.uint8).repeat(3, axis=2) * 255


def warped(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], **options: object) -> np.ndarray:
    fields = {"interpolation": "bilinear", "border": "reflect", "antialias": False} | options
    op = Warp(matrix=np.asarray(matrix, float)[None], size=np.array([size]), **fields)  # type: ignore[arg-type]
    return array_ops.run([Pass(op, ())], image, 0, np.float64)


def upright(box: tuple[float, float, float, float], size: tuple[int, int]) -> np.ndarray:
    """The matrix that brings the box (left, top, right, bottom) to a size."""
    left, top, right, bottom = box
    return np.array([[(right - left) / size[1], 0, left], [0, (bottom - top) / size[0], top], [0, 0, 1]])


def pillow(image: np.ndarray, size: tuple[int, int], kernel: str, box: tuple[float, ...] | None = None) -> np.ndarray:
    resized = Image.fromarray(image).resize(size[::-1], Image.Resampling[kernel.upper()], box=box)
    return np.asarray(resized).astype(float)


@pytest.fixture(scope="module")
def photograph(data: Callable[[str], Path]) -> np.ndarray:
    return np.asarray(Image.open(sorted(data("cats_dogs/train/cats").iterdir())[3]).convert("RGB"))


SIZES = [(9, 50), (60, 9), (19, 23), (70, 80), (39, 31), (12, 44)]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", SIZES)
def test_a_resize_is_pillows(kernel: str, size: tuple[int, int]) -> None:
    for image in (noise(), edges()):
        full = (0, 0, image.shape[1], image.shape[0])
        ours = warped(image, upright(full, size), size, interpolation=kernel, border=None, antialias=True)
        assert abs(array_ops.to_levels(ours, np) - pillow(image, size, kernel)).max() <= 1


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_resize_of_a_photograph_is_pillows(kernel: str, photograph: np.ndarray) -> None:
    full = (0, 0, photograph.shape[1], photograph.shape[0])
    for size in ((224, 224), (100, 30), (300, 700)):
        ours = warped(photograph, upright(full, size), size, interpolation=kernel, border=None, antialias=True)
        assert abs(array_ops.to_levels(ours, np) - pillow(photograph, size, kernel)).max() <= 1


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic", "lanczos"])
def test_a_box_is_pillows(kernel: str) -> None:
    image, box = noise(), (3.3, 5.0, 20.7, 39.5)
    for size in ((8, 9), (50, 60)):
        ours = warped(image, upright(box, size), size, interpolation=kernel, border=None, antialias=True)
        assert abs(array_ops.to_levels(ours, np) - pillow(image, size, kernel, box)).max() <= 1


def test_nearest_takes_the_pixel_that_holds_the_center() -> None:
    image = noise()
    ours = warped(image, upright((0, 0, 31, 40), (23, 50)), (23, 50), interpolation="nearest", border=None)
    rows = np.floor((np.arange(23) + 0.5) * 40 / 23).astype(int)
    columns = np.floor((np.arange(50) + 0.5) * 31 / 50).astype(int)
    np.testing.assert_array_equal(ours, image[rows][:, columns])


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("kernel", ["box", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_an_upright_border_is_that_of_a_padded_picture(border: str, kernel: str, flip: float) -> None:
    image, pad = noise(), 90
    mode = {"constant": "constant", "replicate": "edge", "reflect": "symmetric", "wrap": "wrap"}[border]
    fill = {"constant_values": 77} if border == "constant" else {}
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode, **fill)
    matrix = np.array([[1.7001 * flip, 0, 40.2 if flip < 0 else -20.1], [0, 2.5301, -30.3], [0, 0, 1]])
    inside = np.array([[1, 0, pad], [0, 1, pad], [0, 0, 1]]) @ matrix
    options = {"interpolation": kernel, "antialias": True}
    ours = warped(image, matrix, (33, 41), border=border, fill=77.0, **options)
    theirs = warped(padded, inside, (33, 41), border=None, **options)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


# No place lies on the edge of two pixels, where nearest is a matter of rounding.
MATRICES = {
    "turned": [[0.8003, 0.6001, -9.0], [-0.6001, 0.8003, 12.0], [0, 0, 1]],
    "grown": [[0.3107, -0.2003, 4.0], [0.1007, 0.4003, -3.0], [0, 0, 1]],
    "far": [[3.1007, 0.3003, -70.0], [-0.2003, 2.8007, -60.0], [0, 0, 1]],
    "mirrored": [[-1.0003, 0.0107, 30.0], [0.0207, 1.0003, 0.0], [0, 0, 1]],
}


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("order", [0, 1])
def test_a_warp_is_scipys(matrix: list[list[float]], border: str, order: int) -> None:
    image, m = noise(), np.array(matrix)
    kernel = ["nearest", "bilinear"][order]
    ours = warped(image, m, (50, 45), border=border, fill=33.0, interpolation=kernel)
    # SciPy's axes are (y, x) and its coordinates those of pixel centers, half a pixel from ours.
    linear = m[:2, :2][::-1, ::-1]
    shift = m[:2, 2][::-1] + linear @ [0.5, 0.5] - 0.5
    for channel in range(3):
        theirs = ndimage.affine_transform(
            image[..., channel].astype(float),
            linear,
            shift,
            (50, 45),
            order=order,
            mode=BORDERS[border],
            cval=33.0,
        )
        np.testing.assert_allclose(ours[..., channel], theirs, atol=1e-6)


def test_a_perspective_is_scipys() -> None:
    image, m = noise(), np.array([[0.9, 0.1, 2.0], [-0.1, 1.1, 3.0], [0.004, -0.003, 1.0]])
    y, x = np.mgrid[:50, :45] + 0.5
    places = np.einsum("ij,jhw->ihw", m, np.stack([x, y, np.ones_like(x)]))
    u, v = places[:2] / places[2] - 0.5
    ours = warped(image, m, (50, 45), border="wrap")
    for channel in range(3):
        theirs = ndimage.map_coordinates(image[..., channel].astype(float), [v, u], order=1, mode="grid-wrap")
        np.testing.assert_allclose(ours[..., channel], theirs, atol=1e-6)


def test_beyond_the_horizon_is_outside() -> None:
    # The places (10, 10 + y / w), with the horizon at x = 10; behind it they would be inside again.
    m = np.array([[-1.0, 0.0, 10.0], [-1.0, 1.0, 10.0], [-0.1, 0.0, 1.0]])
    ours = warped(noise(), m, (4, 20), border="constant", fill=33.0)
    assert (ours[:, 10:] == 33.0).all()
    assert (ours[:, :7] != 33.0).all(axis=2).any()
    assert np.isfinite(warped(noise(), m, (4, 20), border="reflect")).all()


def test_a_turned_warp_that_shrinks_reads_a_smaller_picture() -> None:
    image, (height, width) = noise(203, 148), (41, 30)  # shrunk by five, and rounded
    m = np.array([[4.0, 3.0, -30.0], [-3.0, 4.0, 60.0], [0, 0, 1]])
    small = pillow(image, (height, width), "bilinear")
    ours = warped(image, m, (40, 30), antialias=True)
    theirs = warped(small, np.diag([width / 148, height / 203, 1]) @ m, (40, 30))
    assert abs(ours - theirs).max() <= 1
    assert abs(ours - warped(image, m, (40, 30))).max() > 50


def test_the_smaller_picture_is_not_rounded() -> None:
    m = np.array([[2.0, 0.1, 0.0], [-0.1, 2.0, 0.0], [0, 0, 1]])
    image = noise(80, 60)
    levels, floats = (warped(picture, m, (30, 30), antialias=True) for picture in (image, image.astype(float)))
    np.testing.assert_array_equal(levels, floats)


def test_only_the_axis_that_shrinks_is_made_smaller() -> None:
    image = noise(80, 60)
    m = np.array([[0.5, 0.001, 0.0], [0.0, 4.0, 0.0], [0, 0, 1]])
    small = pillow(image, (20, 60), "bilinear")
    assert (
        abs(warped(image, m, (20, 120), antialias=True) - warped(small, np.diag([1, 0.25, 1]) @ m, (20, 120))).max()
        <= 1
    )


# ---------- color


def rendered(image: np.ndarray, *steps: feed.Transform, dtype: type = np.float64) -> np.ndarray:
    stage = feed.Pipeline(steps).stages()[0]
    result = plan(stage, np.array([image.shape[:2]]), np.zeros(1, np.int64), seed=0, epoch=0)
    return array_ops.run(result.passes, image, 0, dtype)


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.9])
def test_color_is_pillows(factor: float) -> None:
    image = noise()
    picture = Image.fromarray(image)
    for step, enhancer in ((feed.Brightness, ImageEnhance.Brightness), (feed.Saturation, ImageEnhance.Color)):
        theirs = np.asarray(enhancer(picture).enhance(factor)).astype(float)
        # Pillow rounds down, and rounds its gray before it is mixed in.
        assert abs(rendered(image, step(factor=(factor, factor))) - theirs).max() < 2
    gray = Image.new("RGB", picture.size, (128, 128, 128))
    theirs = np.asarray(Image.blend(gray, picture, factor)).astype(float)
    assert abs(rendered(image, feed.Contrast(factor=(factor, factor))) - theirs).max() < 2


@pytest.mark.parametrize("step", [feed.Saturation(factor=(0.3, 0.3)), feed.Brightness(factor=(0.3, 0.3))], ids=repr)
def test_gray_is_the_color_of_three_equal_channels(step: feed.Transform) -> None:
    gray = noise(channels=1)
    color = rendered(gray.repeat(3, axis=2), step)
    np.testing.assert_allclose(rendered(gray, step), color[..., :1], atol=1e-4)


def test_channels_after_the_third_are_treated_as_the_third() -> None:
    matrix = np.diag([1.0, 2.0, 3.0])
    op = ColorMatrix(
        matrix=np.c_[matrix, np.zeros(3)][None],
        low=np.zeros((1, 3)),
        high=np.full((1, 3), 255.0),
        diagonal=True,
    )
    ours = array_ops.pointwise(np.full((1, 1, 1, 5), 10.0), op, np)
    assert ours.ravel().tolist() == [10, 20, 30, 30, 30]


@pytest.mark.parametrize("columns", [1, 3])
def test_a_table_is_looked_up_at_the_rounded_level(columns: int) -> None:
    table = np.random.default_rng(0).integers(0, 256, (1, 256, columns), np.uint8)
    image = np.array([[[-3.0, 0.5, 1.5], [2.49, 254.5, 400.0]]])
    levels = np.array([[[0, 0, 2], [2, 254, 255]]])
    expected = table[0][levels, np.arange(3) % columns]
    np.testing.assert_array_equal(array_ops.pointwise(image[None], Lut(table=table), np)[0], expected)


def test_levels_are_rounded_half_to_even() -> None:
    assert array_ops.to_levels(np.array([-0.6, 0.5, 1.5, 2.4, 254.5, 255.5]), np).tolist() == [
        0,
        0,
        2,
        2,
        254,
        255,
    ]


def test_units_follow_one_another() -> None:
    image = noise()
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
    ours = rendered(image, feed.Rescale(1 / 255, offset=0.1), feed.Normalize(mean=mean, std=std))
    np.testing.assert_allclose(ours, (image / 255 + 0.1 - mean) / std, atol=1e-5)
    single = rendered(image, feed.Normalize(mean=5.0, std=(1.0, 2.0, 4.0)), dtype=np.float32)
    np.testing.assert_allclose(single, (image - np.float32(5)) / np.float32([1, 2, 4]), rtol=1e-5)
    assert single.dtype == np.float32


# ---------- any array library

STEPS = [
    (feed.RandomResizedCrop((12, 9)), feed.HorizontalFlip(probability=1.0)),
    (
        feed.Resize((12, 9), interpolation="lanczos"),
        feed.Saturation(factor=(0.5, 0.5)),
        feed.Rescale(1 / 255),
    ),
    (feed.Zoom(factor=(0.3, 0.3)), feed.Rotate(degrees=(30, 30)), feed.Contrast(factor=(2, 2))),
    (feed.Perspective(0.4, border="constant", fill=9), feed.CenterCrop((60, 60), border="constant", fill=9)),
]


@pytest.mark.parametrize("steps", STEPS, ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_array_library_gives_the_same(steps: tuple[feed.Transform, ...], dtype: str) -> None:
    stage = feed.Pipeline(steps).stages()[0]
    result = plan(stage, np.array([[40, 31]]), np.zeros(1, np.int64), seed=0, epoch=0)
    ours = array_ops.run(result.passes, noise(), 0, getattr(np, dtype))
    strict = array_ops.run(result.passes, array_api_strict.asarray(noise()), 0, getattr(array_api_strict, dtype))
    assert strict.dtype == getattr(array_api_strict, dtype)
    np.testing.assert_array_equal(np.asarray(strict), ours)


def test_places_are_sampled_for_a_batch_at_once() -> None:
    images = np.stack([noise(), noise()[::-1]]).astype(float)
    matrices = np.array([MATRICES["turned"], MATRICES["grown"]])
    for sample in (array_ops.sample_bilinear, array_ops.sample_nearest):
        x, y = array_ops.map_points(matrices, (20, 25), 0.0, np)
        both = sample(images, x, y, "wrap", 0.0, np)
        for k in range(2):
            alone = sample(images[k : k + 1], x[k : k + 1], y[k : k + 1], "wrap", 0.0, np)
            np.testing.assert_array_equal(both[k], alone[0])


def test_a_batch_is_resampled_at_once() -> None:
    images = np.stack([noise(), noise()[::-1]]).astype(float)
    options = {"interpolation": "bilinear", "border": None, "antialias": True, "copies": 0, "xp": np}
    y = array_ops.axis_weights(np.array([2.0, 1.5]), np.array([0.0, 3.0]), 20, 40, **options)
    x = array_ops.axis_weights(np.ones(1), np.zeros(1), 31, 31, **options)
    both = array_ops.resample(images, y, x, 0.0, np)
    alone = array_ops.resample(images[1:], (y[0][1:], y[1][1:]), x, 0.0, np)
    np.testing.assert_allclose(both[1], alone[0])
    assert both.shape == (2, 20, 31, 3)


def test_the_picture_is_not_written_into() -> None:
    image = noise()
    image.flags.writeable = False
    before = image.copy()
    for steps in STEPS:
        rendered(image, *steps)
    rendered(image.astype(float), feed.Rescale(2.0))
    np.testing.assert_array_equal(image, before)
    op = Normalize(scale=np.ones(1, np.float32), bias=np.zeros(1, np.float32))
    assert array_ops.pointwise(image[None].astype(np.float32), op, np).dtype == np.float32
