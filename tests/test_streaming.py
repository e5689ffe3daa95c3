"""Streams: tar files from a pipe, a URL or a function; the buffer; going on where a checkpoint stood."""

import io
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

import imagefeed as feed
from imagefeed import DecodeError, SourceError, SpecError, Stream, StreamLoader
from imagefeed.streaming import shuffled

PIPELINE = feed.Pipeline([feed.RandomCrop((4, 4)), feed.HorizontalFlip()])


def tar(path: Path, numbers: range, mode: str = "w", bad: int = -1) -> Path:
    with tarfile.open(path, mode) as opened:
        for k in numbers:
            memory = io.BytesIO()
            Image.new("RGB", (6, 6), (k * 3,) * 3).save(memory, "PNG")
            for suffix, data in (("png", b"no" if k == bad else memory.getvalue()), ("cls", b"%d" % k)):
                member = tarfile.TarInfo(f"{k:03d}.{suffix}")
                member.size = len(data)
                opened.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    root = tmp_path_factory.mktemp("stream")
    return [tar(root / "a.tar", range(40)), tar(root / "b.tar.gz", range(40, 70), "w:gz")]


def loader(files, **options: object) -> StreamLoader:
    return StreamLoader(Stream(files=files), PIPELINE, **{"batch_size": 8, "buffer": 20, "seed": 5} | options)


@given(st.integers(0, 60), st.integers(1, 30), st.integers(0, 2**64 - 1))
def test_the_buffer_gives_every_item_once(count, buffer, seed) -> None:
    found = list(shuffled(range(count), buffer, seed=seed, epoch=1))
    assert Counter(found) == Counter(range(count))
    assert all(item < place + buffer for place, item in enumerate(found))
    assert buffer > 1 or found == list(range(count))
    assert found == list(shuffled(range(count), buffer, seed=seed, epoch=1))


def test_every_sample_comes_once_with_its_label(files) -> None:
    seen = []
    for images, labels in loader(files):
        assert images[:, 0, 0, 0].tolist() == [label * 3 for label in labels.tolist()]
        seen += labels.tolist()
    assert sorted(seen) == list(range(70))
    assert seen != list(range(70))
    ordered = [label for _, labels in loader(files, buffer=1) for label in labels.tolist()]
    assert ordered == list(range(70))


def test_epochs_differ_and_threads_do_not(files) -> None:
    one = loader(files)
    first, second = ([labels.tolist() for _, labels in one] for _ in range(2))
    assert first != second
    again = loader(files, threads=1)
    assert [images.tobytes() for images, _ in again] == [images.tobytes() for images, _ in loader(files, threads=3)]


@pytest.mark.parametrize("taken", [0, 1, 5, 9])
def test_a_checkpoint_goes_on_with_the_same_batches(files, taken) -> None:
    whole = loader(files)
    given = iter(whole)
    for _ in range(taken):
        next(given)
    state = whole.state_dict()
    rest = [images.tobytes() for images, _ in given] + [images.tobytes() for images, _ in whole]
    later = loader(files, threads=1, prefetch=1)
    later.load_state_dict(state)
    assert [images.tobytes() for _ in range(2) for images, _ in later] == rest
    with pytest.raises(SpecError, match="buffer is 20, but this loader's is 21"):
        loader(files, buffer=21).load_state_dict(state)


def test_samples_come_through_a_pipe_and_from_a_url(files) -> None:
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe("/stream/a.tar", files[0].read_bytes())
    running = []

    def piped():
        copy = "import shutil, sys; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stdout.buffer)"
        running.append(subprocess.Popen([sys.executable, "-c", copy, files[0]], stdout=subprocess.PIPE))
        return running[-1].stdout

    whole = files[0].read_bytes()
    wanted = [images.tobytes() for images, _ in loader(files[:1])]
    for source in (piped, "memory://stream/a.tar", files[0].as_uri(), lambda: io.BytesIO(whole)):
        assert [images.tobytes() for images, _ in loader([source])] == wanted
    assert [one.wait(10) for one in running] == [0]


def test_what_a_hostile_stream_holds_is_refused(tmp_path) -> None:
    """The same rules as for `shards`; names are never places."""
    for member, message in (
        (tarfile.TarInfo("../1.png"), r"'\.\./1\.png' has a name that leads out"),
        (tarfile.TarInfo("/etc/1.png"), "'/etc/1.png' has a name that leads out"),
        (tarfile.TarInfo("1.png"), "'1.png' is a symbolic link; shards hold plain files only"),
        (tarfile.TarInfo("2.png"), "'2.png' is a device"),
    ):
        member.type = {"1.png": tarfile.SYMTYPE, "2.png": tarfile.CHRTYPE}.get(member.name, tarfile.REGTYPE)
        with tarfile.open(tmp_path / "a.tar", "w") as opened:
            opened.addfile(member)
        with pytest.raises(SourceError, match=message):
            list(loader([tmp_path / "a.tar"]))
    unlabeled = tmp_path / "b.tar"
    with tarfile.open(unlabeled, "w") as opened:
        opened.addfile(tarfile.TarInfo("1.png"))
    with pytest.raises(SourceError, match="sample '1' has no member with the suffix 'cls'"):
        list(loader([unlabeled]))


def test_an_epoch_may_be_broken_off(files) -> None:
    one = loader(files)
    for _ in one:
        break
    assert one.state_dict()["batch"] == 1
    assert len(list(one)) == 8
    assert len(one._window.items) == 0


def test_what_is_wrong_is_said(tmp_path, files) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.tar: cannot be opened"):
        list(loader([tmp_path / "nowhere.tar"]))
    broken = tar(tmp_path / "c.tar", range(20), bad=7)
    with pytest.raises(DecodeError, match=r"c\.tar/007\.png"):
        list(loader([broken]))
    skipping = loader([broken], on_error="skip")
    assert sum(len(images) for images, _ in skipping) == 19
    assert len(skipping.bad) == 1
    with pytest.raises(SourceError, match=r"has the label 5; expected a class number|has the label"):
        list(StreamLoader(Stream(files=files, classes=["a", "b"]), PIPELINE))
    with pytest.raises(SpecError, match=r"files: got \[\]"):
        Stream(files=[])
    with pytest.raises(SpecError, match="expected a list"):
        Stream(files="a.tar")
    with pytest.raises(SpecError, match="buffer="):
        loader(files, buffer=0)
    cut = tmp_path / "cut.tar"
    cut.write_bytes(files[0].read_bytes()[:5000])
    with pytest.raises(SourceError, match=r"cut\.tar"):
        list(loader([cut]))
    assert np.concatenate([labels for _, labels in loader(files[:1], buffer=1)]).tolist() == list(range(40))
