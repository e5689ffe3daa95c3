"""What each color, filter and noise transform does, against oracles that are not ours: Pillow, OpenCV, SciPy, colorsys,
torchvision, and the definitions in the papers.
"""

import colorsys
import io
import itertools

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
from one_picture import done, photo, pillow, planned, same
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

import imagefeed as feed
from imagefeed import array_ops
from imagefeed.ops import Remap

RNG = np.random.default_rng(7)


# ------------------------------------------------------------------------------------------------ Pillow


@pytest.mark.parametrize("channels", [1, 3])
def test_levels_are_pillows(channels) -> None:
    image = photo(channels=channels)
    same(done(feed.Invert(), image), ImageOps.invert(pillow(image)))
    same(done(feed.Equalize(), image), ImageOps.equalize(pillow(image)))
    same(done(feed.AutoContrast(), image // 2 + 40), ImageOps.autocontrast(pillow(image // 2 + 40)))
    for cutoff in (0.02, 0.1, 0.3):
        theirs = ImageOps.autocontrast(pillow(image), cutoff=cutoff * 100)
        same(done(feed.AutoContrast(cutoff=cutoff), image), theirs, 3)  # Pillow removes a part of the last level
    for bits in range(1, 9):
        same(done(feed.Posterize(bits=(bits, bits)), image), ImageOps.posterize(pillow(image), bits))
    for threshold in (0, 1, 100, 128, 255, 256):
        same(done(feed.Solarize(threshold=(threshold,) * 2), image), ImageOps.solarize(pillow(image), threshold))


def test_few_levels_stay_as_pillow_leaves_them() -> None:
    for image in (np.full((9, 8, 3), 77, np.uint8), (RNG.random((9, 8, 3)) > 0.5).astype(np.uint8) * 255, photo(1, 2)):
        same(done(feed.Equalize(), image), ImageOps.equalize(pillow(image)))
        same(done(feed.AutoContrast(), image), ImageOps.autocontrast(pillow(image)))


def test_grayscale_is_pillows_luma() -> None:
    image = photo()
    same(done(feed.Grayscale(), image), np.repeat(np.asarray(pillow(image).convert("L"))[..., None], 3, axis=2), 1)


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7, 3.0])
def test_enhancing_is_pillows(factor) -> None:
    image = photo()
    same(done(feed.Brightness(factor=(factor,) * 2), image), ImageEnhance.Brightness(pillow(image)).enhance(factor), 1)
    same(
        done(feed.Saturation(factor=(factor,) * 2), image),
        ImageEnhance.Color(pillow(image)).enhance(factor),
        1 + factor,
    )
    theirs = np.asarray(ImageEnhance.Sharpness(pillow(image)).enhance(factor))
    ours = done(feed.Sharpness(factor=(factor,) * 2), image)
    same(ours[1:-1, 1:-1], theirs[1:-1, 1:-1], 1 + factor)  # Pillow rounds the smooth picture first
    assert (abs(ours[1:-1, 1:-1].astype(int) - theirs[1:-1, 1:-1]) > 1).mean() < 0.01


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [1, 20, 75, 100])
def test_compression_is_pillows(channels, quality) -> None:
    image = photo(channels=channels)
    file = io.BytesIO()
    pillow(image).save(file, "JPEG", quality=quality)
    same(done(feed.JpegCompression(quality=(quality,) * 2), image), Image.open(file), 0)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_medians_are_pillows_and_scipys(size) -> None:
    image = photo()
    ours = done(feed.MedianBlur(sizes=(size,)), image)
    reach = size // 2
    theirs = np.asarray(pillow(image).filter(ImageFilter.MedianFilter(size)))
    same(ours[reach:-reach, reach:-reach], theirs[reach:-reach, reach:-reach])
    same(ours, scipy.ndimage.median_filter(image, (size, size, 1), mode="nearest"))
    tiny = photo(1, 2, 1)
    same(done(feed.MedianBlur(sizes=(size,)), tiny), scipy.ndimage.median_filter(tiny, (size, size, 1), mode="nearest"))


def test_turns_are_numpys() -> None:
    image = photo()
    found = set()
    for seed in range(12):
        turns = int(planned(feed.RandomRotate90(), image, seed).drawn[0].turns[0])
        found.add(turns)
        same(done(feed.RandomRotate90(), image, seed=seed), np.rot90(image, turns))
    assert found == {0, 1, 2, 3}
    same(done(feed.Transpose(probability=1), image), image.transpose(1, 0, 2))
    for border, mode in (("reflect", "symmetric"), ("replicate", "edge"), ("wrap", "wrap")):
        theirs = np.pad(image, ((19, 20), (8, 9), (0, 0)), mode=mode)
        same(done(feed.PadToSize((100, 100), border=border), image), theirs)
    theirs = np.pad(image, ((19, 20), (0, 0), (0, 0)), constant_values=9)
    same(done(feed.PadToSize((100, 50), fill=9), image), theirs)
    assert done(feed.ResizeLongestSide(40), image).shape == (29, 40, 3)
    assert done(feed.ResizeShortestSide(40), image).shape == (40, 54, 3)
    theirs = pillow(image).resize((54, 40), Image.Resampling.BILINEAR)
    same(done(feed.ResizeShortestSide(40), image), theirs, 1)


# ------------------------------------------------------------------------------------------------ OpenCV


@pytest.mark.parametrize("shape", [(64, 80), (61, 83), (40, 83), (9, 7)])
@pytest.mark.parametrize("limit", [1.0, 3.0, 40.0])
def test_adaptive_equalization_is_opencvs(shape, limit) -> None:
    cv2 = pytest.importorskip("cv2")
    gray = photo(*shape, 1)
    theirs = cv2.createCLAHE(clipLimit=limit, tileGridSize=(8, 8)).apply(gray[..., 0])
    same(done(feed.Clahe(limit=(limit, limit)), gray), theirs)
    color = photo(*shape)
    ours = done(feed.Clahe(limit=(limit, limit)), color).astype(int)
    luma = np.asarray(pillow(color).convert("L"))
    shift = cv2.createCLAHE(clipLimit=limit, tileGridSize=(8, 8)).apply(luma).astype(int) - luma
    same(ours, np.clip(color + shift[..., None], 0, 255))


def test_hues_are_opencvs() -> None:
    cv2 = pytest.importorskip("cv2")
    image = photo().astype(np.float32)
    for degrees in (-180, -75, 0, 30, 120):
        hsv = cv2.cvtColor(image / 255, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + degrees) % 360
        theirs = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255
        same(done(feed.Hue(degrees=(degrees, degrees)), image, "float32"), theirs, 0.01)


def test_nodes_move_by_parts_of_a_cell() -> None:
    """Cells of a picture of 90x40 are 30 wide and 20 high; those on the edges of a GridDistortion stay."""
    inner = np.zeros((3, 4, 1))
    inner[1:-1, 1:-1] = 1
    for step, kept in ((feed.ElasticTransform(0.3, grid=(2, 3)), 1), (feed.GridDistortion(0.3, grid=(2, 3)), inner)):
        result = planned(step, photo(40, 90))
        op = result.passes[0].ops[0]
        assert isinstance(op, Remap)
        np.testing.assert_allclose(op.field[0], result.drawn[0].shift[0] * (30, 20) * kept, rtol=1e-6)


def test_remapping_is_opencvs() -> None:
    cv2 = pytest.importorskip("cv2")
    image = photo()
    for transform in (feed.ElasticTransform(0.2), feed.GridDistortion(0.4)):
        op = planned(transform, image).passes[0].ops[0]
        assert isinstance(op, Remap)
        height, width = image.shape[:2]
        y, x = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
        shift = array_ops.displacement(op, y, x, np)[0]
        places = (shift[..., 0] + np.arange(width), shift[..., 1] + np.arange(height)[:, None])
        x, y = (place.astype(np.float32) for place in places)
        theirs = cv2.remap(image.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        same(done(transform, image, "float32"), theirs, 6)  # OpenCV knows 32 places between two pixels
        assert abs(done(transform, image, "float32") - theirs).mean() < 0.5


# ------------------------------------------------------------------------------------------------ SciPy and Python


@pytest.mark.parametrize("sigma", [0.1, 0.6, 1.0, 2.5, 9.0])
def test_gaussian_blur_is_scipys(sigma) -> None:
    for image in (photo(), photo(5, 9, 1), photo(1, 1)):
        blurred = scipy.ndimage.gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="reflect", truncate=3)
        same(done(feed.GaussianBlur(sigma=(sigma, sigma)), image, "float32"), blurred, 0.02)


def test_scale_space_has_the_deviations_of_the_paper() -> None:
    image = photo()
    for seed in range(5):
        level = int(planned(feed.ScaleSpace(), image, seed).drawn[0].level[0])
        sigma = np.sqrt((1.6 * 2 ** (level / 3)) ** 2 - 0.5**2)
        theirs = scipy.ndimage.gaussian_filter(image.astype(float), (sigma, sigma, 0), truncate=3)
        same(done(feed.ScaleSpace(), image, "float32", seed), theirs, 0.02)


def test_motion_blur_is_a_line() -> None:
    dot = np.zeros((31, 31, 1), np.float32)
    dot[15, 15] = 255
    for degrees in (0, 90, 45, -30):
        line = done(feed.MotionBlur(length=(11, 11), degrees=(degrees,) * 2), dot, "float32")[..., 0]
        assert line.sum() == pytest.approx(255, rel=1e-4)
        y, x = np.indices(line.shape) - 15.0
        around = np.array([(line * a * b).sum() for a, b in ((x, x), (x, y), (y, y))]) / line.sum()
        # The direction of the greatest spread; y points down.
        angle = 0.5 * np.degrees(np.arctan2(-2 * around[1], around[0] - around[2]))
        assert abs((angle - degrees + 90) % 180 - 90) < 1
        assert around[0] + around[2] == pytest.approx(11**2 / 12, rel=0.15)
    image = photo()
    kernel = planned(feed.MotionBlur(length=(3, 9)), image).passes[0].ops[0].kernel[0]  # type: ignore[union-attr]
    theirs = scipy.ndimage.correlate(image.astype(float), kernel[..., None].astype(float), mode="reflect")
    same(done(feed.MotionBlur(length=(3, 9)), image, "float32"), theirs, 0.02)


def test_hsv_is_pythons() -> None:
    image = RNG.integers(0, 256, (6, 7, 3), np.uint8)
    image[0, 0], image[0, 1], image[0, 2] = 0, 255, 90
    step = feed.HsvPower(saturation=(0.5, 0.5), value=(3, 3))
    ours, turned = done(step, image, "float32"), done(feed.Hue(degrees=(50, 50)), image, "float32")
    for y, x in itertools.product(range(6), range(7)):
        h, s, v = colorsys.rgb_to_hsv(*(image[y, x] / 255))
        np.testing.assert_allclose(ours[y, x], np.array(colorsys.hsv_to_rgb(h, s**0.5, v**3)) * 255, atol=0.01)
        shifted = colorsys.hsv_to_rgb((h + 50 / 360) % 1, s, v)
        np.testing.assert_allclose(turned[y, x], np.array(shifted) * 255, atol=0.01)


# ------------------------------------------------------------------------------------------------ definitions


def test_gamma_is_its_definition() -> None:
    image = photo()
    for gamma in (0.4, 1.0, 2.2):
        same(done(feed.Gamma(gamma=(gamma, gamma)), image), np.rint(255 * (image / 255) ** gamma))


def test_a_tone_curve_is_de_casteljaus() -> None:
    ramp = np.arange(256, dtype=np.uint8)[None, :, None]
    for seed in range(5):
        shift = planned(feed.ToneCurve(strength=0.3), ramp, seed).drawn[0].shift[0, :, 0]
        t, points = np.arange(256) / 255, [np.zeros(256), 1 / 3 + shift[0], 2 / 3 + shift[1], np.ones(256)]
        while len(points) > 1:
            points = [a + (b - a) * t for a, b in itertools.pairwise(points)]
        same(done(feed.ToneCurve(strength=0.3), ramp, seed=seed)[0, :, 0], np.rint(points[0] * 255))


def test_jitter_is_its_four_definitions() -> None:
    image = photo(5, 7)
    drawn = planned(feed.ColorJitter(hue=(-90, 90)), image).drawn[0]
    made = np.clip(image * drawn.brightness[0], 0, 255)
    made = np.clip(127.5 + drawn.contrast[0] * (made - 127.5), 0, 255)
    gray = made @ [0.299, 0.587, 0.114]
    made = np.clip(gray[..., None] + drawn.saturation[0] * (made - gray[..., None]), 0, 255) / 255
    ours = done(feed.ColorJitter(hue=(-90, 90)), image, "float32")
    for y, x in itertools.product(range(5), range(7)):
        h, s, v = colorsys.rgb_to_hsv(*made[y, x])
        turned = colorsys.hsv_to_rgb((h + drawn.hue[0] / 360) % 1, s, v)
        np.testing.assert_allclose(ours[y, x], np.array(turned) * 255, atol=0.01)


def test_contrast_is_its_definition() -> None:
    image = photo()
    for factor in (0.0, 0.3, 1.8):
        theirs = np.clip(127.5 + factor * (image - 127.5), 0, 255)
        same(done(feed.Contrast(factor=(factor, factor)), image, "float32"), theirs, 0.001)


def test_a_tone_curve_rises_from_black_to_white() -> None:
    ramp = np.arange(256, dtype=np.uint8)[None, :, None]
    for seed in range(20):
        curve = done(feed.ToneCurve(strength=1 / 3), ramp, seed=seed)[0, :, 0].astype(int)
        assert (curve[0], curve[-1]) == (0, 255)
        assert (np.diff(curve) >= 0).all()
    same(done(feed.ToneCurve(strength=0), ramp), ramp)


def test_channels_are_shuffled_into_all_orders() -> None:
    image = RNG.integers(0, 256, (4, 5, 3)).astype(np.uint8)
    orders = set()
    for seed in range(60):
        ours = done(feed.ChannelShuffle(), image, seed=seed)
        (order,) = (order for order in itertools.permutations(range(3)) if (image[..., order] == ours).all())
        orders.add(order)
    assert len(orders) == 6


def test_channels_shift_by_what_is_drawn() -> None:
    image = photo()
    shift = planned(feed.ChannelShift(shift=(-40, 40)), image).drawn[0].shift[0]
    same(done(feed.ChannelShift(shift=(-40, 40)), image, "float32"), np.clip(image + shift, 0, 255), 0.001)


def test_lighting_follows_the_papers_axes() -> None:
    image = np.full((2, 2, 3), 128, np.uint8)
    vectors = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
    alpha = planned(feed.PcaLighting(), image).drawn[0].alpha[0]
    shift = 255 * vectors @ (alpha * [0.2175, 0.0188, 0.0045])
    same(done(feed.PcaLighting(), image, "float32"), np.broadcast_to(128 + shift, image.shape), 0.01)


def test_light_is_that_of_black_bodies() -> None:
    """Planck's law seen by the color-matching functions, by their fits of Wyman, Sloan and Shirley (2013)."""
    wave = np.arange(380.0, 781.0)

    def lobe(mean: float, below: float, above: float) -> np.ndarray:
        return np.exp(-0.5 * ((wave - mean) * np.where(wave < mean, below, above)) ** 2)

    x = 0.362 * lobe(442.0, 0.0624, 0.0374) + 1.056 * lobe(599.8, 0.0264, 0.0323) - 0.065 * lobe(501.1, 0.0490, 0.0382)
    y = 0.821 * lobe(568.8, 0.0213, 0.0247) + 0.286 * lobe(530.9, 0.0613, 0.0322)
    z = 1.217 * lobe(437.0, 0.0845, 0.0278) + 0.681 * lobe(459.0, 0.0385, 0.0725)
    matrix = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])

    def light(kelvin: float) -> np.ndarray:
        power = wave**-5 / np.expm1(1.4388e7 / (wave * kelvin))
        rgb = matrix @ [(power * one).sum() for one in (x, y, z)]
        return rgb / rgb[1]

    gray = np.full((1, 1, 3), 100, np.uint8)
    for kelvin in (2500, 4500, 6500, 9000, 15000):
        ours = done(feed.WhiteBalance(kelvin=(kelvin, kelvin)), gray, "float32")[0, 0]
        theirs = np.clip(100 * (light(kelvin) / light(6500)) ** (1 / 2.2), 0, 255)
        np.testing.assert_allclose(ours, theirs, rtol=0.03)


# ------------------------------------------------------------------------------------------------ noise


def test_noise_has_the_distribution_it_is_named_after() -> None:
    gray = np.full((200, 300, 3), 120.0, np.float32)
    normal = (done(feed.GaussianNoise(std=(20, 20)), gray, "float32") - 120) / 20
    assert scipy.stats.kstest(normal.ravel(), "norm").pvalue > 0.001
    assert abs(np.corrcoef(normal[:, 1:].ravel(), normal[:, :-1].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(normal[1:].ravel(), normal[:-1].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(normal[..., 0].ravel(), normal[..., 1].ravel())[0, 1]) < 0.01
    for level, photons in ((120.0, 20.0), (30.0, 100.0), (200.0, 1000.0)):
        counts = done(feed.PoissonNoise(photons=(photons,) * 2), gray * 0 + level, "float32") * (photons / 255)
        mean = level * photons / 255
        assert counts.mean() == pytest.approx(mean, rel=0.01)
        assert counts.var() == pytest.approx(mean + 1 / 8, rel=0.03)
        quantiles = scipy.stats.poisson(mean).ppf([0.1, 0.9])
        assert abs(np.quantile(counts, [0.1, 0.9]) - quantiles).max() <= 1
    salted = done(feed.SaltAndPepper(share=(0.3, 0.3)), gray, "float32")
    assert (salted == 0).all(axis=2).mean() == pytest.approx(0.15, abs=0.005)
    assert (salted == 255).all(axis=2).mean() == pytest.approx(0.15, abs=0.005)
    assert ((salted == 120).all(axis=2)).mean() == pytest.approx(0.7, abs=0.01)


def test_noise_is_its_records_own() -> None:
    gray = np.full((20, 30, 3), 120, np.uint8)
    step = feed.GaussianNoise(std=(20, 20))
    assert (done(step, gray, record=1) != done(step, gray, record=2)).mean() > 0.9
    assert (done(step, gray, seed=1) != done(step, gray, seed=2)).mean() > 0.9
    shared = done(feed.GaussianNoise(std=(20, 20), per_channel=False), gray)
    assert (shared == shared[..., :1]).all()
    wide = done(step, np.full((20, 90, 3), 120, np.uint8))
    same(wide[:, :30], done(step, gray))  # a pixel's number depends on its place, not on the picture's size


def test_rectangles_cover_what_is_asked_for() -> None:
    white = np.full((100, 150, 3), 255, np.uint8)
    for seed in range(10):
        erased = done(feed.RandomErasing(scale=(0.2, 0.2), ratio=(1, 1), fill=0), white, seed=seed)
        assert (erased == 0).mean() == pytest.approx(0.2, rel=0.05)
        rows, columns = (np.ptp(np.nonzero(erased[..., 0] == 0)[k]) + 1 for k in (0, 1))
        assert rows * columns == (erased[..., 0] == 0).sum()
        noisy = done(feed.RandomErasing(scale=(0.2, 0.2), ratio=(1, 1)), white, seed=seed)
        part = noisy[erased[..., 0] == 0]
        assert scipy.stats.kstest(part.ravel() + 0.5, "uniform", (0, 256)).pvalue > 1e-4
        assert (noisy[erased[..., 0] != 0] == 255).all()
        dropout, expected = feed.CoarseDropout(holes=(3, 3), height=(0.1, 0.1), width=(0.2, 0.2)), white.copy()
        drawn = planned(dropout, white, seed).drawn[0]
        for top, left in zip(np.rint(drawn.y[0] * 90).astype(int), np.rint(drawn.x[0] * 120).astype(int), strict=True):
            expected[top : top + 10, left : left + 30] = 0
        same(done(dropout, white, seed=seed), expected)
        grid = done(feed.GridMask(cells=(5, 5), ratio=(0.5, 0.5)), white, seed=seed)
        assert (grid == 0).mean() == pytest.approx(0.25, abs=0.03)


def test_grids_turn() -> None:
    white = np.full((96, 96, 3), 255, np.uint8)
    yy, xx = np.mgrid[:96, :96] - 47.5
    disc = np.hypot(yy, xx) < 44
    for seed in range(5):
        plain, quarter, slanted = (
            done(feed.GridMask(cells=(4, 4), degrees=(a, a)), white, seed=seed)[..., 0] for a in (0, 90, 30)
        )
        assert set(np.unique(plain)) == {0, 255}
        assert (quarter != np.rot90(plain)).mean() < 0.03  # a center may lie on an edge
        theirs = scipy.ndimage.rotate(plain, 30, reshape=False, order=0)
        assert (slanted == theirs)[disc].mean() > 0.95  # SciPy turns whole pixels
    large = done(feed.GridMask(cells=(3, 3), ratio=(0.5, 0.5), degrees=(-45, 45)), np.zeros((9, 3000, 1), np.uint8) + 9)
    assert (large == 0).mean() == pytest.approx(0.25, abs=0.05)


def test_losing_resolution_leaves_blocks() -> None:
    image = photo(64, 96)
    ours = done(feed.Downscale(factor=(0.25, 0.25)), image)
    assert (ours.reshape(16, 4, 24, 4, 3) == ours[::4, None, ::4, None]).all()
    same(ours[::4, ::4], np.rint(image.reshape(16, 4, 24, 4, 3).mean(axis=(1, 3))), 1)


# ------------------------------------------------------------------------------------------------ composition


def test_some_of_them_are_applied() -> None:
    image = np.full((4, 4, 3), 100, np.uint8)
    steps = [feed.ChannelShift(shift=(s, s)) for s in (1, 2, 4, 8, 16)]
    seen = set()
    for record in range(200):
        added = int(done(feed.SomeOf(steps, count=(1, 3)), image, record=record)[0, 0, 0]) - 100
        assert 1 <= bin(added).count("1") <= 3
        seen.add(added)
    assert len(seen) > 20


def test_orders_are_drawn() -> None:
    image = np.full((4, 4, 3), 100, np.uint8)
    double, add = feed.Brightness(factor=(2, 2)), feed.ChannelShift(shift=(10, 10))
    made = [int(done(feed.RandomOrder([double, add]), image, record=k)[0, 0, 0]) for k in range(100)]
    assert set(made) == {210, 220}
    assert 25 < made.count(210) < 75
