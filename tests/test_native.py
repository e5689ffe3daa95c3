"""The native core by itself: its kernels against SciPy, Pillow and NumPy, and every instruction set alike."""

import contextlib
import gc
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from imagefeed import _native

INTERPOLATIONS = {"nearest": 0, "box": 1, "bilinear": 2, "hamming": 3, "bicubic": 4, "lanczos": 5}
BORDERS = {"none": 0, "constant": 1, "replicate": 2, "reflect": 3, "wrap": 4}
DTYPES = {"uint8": 0, "float16": 1, "float32": 2, "bfloat16": 3}
LAYOUTS = {"nhwc": 0, "nchw": 1}
SIMD = ("portable", "avx2", "avx512")


@pytest.fixture(autouse=True)
def same_simd_afterwards():
    before = _native.simd()
    yield
    assert _native.select_simd(before)


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


class Draw:
    """What is done to one picture: one pass, written down as the native core takes it."""

    def __init__(self) -> None:
        self.program = _native.Program(1)
        self.program.begin_pass()
        self.size: tuple[int, int] | None = None
        self.layout = "nhwc"
        self.dtype = "float32"
        self.store()

    def warp(self, matrix, size, interpolation="bilinear", border="replicate", fill=0.0, antialias=False) -> "Draw":
        self.size = size
        matrix = np.array(matrix, np.float64).reshape(1, 3, 3)
        kinds = INTERPOLATIONS[interpolation], BORDERS[border]
        self.program.warp(matrix, np.array([size], np.int64), *kinds, [fill], antialias)
        return self

    def color(self, matrix, low=(0.0,) * 3, high=(255.0,) * 3, diagonal=False) -> "Draw":
        arrays = (np.array(a, np.float32)[None] for a in (matrix, low, high))
        self.program.color_matrix(*arrays, diagonal)
        return self

    def lut(self, table) -> "Draw":
        self.program.lut(np.array(table, np.uint8)[None])
        return self

    def store(self, dtype="float32", layout="nhwc", scale=(1.0,), bias=(0.0,)) -> "Draw":
        self.dtype, self.layout = dtype, layout
        self.program.store(DTYPES[dtype], LAYOUTS[layout], list(scale), list(bias))
        return self

    def on(self, image: np.ndarray, region=None) -> np.ndarray:
        """The picture that comes out; PlanError's message as a ValueError."""
        records = _native.Records(1)
        records.set_array(0, image)
        if region is not None:
            self.program.region(np.array([region], np.int64), np.array([1], np.int64))
        height, width = self.size or image.shape[:2]
        channels = image.shape[2]
        shape = (height, width, channels) if self.layout == "nhwc" else (channels, height, width)
        out = np.full((1, *shape), 77, "uint16" if self.dtype == "bfloat16" else self.dtype)
        pool = _native.Pool(1)  # held: a pool that goes away drops its jobs
        job = pool.render(records, self.program, 0, out)
        while not job.wait(1000):
            continue
        for _, _, message in job.faults():
            raise ValueError(message)
        return out[0]


def upright(size, image) -> np.ndarray:
    """The matrix of a resize of the whole picture."""
    return np.diag([image.shape[1] / size[1], image.shape[0] / size[0], 1.0])


# ------------------------------------------------------------------------------------------ against others


@pytest.fixture(scope="module")
def photographs(data) -> list[np.ndarray]:
    files = sorted(data("cats_dogs/validation").rglob("*.jpg"))
    return [np.asarray(Image.open(file).convert("RGB")) for file in files[::60]]


@pytest.mark.parametrize("kernel", [k for k in INTERPOLATIONS if k != "nearest"])
def test_a_resize_of_photographs_is_pillows_within_a_level(photographs, kernel) -> None:
    """Pillow sums 8-bit levels with weights of 22 bits and rounds between the axes; we do neither."""
    for image in photographs:
        for size in ((224, 224), (100, 333), (600, 700), image.shape[:2], (7, 5), (1, 1)):
            ours = Draw().warp(upright(size, image), size, kernel, "none", antialias=True).store("uint8").on(image)
            theirs = Image.fromarray(image).resize(size[::-1], Image.Resampling[kernel.upper()])
            assert abs(ours.astype(int) - np.asarray(theirs)).max() <= 1, size


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic", "lanczos"])
def test_a_resize_of_a_box_is_pillows_within_a_level(photographs, kernel) -> None:
    matrix = np.array([[1.7, 0, 20.3], [0, 0.9, 33.1], [0, 0, 1]])
    box = (20.3, 33.1, 20.3 + 1.7 * 150, 33.1 + 0.9 * 200)
    for image in photographs:
        image = np.ascontiguousarray(image[:230, :290])
        if image.shape[:2] != (230, 290):
            continue
        ours = Draw().warp(matrix, (200, 150), kernel, "none", antialias=True).store("uint8").on(image)
        theirs = Image.fromarray(image).resize((150, 200), Image.Resampling[kernel.upper()], box=box)
        assert abs(ours.astype(int) - np.asarray(theirs)).max() <= 1


def in_scipys_terms(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes in the order (y, x), and coordinates that are whole at the centers of pixels."""
    linear = matrix[:2, :2][::-1, ::-1]
    return linear, matrix[:2, 2][::-1] + linear @ [0.5, 0.5] - 0.5


TURN = np.array([[0.7368, -0.3115, 40.2], [0.3115, 0.7368, -120.7], [0, 0, 1]])


@pytest.mark.parametrize("simd", SIMD)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(
    ("border", "mode"),
    [("constant", "grid-constant"), ("replicate", "nearest"), ("reflect", "reflect"), ("wrap", "grid-wrap")],
)
def test_a_warp_of_a_photograph_is_scipys(photographs, border, mode, dtype, simd) -> None:
    if not _native.select_simd(simd):
        pytest.skip(f"this processor or build has no {simd} kernels")
    image = photographs[0].astype(dtype)
    for matrix in (TURN, TURN @ np.diag([3.1, -2.7, 1]), np.linalg.inv(TURN) @ np.diag([0.21, 0.4, 1])):
        ours = Draw().warp(matrix, (300, 320), border=border, fill=17).on(image)
        linear, shift = in_scipys_terms(matrix)
        for channel in range(3):
            values = image[..., channel].astype(float)
            theirs = ndimage.affine_transform(values, linear, shift, (300, 320), order=1, mode=mode, cval=17)
            assert abs(ours[..., channel] - theirs).max() < 0.01


def test_a_region_is_enough_for_what_it_was_made_for() -> None:
    image = noise(90, 80)
    whole = Draw().warp([[1, 0.1, 20], [0.1, 1, 30], [0, 0, 1]], (20, 20)).on(image)
    part = Draw().warp([[1, 0.1, 20], [0.1, 1, 30], [0, 0, 1]], (20, 20)).on(image, region=(28, 18, 55, 45))
    np.testing.assert_array_equal(part, whole)


# ------------------------------------------------------------------------------------------ color and store


def test_a_color_matrix_is_a_product_and_a_clip() -> None:
    image = noise(9, 33)
    matrix = np.array([[0.5, 0.2, -0.3, 9], [1.5, 0.1, 0.1, -30], [0, 0.3, 2, 0]], np.float32)
    low, high = (10.0, 0.0, 5.0), (250.0, 200.0, 255.0)
    expected = np.clip(image @ matrix[:, :3].T.astype(float) + matrix[:, 3], low, high)
    np.testing.assert_allclose(Draw().color(matrix, low, high).on(image), expected, atol=1e-4)


def test_gray_is_the_color_of_three_equal_channels() -> None:
    gray, matrix = noise(9, 33, 1), np.array([[0.5, 0.2, -0.3, 9], [1, 1, 1, 1], [2, 2, 2, 2]])
    color = Draw().color(matrix).on(gray.repeat(3, axis=2))
    np.testing.assert_allclose(Draw().color(matrix).on(gray), color[..., :1], atol=1e-4)


@pytest.mark.parametrize("channels", [2, 4])
def test_mixing_other_channels_is_a_fault(channels) -> None:
    with pytest.raises(ValueError, match=f"takes 1 or 3 channels, but the picture has {channels}"):
        Draw().color(np.eye(3, 4)).on(noise(9, 33, channels))
    pixels = Draw().color(np.diag([1, 0.5, 0.25, 0])[:3], diagonal=True).on(noise(9, 33, channels))
    np.testing.assert_allclose(pixels, noise(9, 33, channels) * [1, 0.5, 0.25, 0.25][:channels])


def test_a_table_is_read_at_the_rounded_level() -> None:
    table = np.random.default_rng(1).integers(0, 256, (256, 3))
    levels = np.array([-9, -0.5, 0.5, 1.5, 2.5, 3.49, 253.5, 254.5, 300], np.float32)
    image = np.repeat(levels[None, :, None], 3, axis=2)
    expected = table[np.clip(np.rint(levels), 0, 255).astype(int)]
    np.testing.assert_array_equal(Draw().lut(table).on(image)[0], expected)
    shared = Draw().lut(table[:, :1]).on(image)[0]
    np.testing.assert_array_equal(shared, np.repeat(expected[:, :1], 3, axis=1))


EVERY_HALF = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)


@pytest.mark.parametrize("simd", SIMD)
def test_float16_is_numpys(simd) -> None:
    if not _native.select_simd(simd):
        pytest.skip(f"this processor or build has no {simd} kernels")
    finite = EVERY_HALF[np.isfinite(EVERY_HALF)]
    between = (finite[:-1] + np.diff(finite) / 2)[np.isfinite(np.diff(finite))]  # ties
    near = np.nextafter(between, np.float32(np.inf)), np.nextafter(between, np.float32(-np.inf))
    edges = np.array([65519.99, 65520, 1e30, -1e30, 1e-10, -1e-10, np.inf, -np.inf], np.float32)
    values = np.concatenate([finite, between, *near, edges]).astype(np.float32)
    with np.errstate(over="ignore"):
        expected = values.astype(np.float16)
    for channels in (1, 3, 4):
        image = np.repeat(values[None, : len(values) // 7 * 7, None], channels, axis=2)
        ours = Draw().store("float16", bias=(-0.0,)).on(image)[0]  # what is added keeps the sign of zero
        np.testing.assert_array_equal(
            ours.view(np.uint16), np.repeat(expected[: len(ours), None], channels, 1).view(np.uint16)
        )


@pytest.mark.parametrize("simd", SIMD)
def test_bfloat16_is_that_of_ml_dtypes(simd) -> None:
    kinds = pytest.importorskip("ml_dtypes")
    if not _native.select_simd(simd):
        pytest.skip(f"this processor or build has no {simd} kernels")
    upper = np.arange(2**16, dtype=np.uint32) << 16
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    values = (upper[:, None] | lower).ravel().view(np.float32)
    values = values[np.isfinite(values)]
    expected = values.astype(kinds.bfloat16).view(np.uint16)
    for channels in (1, 3, 4):
        image = np.repeat(values[None, :, None], channels, axis=2)
        ours = Draw().store("bfloat16", bias=(-0.0,)).on(image)[0]
        np.testing.assert_array_equal(ours.view(np.uint16), np.repeat(expected[:, None], channels, 1))
    for odd in (np.nan, np.inf, -np.inf):
        ours = Draw().store("bfloat16").on(np.full((1, 40, 1), odd, np.float32))[0]
        np.testing.assert_array_equal(ours.view(kinds.bfloat16).astype(np.float32), np.full((40, 1), odd, np.float32))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("simd", SIMD)
def test_levels_are_rounded_half_to_even_and_clipped(simd, channels) -> None:
    if not _native.select_simd(simd):
        pytest.skip(f"this processor or build has no {simd} kernels")
    values = np.concatenate([np.arange(-3, 260, 0.25), [1e9, -1e9, 3e38, -3e38]]).astype(np.float32)
    image = np.repeat(values[None, :, None], channels, axis=2)
    expected = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    for layout in LAYOUTS:
        ours = Draw().store("uint8", layout).on(image)
        ours = ours[0] if layout == "nhwc" else ours[:, 0].T
        np.testing.assert_array_equal(ours, np.repeat(expected[:, None], channels, axis=1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_planes_are_the_transposed_pixels(dtype, channels) -> None:
    for size in ((1, 1), (3, 16), (5, 17), (4, 47), (2, 130)):
        image = noise(*size, channels)
        scale, bias = [0.7 + 0.1 * c for c in range(channels)], [-2.0 + c for c in range(channels)]
        pixels, planes = (Draw().store(dtype, layout, scale, bias).on(image) for layout in LAYOUTS)
        np.testing.assert_array_equal(planes.transpose(1, 2, 0), pixels)
        expected = image * np.array(scale, np.float32) + np.array(bias, np.float32)
        if dtype == "uint8":
            expected = np.clip(np.rint(expected), 0, 255)
        if dtype == "bfloat16":
            pixels = (pixels.astype(np.uint32) << 16).view(np.float32)
        near = {"float16": 1e-3, "bfloat16": 5e-3}.get(dtype, 1e-6)
        np.testing.assert_allclose(pixels, expected, rtol=near, atol=1e-4)


# ------------------------------------------------------------------------------------------ instruction sets


def random_draw(rng: np.random.Generator) -> tuple[Draw, np.ndarray]:
    """Anything that can be asked for, on a picture of any size and kind."""
    channels = int(rng.choice([1, 2, 3, 3, 3, 4, 6]))
    height, width = (int(rng.choice([1, 2, int(rng.integers(3, 90))])) for _ in range(2))
    image = noise(height, width, channels, int(rng.integers(1 << 30)))
    if rng.random() < 0.4:
        image = image.astype(np.float32) + rng.random(image.shape, np.float32)
    draw = Draw()
    if rng.random() < 0.9:
        matrix = np.eye(3) + rng.normal(0, 0.6, (3, 3)) * [[1, 1, 30], [1, 1, 30], [0, 0, 0]]
        kind = rng.integers(4)
        interpolation = str(rng.choice(["nearest", "bilinear"]))
        if kind == 0:
            matrix[2, :2] = rng.normal(0, 0.004, 2)
        elif kind == 1:
            matrix[0, 1] = matrix[1, 0] = 0
            interpolation = str(rng.choice(list(INTERPOLATIONS)))
        size = tuple(int(rng.integers(1, 140)) for _ in range(2))
        border = str(rng.choice([b for b in BORDERS if b != "none"]))
        draw.warp(matrix, size, interpolation, border, float(rng.integers(256)), bool(rng.random() < 0.6))
    if rng.random() < 0.3:
        draw.color(rng.normal(0.3, 0.5, (3, 4)), diagonal=channels not in (1, 3) or bool(rng.random() < 0.5))
    if rng.random() < 0.3:
        draw.lut(rng.integers(0, 256, (256, rng.choice([1, channels]))))
    dtype, layout = str(rng.choice(list(DTYPES))), str(rng.choice(list(LAYOUTS)))
    draw.store(dtype, layout, rng.normal(1, 0.2, channels), rng.normal(0, 5, channels))
    return draw, image


def drawn(seed: int) -> bytes:
    draw, image = random_draw(np.random.default_rng(seed))
    return draw.on(image).tobytes()


@pytest.mark.parametrize("simd", SIMD[1:])
def test_every_instruction_set_gives_the_same_bytes(simd) -> None:
    if not _native.select_simd(simd):
        pytest.skip(f"this processor or build has no {simd} kernels")
    ours = [drawn(seed) for seed in range(800)]
    assert _native.select_simd("portable")
    different = [seed for seed in range(800) if drawn(seed) != ours[seed]]
    assert different == []


def test_an_unknown_instruction_set_is_refused() -> None:
    before = _native.simd()
    assert not _native.select_simd("mmx")
    assert _native.simd() == before


# ------------------------------------------------------------------------------------------ misuse


def test_wrong_arrays_are_refused() -> None:
    program, records = _native.Program(2), _native.Records(2)
    image, eye = noise(4, 4), np.eye(3)[None]
    size = np.array([[4, 4]], np.int64)
    for wrong, error in (
        (lambda: program.warp(eye, size, 2, 2, [0.0], True), ValueError),  # no pass
        (lambda: (program.begin_pass(), program.warp(eye, size, 9, 2, [0.0], True)), ValueError),
        (lambda: program.warp(eye, size, 2, 5, [0.0], True), ValueError),
        (lambda: program.warp(eye.repeat(3, 0), size, 2, 2, [0.0], True), ValueError),
        (lambda: program.warp(eye, size[:, :1], 2, 2, [0.0], True), ValueError),
        (lambda: program.warp(eye, size, 2, 2, [], True), ValueError),
        (lambda: program.lut(np.zeros((1, 255, 1), np.uint8)), ValueError),
        (lambda: program.region(np.zeros((1, 4), np.int64), np.array([3])), ValueError),
        (lambda: records.set_array(2, image), IndexError),
        (lambda: records.set_bytes(-1, b""), (IndexError, TypeError)),
        (lambda: records.set_array(0, image.astype(np.int16)), TypeError),
        (lambda: records.set_array(0, image[..., 0]), TypeError),
        (lambda: records.set_array(0, np.zeros((4, 4, 33), np.uint8)), ValueError),
        (lambda: records.set_array(0, np.zeros((0, 4, 3), np.uint8)), ValueError),
        (lambda: records.set_rows(image[None], np.array([0, 1])), IndexError),
        (lambda: records.set_rows(image[None], np.array([0, -1])), IndexError),
        (lambda: _native.Pool(0), (ValueError, TypeError)),
        (lambda: _native.Pool(1).fetch(records, ["one"], 99), ValueError),
        (lambda: _native.Pool(1).render(records, program, 1, np.empty((2, 4, 4, 3), np.uint8)), ValueError),
        (lambda: _native.Pool(1).render(records, program, 0, np.empty((2, 4, 4, 3), np.float32)), TypeError),
        (lambda: _native.Pool(1).render(records, program, 0, np.empty((2, 4, 4, 33), np.uint8)), ValueError),
        (
            lambda: _native.Pool(1).render(records, program, 0, np.empty((2, 4, 9, 3), np.uint8)[:, :, ::2]),
            TypeError,
        ),
        (
            lambda: _native.Pool(1).render_each(records, program, [np.empty((4, 9, 3), np.uint8)[:, ::2]] * 2),
            TypeError,
        ),
    ):
        with pytest.raises(error):
            wrong()


@pytest.mark.parametrize(
    ("matrix", "size", "message"),
    [
        (np.full((3, 3), np.nan), (4, 4), "a warp matrix is not finite"),
        (np.eye(3), (0, 4), "a warp's size is 0x4"),
        (np.eye(3), (4, 1 << 21), "a warp's size is 4x2097152"),
    ],
)
def test_a_warp_that_cannot_be_is_a_fault(matrix, size, message) -> None:
    draw = Draw().warp(matrix, size)
    draw.size = (4, 4)
    with pytest.raises(ValueError, match=message):
        draw.on(noise(4, 4))


def test_a_slot_of_another_size_is_a_fault() -> None:
    draw = Draw().warp(np.eye(3), (5, 4))
    draw.size = (4, 4)
    with pytest.raises(ValueError, match="comes out as 5x4x3 and its place in the batch is 4x4x3"):
        draw.on(noise(4, 4))


@pytest.mark.parametrize("value", [1e300, -1e300, 1e18, 1e-300, 0.0])
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "lanczos"])
def test_huge_and_tiny_matrices_stay_inside_memory(value, border, interpolation) -> None:
    """What comes out means nothing; but it comes out, and AddressSanitizer sees what was read for it."""
    for matrix in (
        [[1, 0, value], [0, 1, value], [0, 0, 1]],
        [[value, 0, 0], [0, value, 0], [0, 0, 1]],
        [[1, value, 0], [value, 1, 0], [0, 0, 1]],
        [[1, 0.1, 0], [0.1, 1, 0], [value, value, 1]],
    ):
        for antialias in (False, True):
            for image in (noise(5, 7), noise(5, 7).astype(np.float32)):
                with contextlib.suppress(ValueError):  # a plan fault
                    Draw().warp(matrix, (9, 21), interpolation, border, antialias=antialias).on(image)


@pytest.mark.parametrize("border", [b for b in BORDERS if b != "none"])
def test_weights_of_not_a_number_stay_inside_memory(border) -> None:
    image = np.full((5, 7, 3), np.nan, np.float32)
    image[2, 3] = np.inf
    Draw().warp(TURN, (9, 21), border=border).store("uint8").on(image)
    Draw().lut(np.arange(256)[:, None]).on(image)


# ------------------------------------------------------------------------------------------ memory and jobs


def test_batch_memory_comes_back_once_nothing_refers_to_it() -> None:
    memory = _native.Recycler(4)
    first = memory.take(3_000_000)
    address = first.ctypes.data
    view = first[10:20]
    assert memory.take(3_000_000).ctypes.data != address
    del first
    gc.collect()
    assert memory.take(3_000_000).ctypes.data != address  # the view still stands on it
    view[:] = 1
    del view
    assert memory.take(3_000_000).ctypes.data == address


def test_memory_outlives_the_one_that_gave_it() -> None:
    memory = _native.Recycler(4)
    block = memory.take(1000)
    del memory
    block[:] = 3
    assert block.sum() == 3000


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_idle_memory_is_bounded() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    memory, size = _native.Recycler(2), 32 << 20
    before = resident()
    blocks = [memory.take(size) for _ in range(6)]
    for block in blocks:
        block[:] = 1
    assert resident() - before > 5 * size
    del block, blocks
    assert resident() - before < 3 * size


def test_a_dropped_job_leaves_its_output_alone() -> None:
    pool, records, program = many_warps(400)
    out = np.zeros((400, 40, 400, 3), np.uint8)
    job = pool.render(records, program, 0, out)
    del job, records, program
    before = out.copy()
    time.sleep(0.05)
    np.testing.assert_array_equal(out, before)
    assert not out[-1].any()


def many_warps(count: int) -> tuple[_native.Pool, _native.Records, _native.Program]:
    """Work of about a millisecond a record for one thread."""
    records = _native.Records(count)
    records.set_rows(noise(300, 300)[None] | 1, np.zeros(count, np.int64))
    program = _native.Program(count)
    program.begin_pass()
    program.warp(TURN[None], np.array([[40, 400]], np.int64), 2, 2, [0.0], False)
    return _native.Pool(1), records, program


def test_a_cancelled_job_ends_early() -> None:
    pool, records, program = many_warps(400)
    out = np.zeros((400, 40, 400, 3), np.uint8)
    job = pool.render(records, program, 0, out)
    job.cancel()
    assert job.wait(5000)
    assert not out[-1].any()


def test_jpeg_header_says_what_is_in_it(data) -> None:
    for file in sorted(Path(data("odd/exif_orientation")).rglob("*.jpg")):
        with Image.open(file) as image:
            header = _native.jpeg_header(file.read_bytes())
            assert (header["width"], header["height"]) == image.size
            assert header["orientation"] == (image.getexif().get(0x0112) or 1)  # 0 says nothing
            assert header["components"] == 3
            assert header["supported"]
            assert header["complete"]
