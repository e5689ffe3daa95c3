"""Folders of very many files: names in little memory, listings that are stored and used again."""

import io
import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

import imagefeed as feed
from imagefeed import SourceError
from imagefeed.order import shuffled
from imagefeed.sources import listing
from imagefeed.sources.names import Names

NAMES = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))


def touched(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def aged(root: Path) -> Path:
    """As if nothing below had been changed for an hour."""
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        os.utime(folder, ns=(0, time.time_ns() - 3600 * 10**9))
    return root


@given(NAMES)
def test_names_come_back(names) -> None:
    kept = Names.of(names)
    assert list(kept) == names
    assert len(kept) == len(names)
    assert pickle.loads(pickle.dumps(kept)).take(np.arange(len(names))) == names


def test_names_that_are_not_text_come_back() -> None:
    odd = os.fsdecode(b"caf\xe9.jpg")
    assert Names.of(["a", odd, "b"])[1] == odd
    assert Names.of(["a", "b"])[-1] == "b"
    with pytest.raises(IndexError):
        Names.of(["a"])[1]
    with pytest.raises(ValueError, match="zero byte"):
        Names.of(["a\0b"])


def test_a_picture_whose_name_is_not_text_is_read(tmp_path, tiny) -> None:
    (tmp_path / "a").mkdir()
    try:
        with open(os.fsencode(tmp_path / "a") + b"/caf\xe9.jpg", "wb") as file:
            file.write(tiny)
    except OSError:
        pytest.skip("this file system takes no names that are not text")
    source = feed.folder(tmp_path, index=tmp_path / "kept.index")
    assert os.fsencode(source.files[0]).endswith(b"caf\xe9.jpg")
    assert next(iter(feed.Loader(source, feed.Pipeline([feed.Resize((8, 8))]))))[0].shape == (1, 8, 8, 3)


@pytest.fixture(scope="session")
def tiny() -> bytes:
    memory = io.BytesIO()
    Image.new("RGB", (16, 12), (200, 30, 40)).save(memory, "JPEG")
    return memory.getvalue()


def test_natural_order_counts(tmp_path) -> None:
    touched(tmp_path, *(f"a/{name}.jpg" for name in ("x10", "x9", "x1", "b2", "x01", "10", "9")))
    found = [Path(file).stem for file in feed.folder(tmp_path, order="natural").files]
    assert found == ["9", "10", "b2", "x01", "x1", "x9", "x10"]
    assert [Path(file).stem for file in feed.folder(tmp_path).files] == ["10", "9", "b2", "x01", "x1", "x10", "x9"]


def test_a_loop_of_links_ends(tmp_path) -> None:
    touched(tmp_path, "a/x.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert [Path(file).name for file in feed.folder(tmp_path).files] == ["x.jpg"]


def never(*_: object) -> None:
    raise AssertionError("the folder was listed again")


def test_a_stored_listing_is_used_while_it_holds(tmp_path, monkeypatch) -> None:
    root = aged(touched(tmp_path / "photos", "b/2.jpg", "a/deep/1.jpg", "a/3.jpg"))
    index = tmp_path / "kept.index"
    first = feed.folder(root, index=index)
    monkeypatch.setattr(listing, "pictures_below", never)
    again = feed.folder(root, index=index)
    assert again.files == first.files
    assert again.class_counts == first.class_counts == {"a": 2, "b": 1}
    assert again.labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize("change", ["a/4.jpg", "a/deep/4.jpg", "c/4.jpg"])
def test_a_listing_that_no_longer_holds_is_made_anew(tmp_path, change) -> None:
    root = aged(touched(tmp_path / "photos", "b/2.jpg", "a/deep/1.jpg"))
    index = tmp_path / "kept.index"
    assert len(feed.folder(root, index=index)) == 2
    touched(root, change)
    assert len(feed.folder(root, index=index)) == 3
    (root / change).unlink()
    assert len(feed.folder(root, index=index)) == 2


def test_a_folder_that_had_just_changed_is_not_trusted(tmp_path) -> None:
    """A second change within the clock's tick would leave the folder's time as it is."""
    root = touched(tmp_path / "photos", "a/1.jpg")
    index = tmp_path / "kept.index"
    assert len(feed.folder(root, index=index)) == 1
    before = os.stat(root / "a").st_mtime_ns
    touched(root, "a/2.jpg")
    os.utime(root / "a", ns=(before, before))
    assert len(feed.folder(root, index=index)) == 2


def test_a_listing_is_of_one_order_and_one_choice(tmp_path) -> None:
    root = aged(touched(tmp_path / "photos", "a/10.jpg", "a/9.jpg", "b/1.jpg"))
    index = tmp_path / "kept.index"

    def names(**arguments: object) -> list[str]:
        return [Path(file).name for file in feed.folder(root, index=index, **arguments).files]

    assert names() == ["10.jpg", "9.jpg", "1.jpg"]
    assert names(order="natural") == ["9.jpg", "10.jpg", "1.jpg"]
    assert names(classes=["b"]) == ["1.jpg"]
    assert names(labels=None) == ["10.jpg", "9.jpg", "1.jpg"]
    assert feed.folder(root, labels=None, index=index).classes == ()
    assert names() == ["10.jpg", "9.jpg", "1.jpg"]


def test_a_file_that_is_no_index_is_left_alone(tmp_path) -> None:
    root = touched(tmp_path / "photos", "a/1.jpg")
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    with pytest.raises(SourceError, match=r"notes\.txt: is not a folder listing"):
        feed.folder(root, index=other)
    assert other.read_text() == "mine"
    with pytest.raises(SourceError, match="cannot be written"):
        feed.folder(root, index=tmp_path / "nowhere" / "x")


MILLION = """
import json, sys, time
import imagefeed as feed
feed.Loader, feed.Pipeline, feed.Resize, feed.folder  # imported now: that is not what is measured
start = time.perf_counter()
source = feed.folder(sys.argv[1], index=sys.argv[2])
listed = time.perf_counter() - start
start = time.perf_counter()
loader = feed.Loader(source, feed.Pipeline([feed.Resize((32, 32))]), shuffle=True)
images, labels = next(iter(loader))
first = time.perf_counter() - start
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
peak = int(status["VmHWM"].split()[0]) / 1024
print(json.dumps([len(source), listed, first, peak, int(labels.max())]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc")
def test_a_million_names_from_a_stored_listing(tmp_path, tiny) -> None:
    """Under 2 s, 200 MB and 1 s to the first batch. Of the files, only those of the first batch exist."""
    root, index, each = tmp_path / "photos", tmp_path / "kept.index", 1000
    touched(root, *(f"class{k:04d}/one.jpg" for k in range(1000)))
    aged(root)
    about = feed.folder(root).listing
    names = Names.of([f"n{k:04d}_{j:08d}.jpg" for k in range(1000) for j in range(each)])
    wide = listing.Listing(about.classes, names, np.full(1000, each), about.folders, about.listed)
    listing.stored_listing(index, root, "name", lambda: wide, classes=None)
    source = feed.folder(root, index=index)
    batch = shuffled(np.arange(32), len(source), seed=0, epoch=0)
    for name in source.names(batch):
        Path(name).write_bytes(tiny)
    for name, changed in about.folders.items():
        os.utime(root / name, ns=(changed, changed))
    command = [sys.executable, "-c", MILLION, root, index]
    runs = [json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(3)]
    assert [run[0] for run in runs] == [1_000_000] * 3
    assert [run[4] for run in runs] == [int(source.class_indices(batch).max())] * 3
    listed, first, memory = (min(run[k] for run in runs) for k in (1, 2, 3))  # others use the machine too
    assert (listed < 2, first < 1, memory < 200) == (True, True, True), runs
