"""Bytes to pixels: Pillow is the oracle. Its own decoder is libjpeg-turbo, as ours is.

Measured with libjpeg-turbo 2.1.5 here and Pillow 13.0 (libjpeg-turbo 3.2): identical on every file. Where a
pair of versions differs, the failure's message says what Pillow was built with.
"""

import io
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, features

import imagefeed as feed
from imagefeed import DecodeError, _native

PILLOW = f"Pillow's libjpeg-turbo {features.version('libjpeg_turbo')}"


def for_each(check: Callable[[Path], str | None], files: list[Path]) -> None:
    """Run a check on two cores, and show what it says about the first files that fail it."""
    with ThreadPoolExecutor(2) as threads:
        failures = [words for words in threads.map(check, files) if words]
    assert not failures, f"{len(failures)} of {len(files)} ({PILLOW}): {failures[:5]}"


@pytest.fixture(scope="module")
def jpegs(data) -> list[Path]:
    folders = data("cats_dogs"), data("odd/exif_orientation")
    files = [file for folder in folders for file in sorted(folder.rglob("*.jpg"))]
    assert len(files) > 1000
    return files


# ------------------------------------------------------------------------------------------ JPEG


def test_a_whole_decode_is_pillows(jpegs) -> None:
    def check(file: Path) -> str | None:
        with Image.open(file) as image:
            theirs = np.asarray(image.convert("RGB"))
        ours, y0, x0 = _native.decode_jpeg(file.read_bytes())
        return None if np.array_equal(ours[..., :3], theirs) and (y0, x0) == (0, 0) else file.name

    for_each(check, jpegs)


def test_luma_alone_is_pillows(jpegs) -> None:
    def check(file: Path) -> str | None:
        ours, _, _ = _native.decode_jpeg(file.read_bytes(), color=False)
        return None if np.array_equal(ours[..., 0], np.asarray(drafted(file, "L"))) else file.name

    for_each(check, jpegs[::4])


def drafted(file: Path, mode: str) -> Image.Image:
    """Pillow's picture as its JPEG decoder makes it in a mode: "L" is then the stored luma."""
    with Image.open(file) as image:
        image.draft(mode, image.size)
        image.load()
        return image.copy() if image.mode == mode else image.convert(mode)


def test_a_decode_at_a_fraction_is_pillows(jpegs) -> None:
    def check(file: Path) -> str | None:
        data = file.read_bytes()
        for denominator in (2, 4, 8):
            with Image.open(file) as image:
                image.draft("RGB", tuple(max(1, side // denominator) for side in image.size))
                theirs = np.asarray(image.convert("RGB"))
            ours, _, _ = _native.decode_jpeg(data, denominator=denominator)
            if not np.array_equal(ours[..., :3], theirs):
                return f"{file.name} at 1/{denominator}"
        return None

    for_each(check, jpegs[::10])


MARGIN = 2


@pytest.mark.parametrize("denominator", [1, 2, 4, 8])
def test_a_region_is_the_crop_of_a_whole_decode(jpegs, denominator) -> None:
    """At any region, once it is asked for with a margin of two pixels, which only its own edges may need."""

    def check(file: Path) -> str | None:
        data = file.read_bytes()
        rng = np.random.default_rng([denominator, *file.name.encode()])
        color = bool(rng.random() < 0.8)
        whole, _, _ = _native.decode_jpeg(data, denominator=denominator, color=color)
        for _ in range(3):
            region = random_region(rng, *whole.shape[:2])
            if not same_inside(data, region, denominator, whole):
                return f"{file.name} {region}"
        return None

    for_each(check, jpegs if denominator == 1 else jpegs[denominator % 3 :: 3])


def random_region(rng: np.random.Generator, height: int, width: int) -> tuple[int, int, int, int]:
    y = np.sort(rng.choice(height + 1, 2, replace=False))
    x = np.sort(rng.choice(width + 1, 2, replace=False))
    if rng.random() < 0.3:  # a small one
        y[1], x[1] = min(y[0] + 5, height), min(x[0] + 9, width)
    return int(y[0]), int(x[0]), int(y[1]), int(x[1])


def same_inside(data: bytes, region: tuple[int, int, int, int], denominator: int, whole: np.ndarray) -> bool:
    y0, x0, y1, x1 = region
    height, width, channels = whole.shape
    asked = max(y0 - MARGIN, 0), max(x0 - MARGIN, 0), min(y1 + MARGIN, height), min(x1 + MARGIN, width)
    held, top, left = _native.decode_jpeg(data, asked, denominator, channels == 4)
    if top > asked[0] or left > asked[1] or top + len(held) < asked[2] or left + held.shape[1] < asked[3]:
        return False
    return np.array_equal(held[y0 - top : y1 - top, x0 - left : x1 - left], whole[y0:y1, x0:x1])


def saved(image: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(file, "JPEG", **options)
    return file.getvalue()


KINDS = {
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "4:2:0": {"subsampling": 2},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "rough": {"quality": 5},
    "fine": {"quality": 100},
}


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (16, 17), (61, 83)])
def test_every_kind_of_file_is_pillows_in_every_region(options, channels, size) -> None:
    smooth = np.add.outer(np.arange(size[0]) * 3, np.arange(size[1]) * 2)[..., None] % 256
    rng = np.random.default_rng(0)
    image = np.clip(smooth + rng.normal(0, 25, (*size, channels)), 0, 255).astype(np.uint8)
    data = saved(image, **options)
    with Image.open(io.BytesIO(data)) as picture:
        np.testing.assert_array_equal(feed.read(data), np.asarray(picture.convert("RGB")))
    for denominator in (1, 2, 4, 8):
        whole, _, _ = _native.decode_jpeg(data, denominator=denominator)
        assert whole.shape[:2] == tuple(-(-side // denominator) for side in size)
        for _ in range(20):
            region = random_region(rng, *whole.shape[:2])
            assert same_inside(data, region, denominator, whole), (denominator, region)


# ------------------------------------------------------------------------------------------ who reads the bits


def outcome(data: bytes, region: tuple[int, int, int, int] | None, denominator: int, ours: bool | None) -> object:
    try:
        pixels, y0, x0 = _native.decode_jpeg(data, region, denominator, True, ours)
    except ValueError as error:
        return str(error)
    return pixels[..., :3].tobytes(), pixels.shape, y0, x0


def test_our_reader_takes_every_photograph_and_gives_libjpegs_pixels(jpegs) -> None:
    def check(file: Path) -> str | None:
        data = file.read_bytes()
        found = [outcome(data, None, 1, ours) for ours in (True, False)]
        return None if found[0] == found[1] and not isinstance(found[0], str) else f"{file.name}: {found[0]!r:.100}"

    for_each(check, jpegs[::3])


@pytest.mark.parametrize(
    "options", [KINDS["4:2:0"], KINDS["restarts"], KINDS["fine"]], ids=["plain", "restarts", "fine"]
)
def test_our_reader_is_not_left_for_sound_files(options) -> None:
    rng = np.random.default_rng(1)
    data = saved(rng.integers(0, 256, (70, 90, 3), np.uint8), **options)
    assert outcome(data, None, 1, True) == outcome(data, None, 1, False)
    region = 40, 30, 60, 50
    assert outcome(data, region, 1, True) == outcome(data, region, 1, False)


@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("factor", [3, 12, 255])
def test_coefficients_of_any_size_become_what_libjpeg_makes_of_them(factor, subsampling) -> None:
    rng = np.random.default_rng(factor)
    data = bytearray(saved(rng.integers(0, 2, (40, 56, 3), np.uint8) * 255, quality=100, subsampling=subsampling))
    place = 0
    while (place := data.find(b"\xff\xdb", place)) >= 0:  # the factors that coefficients were divided by: as if larger
        data[place + 5 : place + 69] = bytes([factor] * 64)
        place += 69
    reader = True if subsampling == 0 else None  # 4:2:0 is left to libjpeg as a whole, and not block by block
    assert outcome(bytes(data), None, 1, reader) == outcome(bytes(data), None, 1, False)


@pytest.mark.parametrize("width", [2046, 2047, 2048, 2049, 2050, 4097, 4200])
@pytest.mark.parametrize("interval", [0, 8])
def test_rows_of_any_width_are_libjpegs(rng, width, interval) -> None:
    """Colors are made a thousand chroma samples at a time."""
    data = saved(rng.integers(0, 256, (40, width, 3), np.uint8), restart_marker_blocks=interval)
    for region in (None, (3, 0, 21, width), (0, 16, 40, 16 + 2049), *(random_region(rng, 40, width) for _ in range(4))):
        assert outcome(data, region, 1, True) == outcome(data, region, 1, False), region


@pytest.mark.parametrize("size", [(70, 90), (64, 128)])
@pytest.mark.parametrize("interval", [1, 2, 4, 7, 40])
def test_our_reader_leaps_from_restart_to_restart(rng, size, interval) -> None:
    data = _native.encode_jpeg(rng.integers(0, 256, (*size, 3), np.uint8), 90, interval)
    for _ in range(30):
        region = random_region(rng, *size)
        assert outcome(data, region, 1, True) == outcome(data, region, 1, False), region


def test_what_is_leapt_over_is_not_looked_at(rng) -> None:
    data = _native.encode_jpeg(rng.integers(0, 256, (64, 128, 3), np.uint8), 90, 4)
    second = data.index(b"\xff\xd0") + 2
    spoiled = data[:second] + b"\0" * 8 + data[second + 8 :]
    for region, fine in (((20, 0, 60, 60), True), ((0, 70, 16, 128), False)):
        assert (outcome(spoiled, region, 1, True) == outcome(data, region, 1, True)) == fine


def test_what_damaged_intervals_give_is_libjpegs_to_say() -> None:
    """Two of them are read at a time, and not by the reader of whole scans."""
    rng = np.random.default_rng(5)
    smooth = np.add.outer(np.arange(90) * 2, np.arange(120))[..., None] % 256
    data = _native.encode_jpeg(np.clip(smooth + rng.normal(0, 15, (90, 120, 3)), 0, 255).astype(np.uint8), 85, 3)
    head = data.index(b"\xff\xda") + 14
    read = 0
    for _ in range(400):
        bad = bytearray(data)
        for place in rng.integers(head, len(bad) - 2, rng.integers(1, 3)):
            bad[place] = rng.choice([0, 0xFF, 0xD3, int(rng.integers(256))])
        if rng.random() < 0.2:
            del bad[int(rng.integers(head, len(bad))) :]
        found = [outcome(bytes(bad), None, 1, ours) for ours in (None, False)]
        assert found[0] == found[1]
        read += not isinstance(outcome(bytes(bad), None, 1, True), str)
    assert 20 < read < 380  # both ways were gone


@pytest.mark.parametrize("interval", [0, 4])
@pytest.mark.parametrize("number", [0x40, 0x04, 0xFF])
def test_tables_that_there_cannot_be_are_libjpegs_to_name(rng, interval, number) -> None:
    data = saved(rng.integers(0, 256, (40, 60, 3), np.uint8), restart_marker_blocks=interval)
    of_codes, of_divisors = data.index(b"\xff\xda") + 6, data.index(b"\xff\xc0") + 12
    for place in (of_codes, of_codes + 2, of_divisors, of_divisors + 3):
        bad = bytearray(data)
        bad[place] = number
        found = [outcome(bytes(bad), None, 1, ours) for ours in (None, False)]
        assert found[0] == found[1]
        assert "table 0x" in found[0]


def test_a_progressive_file_is_libjpegs_to_read() -> None:
    data = saved(np.zeros((20, 20, 3), np.uint8), progressive=True)
    with pytest.raises(ValueError, match="only libjpeg"):
        _native.decode_jpeg(data, ours=True)


def test_what_a_damaged_file_gives_is_libjpegs_to_say(jpegs) -> None:
    """Whatever our reader makes of a fault: the pixels, or the message, are those of libjpeg from the first bit on."""
    kept: list[bool] = []

    def check(file: Path) -> str | None:
        rng = np.random.default_rng(list(file.name.encode()))
        for _ in range(12):
            bad = bytearray(file.read_bytes())
            for place in rng.integers(len(bad) // 10, len(bad), rng.integers(1, 4)):
                bad[place] = rng.choice([0, 0xFF, 0xD3, int(rng.integers(256))])
            if rng.random() < 0.2:
                del bad[int(rng.integers(len(bad) // 10, len(bad))) :]
            region = None if rng.random() < 0.5 else random_region(rng, 300, 300)
            denominator = int(rng.choice([1, 2, 8]))
            found = [outcome(bytes(bad), region, denominator, ours) for ours in (None, False)]
            kept.append(not isinstance(outcome(bytes(bad), region, denominator, True), str))
            if found[0] != found[1]:
                return f"{file.name} {region} at 1/{denominator}: {found[0]!r:.80} {found[1]!r:.80}"
        return None

    for_each(check, jpegs[::20])
    assert 0.05 < np.mean(kept) < 0.95  # both ways were gone


# ------------------------------------------------------------------------------------------ one picture


def upright(file: Path | io.BytesIO) -> Image.Image:
    with Image.open(file) as image:
        return ImageOps.exif_transpose(image)


def test_orientation_is_that_of_pillow(data) -> None:
    files = sorted(data("odd/exif_orientation").rglob("*.jpg"))
    assert len(files) == 18
    for file in files:
        np.testing.assert_array_equal(feed.read(file), np.asarray(upright(file)))
        gray = feed.read(file, color="gray")
        np.testing.assert_array_equal(
            gray[..., 0], np.asarray(ImageOps.exif_transpose(with_exif(drafted(file, "L"), file)))
        )


def with_exif(image: Image.Image, file: Path) -> Image.Image:
    with Image.open(file) as original:
        image.info["exif"] = original.info.get("exif", b"")
    return image


@pytest.mark.parametrize("order", [b"II", b"MM"])
@pytest.mark.parametrize("orientation", range(10))
def test_every_orientation_turns_a_region_as_it_turns_the_whole(orientation, order) -> None:
    """The loader's way: the region is of the upright picture, the file is as it lies on the disk."""
    rng = np.random.default_rng(orientation)
    image = rng.integers(0, 256, (40, 60, 3), np.uint8)
    exif = Image.Exif()
    exif.endian = "<" if order == b"II" else ">"
    exif[0x0112] = orientation
    data = saved(image, exif=exif)
    assert order in data[:40]
    whole = np.asarray(upright(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(feed.read(data), whole)
    for size in ((10, 12), (33, 5)):
        crop = feed.render(data, feed.Pipeline([feed.CenterCrop(size)]))[0]
        y, x = (whole.shape[0] - size[0]) // 2, (whole.shape[1] - size[1]) // 2
        np.testing.assert_array_equal(crop, whole[y : y + size[0], x : x + size[1]])


def expected(file: Path, mode: str = "RGB") -> np.ndarray | None:
    """What Pillow makes of a file's first frame; None if it refuses it, or if only NumPy is to be trusted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = upright(file)
            if image.mode == "F":
                return None
            if image.mode.startswith("I"):  # its high byte; Pillow cuts off at 255 instead
                levels = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
                image = Image.fromarray(levels)
            return np.asarray(image.convert(mode))
        except Exception:  # whatever a broken file leads to
            return None


READ = (".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".ppm", ".pgm", ".pnm", ".jpg", ".jpeg")


@pytest.mark.parametrize(("folder", "least"), [("odd/pillow", 250), ("odd/pngsuite", 150)])
def test_other_formats_are_pillows(data, folder, least) -> None:
    compared, refused = 0, []
    for file in sorted(data(folder).rglob("*")):
        theirs = expected(file) if file.suffix.lower() in READ else None
        if theirs is None:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ours = feed.read(file)
            except DecodeError as error:
                refused.append(str(error))
                continue
        np.testing.assert_array_equal(ours, theirs, err_msg=file.name)
        compared += 1
    assert compared >= least
    assert refused == []


def file_of(tmp_path: Path, image: Image.Image, name: str, **options: object) -> Path:
    image.save(tmp_path / name, **options)
    return tmp_path / name


def test_cmyk_and_palettes_and_alpha_become_rgb(tmp_path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
    files = (
        file_of(tmp_path, image.convert("CMYK"), "cmyk.jpg"),
        file_of(tmp_path, image.convert("P"), "palette.png"),
        file_of(tmp_path, image.convert("P"), "transparent.gif", transparency=3),
        file_of(tmp_path, image.convert("RGBA"), "alpha.png"),
        file_of(tmp_path, image.convert("LA"), "gray_alpha.png"),
        file_of(tmp_path, image.convert("1"), "bits.png"),
        file_of(tmp_path, image.convert("L"), "gray.webp"),
    )
    for file in files:
        for color, mode in (("rgb", "RGB"), ("gray", "L")):
            ours = feed.read(file, color=color)
            assert ours.shape == (20, 30, 3 if color == "rgb" else 1)
            np.testing.assert_array_equal(ours.squeeze(), expected(file, mode), err_msg=file.name)


def test_16_bits_keep_their_high_byte(tmp_path) -> None:
    values = np.linspace(0, 65535, 600).astype(np.uint16).reshape(20, 30)
    for name in ("gray.png", "gray.tif"):
        file = file_of(tmp_path, Image.fromarray(values), name)
        np.testing.assert_array_equal(feed.read(file)[..., 1], values >> 8)
        np.testing.assert_array_equal(feed.read(file, color="gray")[..., 0], values >> 8)


def test_floating_point_pictures_are_refused(tmp_path) -> None:
    file = file_of(tmp_path, Image.fromarray(np.zeros((4, 5), np.float32)), "floats.tif")
    with pytest.raises(DecodeError, match="floating-point"):
        feed.read(file)


def test_a_picture_is_the_callers_own() -> None:
    image = np.zeros((9, 8, 3), np.uint8)
    pixels = feed.read(saved(image))
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous
    assert pixels.shape == (9, 8, 3)
    pixels[:] = 7


def test_a_path_may_be_text_or_a_path(tmp_path) -> None:
    (tmp_path / "ä ñ.jpg").write_bytes(saved(np.zeros((9, 8, 3), np.uint8)))
    for path in (tmp_path / "ä ñ.jpg", str(tmp_path / "ä ñ.jpg")):
        assert feed.read(path).shape == (9, 8, 3)
        assert feed.render(path, feed.Pipeline([])).shape == (1, 9, 8, 3)
