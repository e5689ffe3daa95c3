"""Tar files of samples: what is read from them, and what is refused."""

import importlib
import io
import os
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import SourceError

PIPELINE = feed.Pipeline([feed.Resize((8, 8))])


def picture(level: int = 0, kind: str = "PNG") -> bytes:
    memory = io.BytesIO()
    Image.new("RGB", (10, 6), (level, level, level)).save(memory, kind)
    return memory.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def tar_of(path: Path, members: list[tuple[str | tarfile.TarInfo, bytes]], mode: str = "w", **options: object) -> Path:
    with tarfile.open(path, mode, **options) as tar:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else member(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def aged(path: Path, seconds: int = 3600) -> Path:
    before = time.time_ns() - seconds * 10**9
    os.utime(path, ns=(before, before))
    return path


def four(path: Path) -> Path:
    members = [
        (f"s/{k}.{what}", data)
        for k in range(4)
        for what, data in (("png", picture(k * 60)), ("cls", b"%d\n" % (k % 2)))
    ]
    return tar_of(path, members)


def test_members_that_differ_in_their_suffix_are_a_sample(tmp_path) -> None:
    file = four(tmp_path / "a.tar")
    source = feed.shards(file)
    assert repr(source) == "Shards('a.tar', 4 records: 0 2, 1 2)"
    assert source.keys(np.arange(2)) == ["a.tar/s/0.png", "a.tar/s/1.png"]
    assert source.names(np.arange(1)) == [f"{file}/s/0.png"]
    images, labels = next(iter(feed.Loader(source, PIPELINE, shuffle=False)))
    assert images[:, 0, 0, 0].tolist() == [0, 60, 120, 180]
    assert labels.tolist() == [0, 1, 0, 1]


def test_labels_have_names_or_are_fields_of_json(tmp_path) -> None:
    def sample(key: str, kind: str, size: float) -> list[tuple[str, bytes]]:
        text = '{"kind": "%s", "size": %s, "tags": ["x", "%s"]}' % (kind, size, kind)  # noqa: UP031
        return [(f"{key}.jpg", picture(kind="JPEG")), (f"{key}.json", text.encode()), (f"{key}.left.png", b"")]

    file = tar_of(tmp_path / "a.tar", sample("1", "dog", 1.5) + sample("2", "cat", 2))
    source = feed.shards(file, image="jpg", label="json.kind", value="json.size", multi_label="json.tags")
    assert source.classes == ("cat", "dog")
    targets = {name: one.batch() for name, one in source.targets(np.arange(2)).items()}
    assert targets["json.kind"].tolist() == [1, 0]
    assert targets["json.size"].tolist() == [1.5, 2]
    assert targets["json.tags"].tolist() == [[0, 1, 1], [1, 0, 1]]
    assert feed.shards(file, image="jpg", label=None).targets(np.arange(2)) is None
    weighted = feed.shards(file, image="jpg", label="json.kind", weight="json.size", classes=["dog", "cat"])
    assert weighted.targets(np.arange(2)).values.tolist() == [0, 1]
    assert weighted.sample_weights(np.arange(2)).tolist() == [1.5, 2]


def test_several_files_and_patterns(tmp_path) -> None:
    for name in ("b", "a"):
        four(tmp_path / f"{name}.tar")
    source = feed.shards(str(tmp_path / "*.tar"))
    assert len(source) == 8
    assert source.keys(np.array([3, 4])) == ["a.tar/s/3.png", "b.tar/s/0.png"]
    assert len(feed.shards([tmp_path / "a.tar"])) == 4
    for wrong in (tmp_path / "c.tar", str(tmp_path / "c*.tar"), tmp_path):
        with pytest.raises(SourceError, match="there is no file"):
            feed.shards(wrong)


def test_what_is_neither_picture_nor_label_is_passed_over(tmp_path) -> None:
    file = tar_of(
        tmp_path / "a.tar",
        [(member("s", tarfile.DIRTYPE), b""), ("s/1.txt", b"x"), ("s/1.png", picture()), ("s/1.cls", b"dog")],
    )
    assert feed.shards(file).classes == ("dog",)


LONG = "d" * 120 + "/" + "n" * 120


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read(tmp_path, form) -> None:
    file = tar_of(tmp_path / "a.tar", [(f"{LONG}.png", picture(200)), (f"{LONG}.cls", b"3")], format=form)
    source = feed.shards(file)
    assert source.keys(np.arange(1)) == [f"a.tar/{LONG}.png"]
    assert next(iter(feed.Loader(source, PIPELINE)))[0][0, 0, 0, 0] == 200


def test_names_that_are_not_text_are_names(tmp_path) -> None:
    name = os.fsdecode(b"caf\xe9")
    file = tar_of(tmp_path / "a.tar", [(f"{name}.png", picture(200)), (f"{name}.cls", b"3")], format=tarfile.GNU_FORMAT)
    source = feed.shards(file, index=tmp_path / "kept.index")
    assert source.keys(np.arange(1)) == [f"a.tar/{name}.png"]
    assert len(next(iter(feed.Loader(source, PIPELINE)))[0]) == 1


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("../1.png", b"x"), ("../1.cls", b"0")], r"'\.\./1\.png' has a name that leads out"),
        ([("a/../../1.png", b"x")], "has a name that leads out"),
        ([("a\\..\\1.png", b"x")], "has a name that leads out"),
        ([("/etc/1.png", b"x")], "'/etc/1.png' has a name that leads out"),
        ([("C:/1.png", b"x")], "has a name that leads out"),
        ([(member("1.png", tarfile.SYMTYPE, "/etc/passwd"), b"")], "is a symbolic link; shards hold plain files only"),
        ([(member("1.png", tarfile.LNKTYPE, "2.png"), b"")], "is a hard link"),
        ([(member("1.png", tarfile.CHRTYPE), b"")], "is a device"),
        ([(member("1.png", tarfile.BLKTYPE), b"")], "is a device"),
        ([(member("1.png", tarfile.FIFOTYPE), b"")], "is a pipe"),
        ([(member("1.png", b"Z"), b"")], "of an unknown type"),
        ([("1.png", b"x"), ("1.cls", b"0"), ("1.png", b"x")], "'1' has two members with the suffix 'png'"),
        ([(f"{k}.{what}", b"1") for k in "121" for what in ("png", "cls")], "sample '1' comes twice"),
        ([("1.png", b"x"), ("1.jpg", b"x")], r"several pictures \(jpg, png\); say which by image="),
        ([("1.cls", b"0")], "sample '1' has no picture"),
        ([("1.png", b"x")], "sample '1' has no member with the suffix 'cls'"),
        ([("1.png", b"x"), ("1.cls", b"\xff")], "sample '1': 'cls' cannot be read"),
        (
            [("1.png", b"x"), ("1.cls", b"0"), ("2.png", b"x"), ("2.cls", b"dog")],
            "column 'cls', row 0: got 0; expected class names",
        ),
        ([("1.png", b"x"), ("1.cls", b"-1")], "got -1; expected class numbers from 0"),
        ([("x.txt", b"x")], "sample 'x' has no picture"),
        ([], "holds no records"),
    ],
)
def test_hostile_and_wrong_archives_say_why(tmp_path, members, message) -> None:
    with pytest.raises(SourceError, match=message):
        feed.shards(tar_of(tmp_path / "a.tar", members))


def test_damaged_files_say_so(tmp_path) -> None:
    whole = four(tmp_path / "a.tar").read_bytes()
    for name, data, message in (
        ("noise.tar", os.urandom(5000), "cannot be read as an uncompressed tar file"),
        ("empty.tar", b"", "cannot be read as an uncompressed tar file"),
        ("short.tar", whole[:600], r"ends within member 's/0\.png'|cannot be read"),
        ("zipped.tar.gz", b"\x1f\x8b" + bytes(600), "cannot be read as an uncompressed tar file"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(SourceError, match=message):
            feed.shards(tmp_path / name)


def test_a_label_of_no_reasonable_size_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("imagefeed.sources.tar._LARGEST_FIELD", 100)
    with pytest.raises(SourceError, match=r"'1\.cls' holds 101 bytes, more than the limit of 100"):
        feed.shards(tar_of(tmp_path / "a.tar", [("1.png", b"x"), ("1.cls", b"1" * 101)]))


def test_the_scan_is_kept_while_it_holds(tmp_path, monkeypatch) -> None:
    file, index = aged(four(tmp_path / "a.tar")), tmp_path / "kept.index"
    first = feed.shards(file, index=index)
    module = importlib.import_module("imagefeed.sources.shards")  # the name in the package is the function
    scans: list[str] = []
    whole = module._scan
    monkeypatch.setattr(module, "_scan", lambda path, *more: scans.append(path) or whole(path, *more))
    again = feed.shards(file, index=index)
    assert scans == []
    assert again.keys(np.arange(4)) == first.keys(np.arange(4))
    assert again.targets(np.arange(4)).values.tolist() == [0, 1, 0, 1]
    assert next(iter(feed.Loader(again, PIPELINE, shuffle=False)))[0][:, 0, 0, 0].tolist() == [0, 60, 120, 180]
    feed.shards(file, index=index, label=None)  # other fields: another scan
    assert len(scans) == 1
    feed.shards(file, index=index)
    aged(tar_of(file, [("z.png", picture()), ("z.cls", b"9")], "a"), 1800)
    assert len(feed.shards(file, index=index)) == 5
    assert len(scans) == 3


def test_a_file_that_changed_behind_the_index_is_an_error_not_a_wrong_picture(tmp_path) -> None:
    source = feed.shards(four(tmp_path / "a.tar"))
    (tmp_path / "a.tar").write_bytes(b"x" * 100)
    with pytest.raises(feed.DecodeError, match=r"a\.tar/s/\d\.png: the file ends before this record does"):
        next(iter(feed.Loader(source, PIPELINE)))
