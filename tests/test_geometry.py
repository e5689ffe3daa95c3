"""What the geometric transforms do, seen by Pillow and NumPy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageOps
from scipy import stats

import imagefeed as feed
from imagefeed import SpecError, Transform, array_ops
from imagefeed.ops import Warp
from imagefeed.plan import plan
from imagefeed.transforms import Drawn


def noise(height: int = 40, width: int = 30) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def rendered(image: np.ndarray, *steps: Transform) -> np.ndarray:
    stage = feed.Pipeline(steps).stages()[0]
    result = plan(stage, np.array([image.shape[:2]]), np.zeros(1, np.int64), seed=0, epoch=0)
    return array_ops.run(result.passes, image, 0, np.float64)


def matrices(transform: Transform, sizes: list[tuple[int, int]], **drawn: object) -> np.ndarray:
    """The matrices (n, 3, 3) for given draws and sizes."""
    extent = tuple(np.array(sizes, float).T)
    (op,) = transform.lower(Drawn(**{name: np.asarray(value) for name, value in drawn.items()}), extent, np)  # type: ignore[arg-type]
    assert isinstance(op, Warp)
    return op.matrix


def moved(transform: Transform, point: tuple[float, float], size: tuple[int, int], **drawn: object) -> np.ndarray:
    """Where the thing at a point (x, y) of the input is seen in the output."""
    place = np.linalg.inv(matrices(transform, [size], **drawn)[0]) @ (*point, 1.0)
    return place[:2] / place[2]


@pytest.mark.parametrize("quarter", [1, 2, 3, -1])
def test_rotation_is_counter_clockwise(quarter: int) -> None:
    image = noise(32, 32)
    turned = rendered(image, feed.Rotate(degrees=(90 * quarter, 90 * quarter)))
    np.testing.assert_allclose(turned, np.rot90(image, quarter), atol=1e-6)


@pytest.mark.parametrize("degrees", [30.0, -77.0])
def test_rotation_is_pillows(degrees: float) -> None:
    image = np.asarray(Image.fromarray(noise(9, 7)).resize((90, 120), Image.Resampling.BICUBIC))
    ours = rendered(image, feed.Rotate(degrees=(degrees, degrees), border="constant", antialias=False))
    theirs = np.asarray(Image.fromarray(image).rotate(degrees, Image.Resampling.BILINEAR)).astype(float)
    # At its edge Pillow repeats the last pixel before it turns to black.
    inside = np.asarray(Image.new("L", (88, 118), 255).rotate(degrees)) == 255
    assert inside.mean() > 0.5
    assert abs(ours - theirs)[1:-1, 1:-1][inside].max() <= 1


def test_flips() -> None:
    image = noise()
    np.testing.assert_array_equal(rendered(image, feed.HorizontalFlip(probability=1)), image[:, ::-1])
    np.testing.assert_array_equal(rendered(image, feed.VerticalFlip(probability=1)), image[::-1])
    np.testing.assert_array_equal(rendered(image, feed.VerticalFlip(probability=0)), image)


def test_translation_goes_right_and_down() -> None:
    image = noise()
    shifted = rendered(image, feed.Translate(x=(0.2, 0.2), y=(-0.1, -0.1), border="wrap"))
    np.testing.assert_allclose(shifted, np.roll(image, (-4, 6), axis=(0, 1)), atol=1e-9)


def test_shear_moves_the_top_right_and_the_right_up() -> None:
    middle_top, middle_right = (15.0, 0.0), (30.0, 20.0)
    lean = math.tan(math.radians(10)) * 20
    assert moved(feed.Shear(), middle_top, (40, 30), x=[10.0], y=[0.0]) == pytest.approx([15 + lean, 0])
    rise = math.tan(math.radians(10)) * 15
    assert moved(feed.Shear(), middle_right, (40, 30), x=[0.0], y=[10.0]) == pytest.approx([30, 20 - rise])
    both = [15 + lean, -math.tan(math.radians(20)) * lean]  # columns first
    assert moved(feed.Shear(), middle_top, (40, 30), x=[10.0], y=[20.0]) == pytest.approx(both)
    assert moved(feed.Shear(), (15.0, 20.0), (40, 30), x=[30.0], y=[-10.0]) == pytest.approx([15, 20])


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_zoom_is_a_resized_box(factor: float) -> None:
    image = np.pad(noise(), ((20, 20), (15, 15), (0, 0)), "symmetric")
    ours = rendered(image, feed.CenterCrop((40, 30)), feed.Zoom(factor=(factor, factor)))
    height, width = 40 / factor, 30 / factor
    box = (30 - width / 2, 40 - height / 2, 30 + width / 2, 40 + height / 2)
    theirs = Image.fromarray(image).resize((30, 40), Image.Resampling.BILINEAR, box=box)
    # Pillow has nothing beyond the edge of the padded picture; we have its border.
    assert abs(array_ops.to_levels(ours, np).astype(float) - np.asarray(theirs))[1:-1, 1:-1].max() <= 1


def test_zoom_by_a_factor_for_each_side() -> None:
    step = feed.Zoom(factor=(0.5, 4), keep_ratio=False)
    assert moved(step, (30.0, 40.0), (40, 30), factor=[[2.0, 3.0]]) == pytest.approx([15 + 45, 20 + 40])
    assert moved(feed.Zoom(factor=(0.5, 4)), (30.0, 40.0), (40, 30), factor=[[2.0]]) == pytest.approx([45, 60])


def test_affine_is_zoom_then_shear_then_rotation_then_shift() -> None:
    values = {"degrees": [20.0], "x": [0.1], "y": [-0.2], "shear_x": [8.0], "shear_y": [-5.0], "zoom": [1.3]}
    point = np.array([7.0, 9.0])
    for step, drawn in (
        (feed.Zoom(factor=(1, 2)), {"factor": [[1.3]]}),
        (feed.Shear(), {"x": [8.0], "y": [-5.0]}),
        (feed.Rotate(degrees=(0, 1)), {"degrees": [20.0]}),
        (feed.Translate(), {"x": [0.1], "y": [-0.2]}),
    ):
        point = moved(step, (point[0], point[1]), (40, 30), **drawn)
    assert moved(feed.Affine(), (7.0, 9.0), (40, 30), **values) == pytest.approx(point)


@settings(deadline=None)
@given(st.lists(st.floats(-0.45, 0.45), min_size=8, max_size=8))
def test_perspective_sees_the_moved_corners(moves: list[float]) -> None:
    corners = np.array(moves).reshape(1, 4, 2)
    m = matrices(feed.Perspective(0.45), [(40, 30)], corners=corners)[0]
    for k, (x, y) in enumerate([(0, 0), (1, 0), (1, 1), (0, 1)]):
        place = m @ (x * 30, y * 40, 1)
        assert place[2] > 0  # no horizon within the picture
        expected = (x + corners[0, k, 0] / 2) * 30, (y + corners[0, k, 1] / 2) * 40
        assert place[:2] / place[2] == pytest.approx(expected, abs=1e-9)


NEUTRAL = [
    feed.Rotate(degrees=(0, 0)),
    feed.Translate(),
    feed.Shear(),
    feed.Zoom(factor=(1, 1)),
    feed.Affine(),
    feed.Perspective(0.0),
]


@pytest.mark.parametrize("transform", NEUTRAL, ids=repr)
def test_a_neutral_draw_is_exactly_the_identity(transform: Transform) -> None:
    # Exactly, since only an upright matrix is resampled the faster way.
    for size in ((37, 41), (480, 333)):
        stage = feed.Pipeline([transform]).stages()[0]
        warp = plan(stage, np.array([size]), np.zeros(1, np.int64), seed=0, epoch=0).passes[0].warp
        assert warp is not None
        np.testing.assert_array_equal(warp.matrix[0], np.eye(3))


# ---------- sizes


@pytest.mark.parametrize("size", [(10, 11), (40, 30), (1, 1)])
def test_center_crop_is_a_slice(size: tuple[int, int]) -> None:
    image, (height, width) = noise(), size
    top, left = (40 - height) // 2, (30 - width) // 2
    expected = image[top : top + height, left : left + width]
    np.testing.assert_array_equal(rendered(image, feed.CenterCrop(size)), expected)


@pytest.mark.parametrize(("border", "mode"), [("reflect", "symmetric"), ("replicate", "edge"), ("wrap", "wrap")])
def test_a_crop_continues_a_smaller_picture(border: str, mode: str) -> None:
    image = noise()
    expected = np.pad(image, ((5, 5), (10, 10), (0, 0)), mode)  # type: ignore[call-overload]
    step = feed.CenterCrop((50, 50), border=border)  # type: ignore[arg-type]
    np.testing.assert_array_equal(rendered(image, step), expected)


def test_random_crop_is_anywhere_with_the_same_probability() -> None:
    step, count = feed.RandomCrop((38, 33)), 3000
    u = np.random.default_rng(0).random((2, count))
    offsets = matrices(step, [(40, 30)] * count, y=u[0], x=u[1])[:, :2, 2]
    left, top = (np.unique(axis, return_counts=True) for axis in offsets.T)
    assert top[0].tolist() == [0, 1, 2]  # 38 of 40 rows
    assert left[0].tolist() == [-3, -2, -1, 0]  # 30 columns of 33
    for _, counts in (left, top):
        assert stats.chisquare(counts).pvalue > 0.01


def expected_part(height: int, width: int, u: dict[str, np.ndarray], step: feed.RandomResizedCrop) -> list[float]:
    """Top, left, height and width by the definition, candidate after candidate."""
    for k in range(10):
        area = height * width * (step.scale[0] + u["area"][k] * (step.scale[1] - step.scale[0]))
        low, high = math.log(step.ratio[0]), math.log(step.ratio[1])
        ratio = math.exp(low + u["ratio"][k] * (high - low))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            top, left = math.floor(u["y"][0] * (height - h + 1)), math.floor(u["x"][0] * (width - w + 1))
            return [top, left, h, w]
    h, w = height, width
    if width / height < step.ratio[0]:
        h = round(width / step.ratio[0])
    elif width / height > step.ratio[1]:
        w = round(height * step.ratio[1])
    return [(height - h) // 2, (width - w) // 2, max(h, 1), max(w, 1)]


@pytest.mark.parametrize("size", [(300, 400), (40, 900), (900, 40), (1, 1), (2, 300), (64, 64)])
@pytest.mark.parametrize("scale", [(0.08, 1.0), (0.9, 1.0), (0.001, 0.002)])
def test_random_resized_crop_is_the_first_candidate_that_fits(
    size: tuple[int, int], scale: tuple[float, float]
) -> None:
    step, count = feed.RandomResizedCrop((20, 10), scale=scale), 200
    rng = np.random.default_rng(1)
    u = {name: rng.random((count, v.count)) for name, v in step.variables().items()}
    drawn = {name: v.sample(u[name], np) for name, v in step.variables().items()}
    m = matrices(step, [size] * count, **drawn)
    parts = np.stack([m[:, 1, 2], m[:, 0, 2], m[:, 1, 1] * 20, m[:, 0, 0] * 10], axis=1)
    expected = [expected_part(*size, {name: array[k] for name, array in u.items()}, step) for k in range(count)]
    np.testing.assert_allclose(parts, expected, atol=1e-9)
    assert (parts[:, :2] >= 0).all()
    assert (parts[:, :2] + parts[:, 2:] <= np.array(size) + 1e-9).all()


def test_random_resized_crop_takes_areas_uniformly() -> None:
    step, count = feed.RandomResizedCrop((20, 10), scale=(0.1, 0.5)), 3000
    rng = np.random.default_rng(1)
    drawn = {name: v.sample(rng.random((count, v.count)), np) for name, v in step.variables().items()}
    m = matrices(step, [(3000, 3000)] * count, **drawn)
    height, width = m[:, 1, 1] * 20, m[:, 0, 0] * 10
    assert stats.kstest(height * width / 9e6, stats.uniform(0.1, 0.4).cdf).pvalue > 0.01
    assert stats.kstest(width / height, stats.loguniform(3 / 4, 4 / 3).cdf).pvalue > 0.01


@pytest.mark.parametrize("size", [(20, 20), (10, 25), (33, 8), (80, 100)])
def test_resize_to_cover_is_pillows_fit(size: tuple[int, int]) -> None:
    image = noise()
    theirs = ImageOps.fit(Image.fromarray(image), size[::-1], Image.Resampling.BILINEAR)
    ours = rendered(image, feed.Resize(size, fit="cover"))
    assert abs(array_ops.to_levels(ours, np).astype(float) - np.asarray(theirs)).max() <= 1


def test_resize_to_contain_fills_up_evenly() -> None:
    image = noise()  # 40x30
    ours = rendered(image, feed.Resize((20, 35), fit="contain", fill=77))
    assert (ours[:, :9] == 77).all()
    assert (ours[:, -9:] == 77).all()
    theirs = np.asarray(Image.fromarray(image).resize((15, 20), Image.Resampling.BILINEAR)).astype(float)
    # Where the kernel reaches over the edge, the fill is mixed in.
    assert abs(ours[1:-1, 11:-11] - theirs[1:-1, 1:-1]).max() <= 1
    assert (ours[:, 10] != 77).any()


# ---------- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: feed.Rotate(degrees=10),
            r"Rotate.degrees: got 10; .* for example Rotate\(degrees=\(-10, 10\)\)",
        ),
        (
            lambda: feed.Rotate(degrees=(30, -30)),
            r"Rotate.degrees: got \(30, -30\); low must not exceed high",
        ),
        (
            lambda: feed.Rotate(degrees=[3, 4]),
            r"Rotate.degrees: got \[3, 4\]; expected a tuple of two numbers",
        ),
        (lambda: feed.Rotate(degrees=(0, 400)), r"got \(0, 400\); both must be from -360 to 360"),
        (
            lambda: feed.Rotate(degrees=(0, 1), border="mirror"),
            "Rotate.border: got 'mirror'; expected one of 'con",
        ),
        (lambda: feed.Rotate(degrees=(0, 1), interpolation="bicubic"), "Rotate.interpolation: got 'bicubic'"),
        (lambda: feed.Rotate(degrees=(0, 1), antialias=1), "Rotate.antialias: got 1; expected True or False"),
        (
            lambda: feed.Rotate(degrees=(0, 1), fill=300),
            "Rotate.fill: got 300; expected a number from 0 to 255",
        ),
        (lambda: feed.Zoom(factor=1.5), r"Zoom.factor: got 1.5; .* Zoom\(factor=\(1, 1.5\)\)"),
        (lambda: feed.Zoom(factor=(0, 2)), r"Zoom.factor: got \(0, 2\); both must be from 0.01 to 100"),
        (lambda: feed.Shear(x=(-90, 0)), r"Shear.x: got \(-90, 0\); both must be from -80 to 80"),
        (lambda: feed.Translate(y=(0, 20)), r"Translate.y: got \(0, 20\); both must be from -1 to 1"),
        (lambda: feed.Affine(zoom=(0, 1)), "Affine.zoom"),
        (lambda: feed.Perspective((0, 0.2)), r"Perspective.strength: got \(0, 0.2\); expected a number"),
        (lambda: feed.Perspective(0.6), "Perspective.strength: got 0.6; expected a number from 0 to 0.45"),
        (
            lambda: feed.HorizontalFlip(probability=2),
            "HorizontalFlip.probability: got 2; expected a number from 0",
        ),
        (lambda: feed.VerticalFlip(probability="a"), "VerticalFlip.probability: got 'a'; expected a number"),
        (lambda: feed.Resize(224), r"Resize.size: got 224; .* for example Resize\(\(224, 224\)\)"),
        (lambda: feed.Resize([3, 4]), r"Resize.size: got \[3, 4\]; expected a tuple \(height, width\)"),
        (
            lambda: feed.Resize((0, 4)),
            r"Resize.size: got \(0, 4\); expected a tuple .* of two positive integers",
        ),
        (
            lambda: feed.Resize((3, 4), fit="crop"),
            "Resize.fit: got 'crop'; expected one of 'stretch', 'cover'",
        ),
        (lambda: feed.CenterCrop((3.0, 4)), r"CenterCrop.size: got \(3.0, 4\)"),
        (lambda: feed.RandomCrop((3, 4), border=None), "RandomCrop.border: got None; expected one of"),
        (
            lambda: feed.RandomResizedCrop((3, 4), scale=(0, 2)),
            r"RandomResizedCrop.scale: got \(0, 2\); both must",
        ),
        (lambda: feed.RandomResizedCrop((3, 4), ratio=(0, 1)), "RandomResizedCrop.ratio"),
    ],
)
def test_errors_show_what_is_wrong_and_what_is_right(make, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()
