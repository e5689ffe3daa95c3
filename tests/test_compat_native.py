"""The native parts that the ImageDataGenerator family rests on, against SciPy and Pillow themselves."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from imagefeed import _native

BORDERS = {"constant": 1, "nearest": 2, "reflect": 3, "wrap": 4}
FILTERS = {
    "nearest": (0, Image.Resampling.NEAREST),
    "box": (1, Image.Resampling.BOX),
    "bilinear": (2, Image.Resampling.BILINEAR),
    "hamming": (3, Image.Resampling.HAMMING),
    "bicubic": (4, Image.Resampling.BICUBIC),
    "lanczos": (5, Image.Resampling.LANCZOS),
}
SIZES = [(32, 32), (17, 23), (1, 5), (5, 1), (40, 70), (2, 2)]


@pytest.fixture(params=["portable", "avx2", "avx512"])
def simd(request):
    chosen = _native.simd()
    if not _native.select_simd(request.param):
        pytest.skip(f"this processor or build has no {request.param} kernels")
    yield request.param
    _native.select_simd(chosen)


POOL = _native.Pool(2)


def render(pictures: np.ndarray, program: _native.Program, shape: tuple[int, ...], dtype=np.float32) -> np.ndarray:
    records = _native.Records(len(pictures))
    records.set_rows(np.ascontiguousarray(pictures), np.arange(len(pictures)))
    out = np.empty((len(pictures), *shape), dtype)
    job = POOL.render(records, program, 0, out)
    while not job.wait(100):
        pass
    assert job.faults() == []
    return out


def affine(pictures, matrices, *, size, linear, mode, cval, exact=False) -> np.ndarray:
    program = _native.Program(len(pictures))
    program.begin_pass()
    program.affine(matrices, np.array([size], np.int64), linear, BORDERS[mode], [cval], exact)
    program.store(2, 0, [1.0], [0.0])
    return render(pictures, program, (*size, pictures.shape[3]))


def matrices(rng: np.random.Generator, count: int, height: int) -> np.ndarray:
    """Turns and zooms; shifts by whole pixels, and by halves, where the last bit decides what lies outside."""
    result = np.zeros((count, 2, 3))
    angle, zoom = rng.uniform(-3, 3, count), rng.uniform(0.4, 2, count)
    result[:, 0, 0] = result[:, 1, 1] = np.cos(angle) * zoom
    result[:, 1, 0] = np.sin(angle) * zoom
    result[:, 0, 1] = -result[:, 1, 0]
    result[:, :, 2] = rng.uniform(-2 * height, 2 * height, (count, 2))
    third = count // 3
    result[:third, :, :2] = np.eye(2)
    result[:third, :, 2] = (
        rng.integers(-2 * height, 2 * height, (third, 2)) / np.repeat([1, 2], [third // 2, third - third // 2])[:, None]
    )
    return result


@pytest.mark.parametrize("mode", list(BORDERS))
@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize(("dtype", "channels"), [(np.uint8, 3), (np.uint8, 1), (np.float32, 3), (np.uint8, 4)])
def test_an_affine_warp_is_scipys(simd, mode, linear, dtype, channels, rng) -> None:
    for height, width in SIZES:
        picture = (rng.random((height, width, channels)) * 255).astype(dtype)
        matrix = matrices(rng, 12, height)
        ours = affine(np.stack([picture] * 12), matrix, size=(height, width), linear=linear, mode=mode, cval=7.5)
        for one, own in zip(matrix, ours, strict=True):
            theirs = [
                ndimage.affine_transform(
                    picture[..., c].astype(np.float32), one[:, :2], one[:, 2], order=int(linear), mode=mode, cval=7.5
                )
                for c in range(channels)
            ]
            np.testing.assert_allclose(own, np.stack(theirs, -1), rtol=0, atol=1e-3 if linear else 0)


def test_an_exact_warp_is_scipys_to_the_bit(rng) -> None:
    pictures = rng.integers(0, 256, (9, 30, 41, 3), np.uint8)
    matrix = matrices(rng, 9, 30)
    ours = affine(pictures, matrix, size=(30, 41), linear=True, mode="reflect", cval=0, exact=True)
    for picture, one, own in zip(pictures, matrix, ours, strict=True):
        theirs = ndimage.affine_transform(
            picture[..., 1].astype(np.float32), one[:, :2], one[:, 2], order=1, mode="reflect"
        )
        np.testing.assert_array_equal(own[..., 1], theirs)


def test_a_warp_may_have_another_size_than_its_picture(rng) -> None:
    picture = rng.integers(0, 256, (1, 20, 30, 3), np.uint8)
    matrix = np.array([[[1.0, 0, 4], [0, 1, 7]]])
    np.testing.assert_array_equal(
        affine(picture, matrix, size=(9, 11), linear=True, mode="nearest", cval=0)[0], picture[0, 4:13, 7:18]
    )


@pytest.mark.parametrize("name", list(FILTERS))
def test_a_resize_in_levels_is_pillows(name, rng) -> None:
    """To the bit, boxes and pictures of two levels included."""
    number, theirs_by_name = FILTERS[name]
    for k in range(60):
        height, width = rng.integers(1, 120, 2)
        to = (int(rng.integers(1, 90)) if k % 5 else int(height), int(rng.integers(1, 90)) if k % 7 else int(width))
        channels = (3, 1)[k % 2]
        picture = rng.integers(0, 256, (height, width, channels), np.uint8)
        if k % 3 == 0:
            picture = np.where(picture > 128, 255, 0).astype(np.uint8)
        y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
        box = (
            (y, x, int(rng.integers(y, height)) + 1, int(rng.integers(x, width)) + 1)
            if k % 4 == 0
            else (0, 0, height, width)
        )
        program = _native.Program(1)
        program.resize(np.array([box], np.int64), np.array([to], np.int64), number)
        program.begin_pass()
        program.store(0, 0, [1.0], [0.0])
        ours = render(picture[None], program, (*to, channels), np.uint8)[0]
        image = Image.fromarray(picture.squeeze(-1) if channels == 1 else picture)
        theirs = np.asarray(image.resize(to[::-1], theirs_by_name, box=(box[1], box[0], box[3], box[2]))).reshape(
            ours.shape
        )
        np.testing.assert_array_equal(ours, theirs)


def test_nearest_steps_as_pillow_does() -> None:
    """Where a place falls on the edge between two pixels, the rounding of the sum decides: 14 to 5, 122 to 5, ..."""
    for size in range(1, 300):
        line = np.arange(size, dtype=np.uint16)
        picture = np.stack([line & 255, line >> 8, line * 0], -1).astype(np.uint8)[None, None]
        for to in (5, 7, 10, 64, 75, 224):
            program = _native.Program(1)
            program.resize(np.array([[0, 0, 1, size]], np.int64), np.array([[1, to]], np.int64), 0)
            program.begin_pass()
            program.store(0, 0, [1.0], [0.0])
            ours = render(picture, program, (1, to, 3), np.uint8)[0]
            theirs = Image.fromarray(picture[0]).resize((to, 1), Image.Resampling.NEAREST)
            np.testing.assert_array_equal(ours, np.asarray(theirs))


def test_gray_is_weighed_as_pillow_does_it(tmp_path, rng) -> None:
    Image.fromarray(rng.integers(0, 256, (50, 60, 3), np.uint8)).save(tmp_path / "a.jpg", quality=95)
    records = _native.Records(1)
    pool = _native.Pool(1)
    while not pool.fetch(records, [str(tmp_path / "a.jpg")], 10**6).wait(100):
        pass
    program = _native.Program(1)
    program.weigh_gray()
    program.begin_pass()
    program.store(0, 0, [1.0], [0.0])
    out = np.empty((1, 50, 60, 1), np.uint8)
    while not (job := pool.render(records, program, 0, out)).wait(100):
        pass
    assert job.faults() == []
    np.testing.assert_array_equal(out[0, :, :, 0], np.asarray(Image.open(tmp_path / "a.jpg").convert("L")))


def test_an_orientation_can_be_left_alone(tmp_path, rng) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    records = _native.Records(1)
    pool = _native.Pool(1)
    while not pool.fetch(records, [str(tmp_path / "a.jpg")], 10**6).wait(100):
        pass
    assert records.sizes().tolist() == [[30, 20]]
    records.as_stored()
    assert records.sizes().tolist() == [[20, 30]]


@pytest.mark.parametrize(("count", "values"), [(1, 1), (6, 50), (2049, 97), (4, 48), (300, 145)])
@pytest.mark.parametrize("turns", [1, 3])
def test_products_of_bytes_are_those_of_numpy(count, values, turns, simd, rng) -> None:
    """Whole numbers exactly, up to the largest; above the diagonal nothing."""
    pictures = rng.integers(0, 256, (count, values), np.uint8)
    pictures[:, 0] = 255
    for scale, mean, tolerance in ((1.0, np.zeros(values), 0.0), (1 / 255, pictures.mean(axis=0) / 255, 1e-12)):
        made = np.full((values, values), 0.5)
        for turn in range(turns):
            _native.add_byte_products(pictures, scale, mean, made, turn, turns)
        rows = pictures * scale - mean
        expected = 0.5 + np.tril(rows.T @ rows)
        np.testing.assert_allclose(made, expected, rtol=0, atol=tolerance * count)


def test_products_of_bytes_need_the_sides_of_a_picture() -> None:
    pictures = np.zeros((2, 5), np.uint8)
    for mean, side, turn in ((4, 5, 0), (5, 6, 0), (5, 5, 1)):
        with pytest.raises(ValueError, match=r"mean, and both sides|turn must be below"):
            _native.add_byte_products(pictures, 1.0, np.zeros(mean), np.zeros((side, side)), turn, 1)
