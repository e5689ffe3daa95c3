"""Files that are no pictures, or broken ones: named, quickly, and never the end of the process."""

import io
import os
import re
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import DecodeError, Loader, Pipeline, SourceError

SMALL = Pipeline([feed.Resize((8, 8))])


def encoded(kind: str, size: tuple[int, int] = (64, 48), **options: object) -> bytes:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def huge_jpeg(sides: int = 60_000) -> bytes:
    """A small file whose header says that it is huge."""
    data = bytearray(encoded("JPEG"))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", sides, sides)
    return bytes(data)


def huge_png() -> bytes:
    data = bytearray(encoded("PNG"))
    data[16:24] = struct.pack(">II", 100_000, 100_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def written(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (written(b""), "the file is empty"),
    "text": (written(b"once upon a time"), "not a picture in a format that is read here"),
    "jpeg_cut_in_its_pixels": (written(encoded("JPEG")[:-1500]), "truncated"),
    "jpeg_cut_in_its_header": (written(encoded("JPEG")[:100]), ""),
    "progressive_cut": (written(encoded("JPEG", progressive=True)[:-1500]), "truncated"),
    "jpeg_magic_alone": (written(b"\xff\xd8\xff"), ""),
    "jpeg_bomb": (written(huge_jpeg()), "60000x60000 is 3600000000 pixels, over the limit of"),
    "png_cut": (written(encoded("PNG")[:-1500]), ""),
    "png_bomb": (written(huge_png()), "100000x100000 is 10000000000 pixels, over the limit of|exceeds limit"),
    "webp_cut": (written(encoded("WEBP")[:200]), ""),
    "eps": (written(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "not a picture"),
    "missing": (lambda path: None, "No such file"),
    "a_folder": (lambda path: path.mkdir(), "not a regular file|Is a directory"),
    "a_pipe": (lambda path: os.mkfifo(path), "not a regular file"),
    "a_link_to_nothing": (lambda path: path.symlink_to("nowhere"), "No such file"),
    "a_link_to_itself": (lambda path: path.symlink_to(path.name), "[Ll]evels of symbolic links"),
}


@pytest.fixture(params=FAULTS)
def fault(request, tmp_path) -> tuple[Path, str]:
    """A file that cannot be read, and what is wrong with it."""
    make, reason = FAULTS[request.param]
    path = tmp_path / "bad.jpg"
    make(path)
    return path, reason


def timed(call: Callable[[], object]) -> DecodeError:
    begin = time.perf_counter()
    with pytest.raises(DecodeError) as caught:
        call()
    assert time.perf_counter() - begin < 1
    return caught.value


def test_read_names_what_it_cannot_read(fault) -> None:
    path, reason = fault
    error = timed(lambda: feed.read(path))
    assert error.path == str(path)
    assert str(error).startswith(f"{path}: ")
    assert re.search(reason, error.reason)


def test_render_names_what_it_cannot_read(fault) -> None:
    path, reason = fault
    error = timed(lambda: feed.render(path, SMALL))
    assert error.path == str(path)
    assert re.search(reason, error.reason)


def test_a_loader_names_what_it_cannot_read(fault, tmp_path) -> None:
    path, reason = fault
    if path.is_dir():
        pytest.skip("a folder is never listed as a picture")
    missing = not os.path.lexists(path)
    if missing:
        path.write_bytes(b"listed, and then gone")
    source = folder_with(path)
    if missing:
        Path(source.files[0]).unlink()
    error = timed(lambda: list(Loader(source, SMALL)))
    assert error.path.endswith("bad.jpg")
    assert re.search(reason, error.reason)


def folder_with(path: Path, good: int = 9) -> feed.Source:
    """A folder of a class of good pictures and this one."""
    folder = path.parent / "photos" / "some"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(good):
        (folder / f"good{number}.jpg").write_bytes(encoded("JPEG"))
    if os.path.lexists(path):
        path.rename(folder / path.name)
    return feed.folder(path.parent / "photos")


@pytest.mark.parametrize("limit", [64 * 48, 64 * 48 - 1])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_limit_on_pixels_is_the_callers(kind, limit) -> None:
    data = encoded(kind)
    reads = [
        lambda: feed.read(data, most_pixels=limit),
        lambda: list(Loader(feed.sources.Files([data]), SMALL, max_pixels=limit)),
    ]
    for read in reads:
        if limit >= 64 * 48:
            read()
            continue
        with pytest.raises(DecodeError, match=r"48x64 is 3072 pixels, over the limit of 3071"):
            read()


def test_a_jpeg_without_its_last_marker_is_read(tmp_path) -> None:
    """Nothing of the picture is missing; browsers and Pillow show it."""
    data = encoded("JPEG")
    assert data.endswith(b"\xff\xd9")
    np.testing.assert_array_equal(feed.read(data[:-2]), feed.read(data))
    np.testing.assert_array_equal(feed.read(data + b"\0" * 3000), feed.read(data))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}], ids=repr)
def test_a_cut_off_jpeg_is_never_half_gray(share, options) -> None:
    """Wherever it is cut; and a crop from its whole part does not hide that the rest is missing."""
    data = encoded("JPEG", (200, 300), **options)
    cut = data[: int(len(data) * share)]
    top = Pipeline([feed.CenterCrop((200, 300)), feed.Resize((8, 8))])
    for call in (
        lambda: feed.read(cut),
        lambda: feed.render(cut, top),
        lambda: feed.render(cut, Pipeline([feed.CenterCrop((8, 8))])),
    ):
        with pytest.raises(DecodeError):
            call()


# ---------------------------------------------------------------- skipping


@pytest.fixture
def mixed(tmp_path) -> feed.Source:
    """A hundred pictures of five levels each, of which four cannot be read."""
    for kind in ("dark", "light"):
        (tmp_path / kind).mkdir()
        for number in range(50):
            level = number + 100 * (kind == "light")
            Image.new("RGB", (9, 9), (level,) * 3).save(tmp_path / kind / f"{number:02}.png")
    for name, data in (
        ("dark/07", b""),
        ("dark/49", b"text"),
        ("light/00", encoded("JPEG")[:-900]),
        ("light/01", huge_jpeg()),
    ):
        (tmp_path / f"{name}.png").write_bytes(data)
    return feed.folder(tmp_path)


BAD = ["07.png", "49.png", "00.png", "01.png"]


@pytest.mark.parametrize("batch_size", [1, 8, 100])
@pytest.mark.parametrize("shuffle", [True, False])
def test_bad_pictures_can_be_skipped(mixed, batch_size, shuffle) -> None:
    loader = Loader(mixed, SMALL, batch_size=batch_size, shuffle=shuffle, on_error="skip", max_bad=0.05)
    for _ in range(2):
        seen = 0
        for images, labels in loader:
            assert len(images) == len(labels) > 0
            levels = images[:, 4, 4, 0].astype(int)
            np.testing.assert_array_equal(labels, levels >= 100)
            seen += len(images)
        assert seen == 96
        assert sorted(Path(error.path).name for error in loader.bad) == sorted(BAD)
    reasons = {Path(error.path).name: error.reason for error in loader.bad}
    assert reasons["07.png"] == "the file is empty"
    assert "truncated" in reasons["00.png"]


def test_batches_list_what_is_bad_in_each(mixed) -> None:
    loader = Loader(mixed, SMALL, batch_size=25, shuffle=False, on_error="skip", max_bad=0.05)
    batches = list(loader.batches(0))
    assert [len(batch.bad) for batch in batches] == [1, 1, 2, 0]
    assert [len(batch.images) for batch in batches] == [24, 24, 23, 25]
    assert 7 not in batches[0].indices
    for batch in batches:
        assert len(batch.indices) == len(batch.targets) == len(batch.images)


def test_too_many_bad_pictures_are_an_error(mixed) -> None:
    with pytest.raises(
        SourceError, match=r"4 of 100 pictures cannot be read, more than max_bad=0.03; the last is .*png"
    ):
        list(Loader(mixed, SMALL, on_error="skip", max_bad=0.03))
    assert sum(len(images) for images, _ in Loader(mixed, SMALL, on_error="skip", max_bad=0.04)) == 96


def test_by_default_the_first_bad_picture_is_raised(mixed) -> None:
    with pytest.raises(DecodeError, match=r"07.png: the file is empty"):
        list(Loader(mixed, SMALL, shuffle=False))


def test_bad_pictures_are_passed_by_a_function_too(mixed) -> None:
    steps = [feed.Resize((8, 8)), feed.Apply(np.copy), feed.HorizontalFlip(), feed.Apply(np.copy)]
    loader = Loader(mixed, Pipeline(steps), batch_size=16, on_error="skip", max_bad=0.05)
    assert sum(len(images) for images, _ in loader) == 96
    assert len(loader.bad) == 4


def test_a_bad_picture_has_no_part_in_sizes(tmp_path) -> None:
    """The others need no Resize because of it."""
    for number in range(5):
        Image.new("RGB", (9, 7)).save(tmp_path / f"{number}.png")
    (tmp_path / "0.png").write_bytes(b"")
    source = feed.folder(tmp_path, labels=None)
    batch = next(iter(Loader(source, Pipeline([]), on_error="skip", max_bad=0.5)))
    assert batch.shape == (4, 7, 9, 3)


def test_a_folder_of_nothing_but_bad_pictures_ends(tmp_path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.jpg").write_bytes(b"")
    loader = Loader(feed.folder(tmp_path, labels=None), SMALL, batch_size=4, on_error="skip", max_bad=1.0)
    assert list(loader) == []
    assert len(loader.bad) == 40


def test_explain_raises_what_is_wrong_with_the_record(mixed) -> None:
    with pytest.raises(DecodeError, match=r"07.png: the file is empty"):
        Loader(mixed, SMALL).explain(7)


def test_a_file_that_changes_between_epochs_is_read_anew(tmp_path) -> None:
    file = tmp_path / "a.png"
    loader = Loader(feed.sources.Files([file]), Pipeline([feed.Resize((4, 4))]))
    for level in (10, 200):
        Image.new("RGB", (9, 9), (level,) * 3).save(file)
        assert next(iter(loader))[0, 0, 0, 0] == level


def test_a_name_need_not_be_text(tmp_path) -> None:
    name = os.fsdecode(b"caf\xe9 \xff.png")
    try:
        Image.new("RGB", (9, 9), (30, 20, 10)).save(tmp_path / name)
    except OSError:
        pytest.skip("this file system takes no such name")
    source = feed.folder(tmp_path, labels=None)
    assert next(iter(Loader(source, SMALL)))[0, 0, 0].tolist() == [30, 20, 10]
    assert feed.read(source.files[0])[0, 0].tolist() == [30, 20, 10]
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DecodeError, match="the file is empty") as caught:
        feed.read(source.files[0])
    assert caught.value.path == source.files[0]
