"""PNGs by the native core: Pillow's way, which all other formats go, is the oracle."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import DecodeError, _native
from imagefeed.decode import MOST_PIXELS
from imagefeed.foreign import decode_foreign

KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8)]
KINDS += [(4, 8), (4, 16), (6, 8), (6, 16)]
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
FORMS = ["rgb", "gray", "gray16", "index"]
SIZES = [(1, 1), (3, 5), (7, 16), (33, 31)]


def chunk(name: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    size: tuple[int, int],
    kind: tuple[int, int],
    rows: bytes,
    *,
    before: tuple[bytes, ...] = (),
    after: tuple[bytes, ...] = (),
    packed: bytes | None = None,
    pieces: int = 1,
    interlace: int = 0,
) -> bytes:
    packed = zlib.compress(rows) if packed is None else packed
    header = struct.pack(">IIBBBBB", size[1], size[0], kind[1], kind[0], 0, 0, interlace)
    step = -(-len(packed) // pieces) or 1
    data = [chunk(b"IDAT", packed[k : k + step]) for k in range(0, len(packed), step)]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join([*before, *data, *after]) + chunk(b"IEND")


def coded_rows(rng: np.random.Generator, size: tuple[int, int], kind: tuple[int, int], filters: list[int]) -> bytes:
    """Rows of any bytes, each coded in one of some ways: all of them are pictures."""
    length = -(-size[1] * SAMPLES[kind[0]] * kind[1] // 8)
    rough = rng.random() < 0.5
    rows = [rng.integers(0, 256 if rough else 3, length, np.uint8).tobytes() for _ in range(size[0])]
    return b"".join(bytes([filters[y % len(filters)]]) + row for y, row in enumerate(rows))


def palette(rng: np.random.Generator, kind: tuple[int, int], colors: int | None = None) -> tuple[bytes, ...]:
    count = 1 << kind[1] if colors is None else colors
    return (chunk(b"PLTE", rng.integers(0, 256, 3 * count, np.uint8).tobytes()),) if kind[0] == 3 else ()


def outcome(decode, data: bytes, form: str) -> object:
    try:
        pixels = decode(data, form)
    except DecodeError as error:
        return str(error)
    return pixels.shape, str(pixels.dtype), pixels.tobytes()


def ours(data: bytes, form: str) -> np.ndarray:
    return feed.read(data, color=form)


def theirs(data: bytes, form: str) -> np.ndarray:
    return decode_foreign(data, "<bytes>", color=form, most_pixels=MOST_PIXELS)


def is_taken(data: bytes, form: str = "rgb") -> bool:
    return _native.decode_png(data, form) is not None


def same(data: bytes, form: str) -> None:
    assert outcome(ours, data, form) == outcome(theirs, data, form)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_every_kind_is_pillows(rng, kind, form) -> None:
    for size in SIZES:
        for filters in ([0], [1], [2], [3], [4], [4, 3, 2, 1, 0]):
            data = png(size, kind, coded_rows(rng, size, kind, filters), before=palette(rng, kind))
            same(data, form)
            color, depth = kind
            fits = (form != "gray16" or depth < 16) and (form != "index" or (depth < 16 and color in (0, 3, 4)))
            assert is_taken(data, form) == fits


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_region_is_the_crop_of_the_whole(rng, kind) -> None:
    size = 40, 37
    rows = coded_rows(rng, size, kind, [0, 1, 2, 3, 4])
    data = png(size, kind, rows, before=palette(rng, kind), pieces=7)
    for form in FORMS:
        whole = _native.decode_png(data, form)
        for _ in range(0 if whole is None else 10):
            y0, x0 = int(rng.integers(size[0])), int(rng.integers(size[1]))
            y1, x1 = int(rng.integers(y0, size[0])) + 1, int(rng.integers(x0, size[1])) + 1
            part = _native.decode_png(data, form, (y0, x0, y1, x1))
            np.testing.assert_array_equal(part, whole[y0:y1, x0:x1])


@pytest.mark.parametrize("colors", [1, 5, 200, 256])
def test_a_palette_may_be_short(rng, colors) -> None:
    kind, size = (3, 8), (20, 20)
    data = png(size, kind, coded_rows(rng, size, kind, [0]), before=palette(rng, kind, colors))
    for form in FORMS:
        assert is_taken(data, form)
        same(data, form)


def packers() -> dict[str, object]:
    def packed(**options: int):
        def pack(rows: bytes) -> bytes:
            packer = zlib.compressobj(**options)
            return packer.compress(rows) + packer.flush()

        return pack

    strategies = {"filtered": zlib.Z_FILTERED, "huffman": zlib.Z_HUFFMAN_ONLY, "rle": zlib.Z_RLE, "fixed": zlib.Z_FIXED}
    levels = {f"level {level}": packed(level=level) for level in (0, 1, 6, 9)}
    windows = {"window 9": packed(wbits=9), "little memory": packed(memLevel=1)}
    return levels | windows | {name: packed(strategy=strategy) for name, strategy in strategies.items()}


@pytest.mark.parametrize("pack", packers().values(), ids=packers())
@pytest.mark.parametrize("sort", ["runs", "noise", "periods", "photograph"])
def test_whatever_way_it_was_packed(rng, pack, sort) -> None:
    size = 180, 400
    y, x = np.mgrid[: size[0], : size[1]]
    pixels = {
        "runs": (x // 90 + y // 60) % 3,
        "noise": rng.integers(0, 256, size),
        "periods": x % (1 + y % 40) * 5,
        "photograph": (np.sin(x / 30) + np.cos(y / 20) + 2) * 60 + rng.normal(0, 2, size),
    }[sort].astype(np.uint8)
    pixels = np.stack([pixels, pixels // 2, 255 - pixels], axis=-1)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    data = png(size, (2, 8), rows, packed=pack(rows), pieces=3)
    assert is_taken(data)
    np.testing.assert_array_equal(feed.read(data), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("form", [*FORMS, "rgba"])
def test_files_that_pillow_writes(rng, mode, form) -> None:
    picture = Image.fromarray(rng.integers(0, 256, (50, 70, 3), np.uint8))
    picture = Image.fromarray(rng.integers(0, 65536, (50, 70), np.uint16)) if mode == "I;16" else picture.convert(mode)
    for options in ({}, {"optimize": True}, {"transparency": 0} if mode in ("P", "L") else {}):
        file = io.BytesIO()
        picture.save(file, "PNG", **options)
        same(file.getvalue(), form)


@pytest.mark.parametrize("orientation", range(9))
@pytest.mark.parametrize("place", ["before", "after"])
def test_the_orientation_is_applied(rng, orientation, place) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    told = (chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")),)
    data = png((9, 14), (2, 8), coded_rows(rng, (9, 14), (2, 8), [4]), **{place: told})
    assert is_taken(data) == (orientation > 0)
    for form in ("rgb", "gray"):
        same(data, form)
    if orientation >= 5:
        assert feed.read(data).shape == (14, 9, 3)


LEFT = {
    "interlaced": {"interlace": 1},
    "animated": {"before": (chunk(b"acTL", struct.pack(">II", 1, 0)),)},
    "XMP": {"before": (chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b'<x tiff:Orientation="6"/>'),)},
    "a profile of EXIF in a text": {"before": (chunk(b"tEXt", b"Raw profile type exif\0\nexif\n0\n"),)},
    "a short transparency": {"before": (chunk(b"tRNS", b"\0"),)},
    "an unknown critical chunk": {"before": (chunk(b"ABCD"),)},
    "a palette of no whole colors": {"before": (chunk(b"PLTE", b"\0\0"),)},
    "no data": {"packed": b""},
}


@pytest.mark.parametrize("options", LEFT.values(), ids=LEFT)
def test_what_is_unusual_is_left_to_pillow(rng, options) -> None:
    data = png((5, 6), (2, 8), coded_rows(rng, (5, 6), (2, 8), [1]), **options)
    assert not is_taken(data)
    same(data, "rgb")


HARMLESS = {
    "gAMA": struct.pack(">I", 45455),
    "sRGB": b"\0",
    "pHYs": struct.pack(">IIB", 2835, 2835, 1),
    "tIME": bytes(7),
    "tRNS": bytes(6),
    "tEXt": b"Software\0a camera",
    "iCCP": b"ICC\0\0" + zlib.compress(bytes(3000)),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_changes_no_pixel_is_passed_over(rng, name) -> None:
    told = (chunk(name.encode(), HARMLESS[name]),)
    data = png((5, 6), (2, 8), coded_rows(rng, (5, 6), (2, 8), [1]), before=told)
    assert is_taken(data)
    same(data, "rgb")


# ------------------------------------------------------------------------------------------ damage


def is_readable(decode, data: bytes) -> bool:
    return not isinstance(outcome(decode, data, "rgb"), str)


def test_a_damaged_file_is_what_pillow_says(rng) -> None:
    """Any byte changed, or the file cut anywhere: the checksums tell, and Pillow has the last word."""
    sound = png((12, 11), (2, 8), coded_rows(rng, (12, 11), (2, 8), [4, 1]), pieces=2)
    for at in range(len(sound)):
        flipped = sound[:at] + bytes([sound[at] ^ (1 << at % 8)]) + sound[at + 1 :]
        for data in (flipped, sound[:at]):
            assert outcome(ours, data, "rgb") == outcome(theirs, data, "rgb"), at
    assert is_readable(ours, sound)


def test_data_that_are_damaged_under_right_checksums(rng) -> None:
    size, kind = (12, 11), (2, 8)
    rows = coded_rows(rng, size, kind, [4, 1])
    packed = zlib.compress(rows)
    sound = np.asarray(theirs(png(size, kind, rows), "rgb"))
    for at in range(len(packed)):
        damaged = packed[:at] + bytes([packed[at] ^ (1 << at % 8)]) + packed[at + 1 :]
        for data in (png(size, kind, rows, packed=damaged), png(size, kind, rows, packed=packed[:at] or b"\0")):
            found = outcome(ours, data, "rgb")
            # Pillow does not look at the checksum after the last row.
            assert (
                isinstance(found, str)
                or np.array_equal(feed.read(data), sound)
                or found == outcome(theirs, data, "rgb")
            ), at


def test_data_that_end_early_are_never_taken_from_the_file_before(tmp_path, rng) -> None:
    """What follows the data in a thread's memory is the end of the same file, as it was read a moment ago."""
    size, kind = (12, 11), (2, 8)
    rows = coded_rows(rng, size, kind, [4, 1])[:-20] + bytes(20)
    packed = zlib.compress(rows + bytes(600))  # a match goes beyond the last row, so no checksum tells what is wrong
    for at in range(len(packed) - 30, len(packed)):
        (tmp_path / f"{at} sound.png").write_bytes(png(size, kind, rows, packed=packed))
        (tmp_path / f"{at} torn.png").write_bytes(png(size, kind, rows, packed=packed[:at]))
    source, pipeline = feed.folder(tmp_path, labels=None), feed.Pipeline([feed.Rescale(1 / 255)])
    loader = feed.Loader(source, pipeline, batch_size=8, shuffle=False, threads=1, on_error="skip", max_bad=0.5)
    assert 30 < sum(len(images) for images in loader) < 60
    torn = sorted(tmp_path.glob("*torn.png"))
    assert {error.path for error in loader.bad} == {str(one) for one in torn if not is_readable(ours, one.read_bytes())}


BROKEN = {
    "too few rows": lambda rows: zlib.compress(rows[: len(rows) // 2]),
    "another checksum": lambda rows: zlib.compress(rows)[:-1] + bytes([zlib.compress(rows)[-1] ^ 1]),
    "an unknown filter": lambda rows: zlib.compress(b"\5" + rows[1:]),
    "no zlib data": lambda rows: b"\0" + zlib.compress(rows)[1:],
    "a reserved kind of block": lambda rows: zlib.compress(rows)[:2] + b"\7\0\0\0\0",
    "a match that reaches too far": lambda rows: b"\x78\x9c" + bytes([0b011, 0b010_0000, 0b1000, 0, 0, 0, 0]),
    "a stored block of another length": lambda rows: zlib.compress(rows, 0)[:3] + b"\1" + zlib.compress(rows, 0)[4:],
}


@pytest.mark.parametrize("how", BROKEN.values(), ids=BROKEN)
def test_broken_data_are_an_error(rng, how) -> None:
    size, kind = (12, 11), (2, 8)
    rows = coded_rows(rng, size, kind, [0])
    data = png(size, kind, rows, packed=how(rows))
    with pytest.raises(DecodeError, match=r"<bytes>: broken PNG data"):
        feed.read(data)


def test_rows_below_the_region_are_not_looked_at(rng) -> None:
    size, kind = (300, 200), (2, 8)
    rows = coded_rows(rng, size, kind, [0])
    data = png(size, kind, rows, packed=zlib.compress(rows)[: len(zlib.compress(rows)) // 2] + b"\0" * 10)
    assert _native.decode_png(data, "rgb", (3, 4, 20, 30)).shape == (17, 26, 4)
    with pytest.raises(ValueError, match="damaged, or end early"):
        _native.decode_png(data, "rgb", (3, 4, 300, 30))


@pytest.mark.parametrize("short", [1, 100, 250])
def test_more_data_than_the_picture_has_are_not_written(short) -> None:
    """The memory for inflated data is full with the last row, which a match goes beyond, and more matches follow."""
    size = (128, 1023)  # with its filters 128 KiB, which is the memory's size
    rows = bytes(128 << 10)
    head = zlib.compressobj(0, zlib.DEFLATED, -15)
    stored = head.compress(bytes(258 * 4 - short)) + head.flush(zlib.Z_FULL_FLUSH)
    tail = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"\x78\x9c" + stored + tail.compress(bytes(200 << 10)) + tail.flush() + bytes(4)
    assert np.array_equal(feed.read(png(size, (0, 8), rows, packed=packed)), np.zeros((*size, 3), np.uint8))


def test_a_bomb_is_refused_before_anything_is_decoded() -> None:
    data = png((20000, 20000), (0, 8), b"", packed=zlib.compress(bytes(1 << 16)))
    with pytest.raises(DecodeError, match="20000x20000 is 400000000 pixels, over the limit"):
        feed.read(data)
    with pytest.raises(DecodeError, match="5x6 is 30 pixels, over the limit of 29"):
        feed.read(png((6, 5), (0, 8), bytes(36)), most_pixels=29)


# ------------------------------------------------------------------------------------------ in a loader


def pairs(folder: Path, rng: np.random.Generator, count: int = 6) -> tuple[list[np.ndarray], list[np.ndarray]]:
    pictures = [rng.integers(0, 256, (40, 50, 3), np.uint8) for _ in range(count)]
    masks = [rng.integers(0, 12, (40, 50), np.uint8) for _ in range(count)]
    for k, (picture, mask) in enumerate(zip(pictures, masks, strict=True)):
        for name in ("images", "masks"):
            (folder / name).mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / "images" / f"{k}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{k}.png")
    return pictures, masks


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_batches_are_those_of_the_same_arrays(tmp_path, rng, dtype) -> None:
    """A crop, a warp and a resize: the pictures come whole from memory, or by region from the files."""
    pictures, masks = pairs(tmp_path, rng)
    for steps in (
        [feed.RandomCrop((16, 24))],
        [feed.RandomCrop((16, 24)), feed.HorizontalFlip(), feed.Brightness(factor=(0.8, 1.2))],
        [feed.Rotate(degrees=(-20, 20)), feed.Resize((20, 20))],
        [feed.RandomResizedCrop((16, 16))],
        [feed.GaussianBlur(sigma=(1, 1))],
    ):
        files = feed.folder(tmp_path / "images", labels=None, mask="../masks/{name}.png")
        arrays = feed.arrays(np.stack(pictures), {"mask": feed.Mask(masks)})
        both = [
            next(iter(feed.Loader(source, feed.Pipeline(steps), batch_size=6, seed=3, dtype=dtype, shuffle=False)))
            for source in (files, arrays)
        ]
        (images, found), (same_images, same_masks) = both
        np.testing.assert_array_equal(images, same_images)
        np.testing.assert_array_equal(found, same_masks["mask"])


def test_a_broken_mask_is_named(tmp_path, rng) -> None:
    pairs(tmp_path, rng)
    rows = coded_rows(rng, (40, 50), (0, 8), [0])
    (tmp_path / "masks" / "3.png").write_bytes(png((40, 50), (0, 8), rows, packed=zlib.compress(rows[:200])))
    source = feed.folder(tmp_path / "images", labels=None, mask="../masks/{name}.png")
    with pytest.raises(DecodeError, match=r"masks/3\.png: broken PNG data"):
        list(feed.Loader(source, feed.Pipeline([feed.Resize((8, 8))]), batch_size=6, shuffle=False))


@pytest.mark.parametrize(("folder", "step"), [("camvid", 40), ("odd/pngsuite", 1)])
def test_stored_files_are_pillows(data, folder, step) -> None:
    taken = 0
    for file in sorted(data(folder).rglob("*.png"))[::step]:
        for form in FORMS:
            same(file.read_bytes(), form)
        taken += is_taken(file.read_bytes())
    assert taken > 5
