"""Where records come from: folders, arrays, lists of files, and their parts."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import imagefeed as feed
from imagefeed import SourceError, SpecError
from imagefeed.sources import Files


def touched(root: Path, *names: str) -> Path:
    """A folder with empty files: listing reads none of them."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def names(source: feed.Source) -> list[str]:
    return source.names(np.arange(len(source)))


# ------------------------------------------------------------------------------------------ folders


def test_a_sub_folder_is_a_class_and_files_are_in_order(tmp_path) -> None:
    touched(
        tmp_path,
        "dogs/b.jpg",
        "dogs/a.JPEG",
        "cats/10.png",
        "cats/9.png",
        "cats/more/deep/x.webp",
        "loose.jpg",
    )
    source = feed.folder(tmp_path)
    assert source.classes == ("cats", "dogs")
    relative = [Path(file).relative_to(tmp_path).as_posix() for file in source.files]
    assert relative == ["cats/10.png", "cats/9.png", "cats/more/deep/x.webp", "dogs/a.JPEG", "dogs/b.jpg"]
    assert source.labels.tolist() == [0, 0, 0, 1, 1]
    assert source.class_counts == {"cats": 3, "dogs": 2}
    assert repr(source) == f"Folder({tmp_path.name!r}, 5 records: cats 3, dogs 2)"
    assert source.channels == 3


def test_what_is_no_picture_or_hidden_is_passed_over(tmp_path) -> None:
    touched(
        tmp_path,
        "a/x.jpg",
        "a/._x.jpg",
        "a/notes.txt",
        "a/jpg",
        "a/.hidden/y.jpg",
        ".git/z.jpg",
        "a/z.jpg.bak",
    )
    source = feed.folder(tmp_path)
    assert source.classes == ("a",)
    assert [Path(file).name for file in source.files] == ["x.jpg"]


def test_links_to_folders_below_a_class_are_not_followed(tmp_path) -> None:
    touched(tmp_path, "a/x.jpg")
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "a" / "y.jpg").symlink_to(tmp_path / "a" / "x.jpg")
    (tmp_path / "b").symlink_to(tmp_path / "a", target_is_directory=True)  # a class may be a link
    assert [Path(file).name for file in feed.folder(tmp_path).files] == ["x.jpg", "y.jpg"] * 2


def test_a_folder_that_is_called_like_a_picture_is_a_folder(tmp_path) -> None:
    touched(tmp_path, "a/x.jpg/y.jpg")
    assert [Path(file).name for file in feed.folder(tmp_path).files] == ["y.jpg"]


def test_classes_are_taken_as_they_are_named(tmp_path) -> None:
    touched(tmp_path, "a/1.jpg", "b/2.jpg", "c/3.jpg")
    source = feed.folder(tmp_path, classes=["c", "a"])
    assert source.classes == ("c", "a")
    assert [Path(file).name for file in source.files] == ["3.jpg", "1.jpg"]
    assert source.labels.tolist() == [0, 1]


def test_an_empty_class_is_a_class(tmp_path) -> None:
    touched(tmp_path, "b/2.jpg")
    (tmp_path / "a").mkdir()
    source = feed.folder(tmp_path)
    assert source.classes == ("a", "b")
    assert source.labels.tolist() == [1]
    assert source.class_counts == {"a": 0, "b": 1}


def test_labels_come_in_three_forms_and_none(tmp_path) -> None:
    touched(tmp_path, "a/1.jpg", "b/2.jpg", "b/3.jpg")
    wanted = np.array([2, 0])
    numbers = feed.folder(tmp_path).targets(wanted)
    assert (numbers.dtype, numbers.tolist()) == (np.int64, [1, 0])
    rows = feed.folder(tmp_path, labels="categorical").targets(wanted)
    assert (rows.dtype, rows.tolist()) == (np.float32, [[0, 1], [1, 0]])
    binary = feed.folder(tmp_path, labels="binary").targets(wanted)
    assert (binary.dtype, binary.tolist()) == (np.float32, [1.0, 0.0])
    none = feed.folder(tmp_path, labels=None)
    assert none.targets(wanted) is None
    assert none.classes == ()
    assert none.labels is None


def test_without_labels_loose_pictures_are_taken_too(tmp_path) -> None:
    touched(tmp_path, "2.jpg", "a/1.jpg", "1.jpg")
    source = feed.folder(tmp_path, labels=None)
    assert [Path(file).relative_to(tmp_path).as_posix() for file in source.files] == [
        "1.jpg",
        "2.jpg",
        "a/1.jpg",
    ]


def test_a_relative_path_and_text_are_paths(tmp_path, monkeypatch) -> None:
    touched(tmp_path, "p/a/1.jpg")
    monkeypatch.chdir(tmp_path)
    assert feed.folder("p").files == [os.path.join("p", "a", "1.jpg")]


@pytest.mark.parametrize(
    ("made", "arguments", "message"),
    [
        ([], {}, "holds no pictures|has no sub-folders"),
        (["x.jpg"], {}, "has no sub-folders, so there are no classes; pass labels=None"),
        (["a/x.txt"], {}, "holds no pictures"),
        (["a/x.jpg"], {"classes": ["b"]}, "has no sub-folder 'b'; it has a"),
        (["a/x.jpg"], {"labels": "binary"}, "labels='binary' needs two classes, but there are 1: a"),
    ],
)
def test_folders_that_cannot_be_used_say_why(tmp_path, made, arguments, message) -> None:
    touched(tmp_path, *made)
    with pytest.raises(SourceError, match=message):
        feed.folder(tmp_path, **arguments)


def test_a_folder_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(SourceError, match="photos: is not a folder; give the folder that holds a sub-folder"):
        feed.folder(tmp_path / "photos")
    with pytest.raises(SpecError, match=r"labels=.*'onehot'.*expected 'int'"):
        feed.folder(tmp_path, labels="onehot")
    with pytest.raises(SpecError, match=r"color=.*'bgr'"):
        feed.folder(tmp_path, color="bgr")


# ------------------------------------------------------------------------------------------ arrays and files


def test_arrays_are_used_where_they_are() -> None:
    images, targets = np.zeros((6, 4, 5, 3), np.uint8), np.arange(12).reshape(6, 2)
    source = feed.arrays(images, targets)
    assert repr(source) == "Arrays(6 records of 4x5x3, uint8)"
    assert np.shares_memory(source._images, images)
    assert source.targets(np.array([5, 1])).tolist() == [[10, 11], [2, 3]]
    assert names(source)[5] == "images[5]"
    assert feed.arrays(images).targets(np.array([0])) is None


def test_gray_arrays_may_leave_their_channel_out() -> None:
    source = feed.arrays(np.zeros((6, 4, 5), np.float32))
    assert (source.channels, source.color) == (1, "gray")
    assert repr(source) == "Arrays(6 records of 4x5x1, float32)"


@pytest.mark.parametrize(
    ("images", "targets", "message"),
    [
        (np.zeros((6, 4, 5, 3)), None, "images are float64; expected uint8, uint16, or float32"),
        (np.zeros((6, 4), np.uint8), None, "images have shape 6x4; expected"),
        (np.zeros((6, 0, 5, 3), np.uint8), None, "images have shape 6x0x5x3"),
        (np.zeros((6, 4, 5, 3), np.uint8), np.zeros(5), "has 5 entries; expected one for each of the 6"),
        (np.zeros((6, 4, 5, 3), np.uint8), np.array(5), "expected an array with one entry for each record"),
        (np.zeros((6, 4, 5, 33), np.uint8), None, "images have 33 channels; at most 32"),
    ],
)
def test_arrays_that_cannot_be_used_say_why(images, targets, message) -> None:
    with pytest.raises(SourceError, match=message):
        feed.arrays(images, targets)


def test_files_may_be_of_several_kinds(tmp_path) -> None:
    source = Files([tmp_path / "a.jpg", "b.jpg", b"bytes", np.zeros((4, 5), np.uint8)])
    assert names(source) == [str(tmp_path / "a.jpg"), "b.jpg", "pictures[2]", "pictures[3]"]
    assert len(source) == 4
    with pytest.raises(SourceError, match="expected at least one picture"):
        Files([])
    with pytest.raises(SourceError, match=r"pictures\[1\]: is int64 of 4x5x3; expected uint8 or uint16 or float32"):
        Files([b"", np.zeros((4, 5, 3), np.int64)])
    with pytest.raises(SourceError, match=r"pictures\[0\]: has 33 channels; at most 32"):
        Files([np.zeros((4, 5, 33), np.uint8)])


# ------------------------------------------------------------------------------------------ parts


def numbered(counts: list[int]) -> feed.Source:
    targets = np.repeat(np.arange(len(counts)), counts)
    images = np.arange(len(targets), dtype=np.float32)[:, None, None, None]
    return feed.arrays(np.ascontiguousarray(images), targets, classes=[f"c{k}" for k in range(len(counts))])


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=5).filter(lambda counts: sum(counts) >= 10),
    st.floats(0.2, 0.8),
    st.integers(0, 2**64 - 1),
    st.sampled_from(["random", "stratified", None]),
)
def test_a_split_shares_out_every_record_once(counts, validation, seed, by) -> None:
    source = numbered(counts)
    try:
        train, val = source.split(validation=validation, seed=seed, by=by)
    except SourceError:
        assert by != "random"
        assert max(counts) * validation < 1 or min(counts) * (1 - validation) < 1
        return
    assert sorted(names(train) + names(val)) == sorted(names(source))
    if by == "random":
        assert len(val) == round(sum(counts) * validation)
    else:
        assert list(val.class_counts.values()) == [round(count * validation) for count in counts]
    assert np.all(np.diff(train.indices) > 0)


def test_a_split_follows_its_seed() -> None:
    source = numbered([50, 50])
    first, again, other = (names(source.split(seed=seed)[1]) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 20


def test_a_split_draws_from_every_part_of_a_class() -> None:
    _, val = numbered([1000]).split(validation=0.5, seed=0)
    below = int((val.indices < 500).sum())
    assert 200 < below < 300  # a quarter of a thousand, ten deviations to either side


def test_a_part_keeps_what_its_source_knows(tmp_path) -> None:
    touched(tmp_path, *(f"{name}/{k}.jpg" for name in "ab" for k in range(10)))
    source = feed.folder(tmp_path, labels="categorical", color="gray")
    train, val = source.split(validation=0.3, seed=0)
    assert repr(val) == "Subset(6 records: a 3, b 3)"
    assert (val.classes, val.color, val.channels) == (("a", "b"), "gray", 1)
    assert [source.files.index(file) for file in val.files] == val.indices.tolist()
    np.testing.assert_array_equal(val.targets(np.arange(6)), source.targets(val.indices))
    np.testing.assert_array_equal(val.labels, source.labels[val.indices])
    part, _ = train.split(validation=0.5, seed=0)
    assert set(part.files) < set(train.files)
    assert val.class_counts == {"a": 3, "b": 3}


def test_a_part_cannot_be_changed_from_outside() -> None:
    _, val = numbered([10]).split(seed=0)
    with pytest.raises(ValueError, match="read-only"):
        val.indices[0] = 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"validation": 0}, SpecError, "validation=.*above 0 and below 1"),
        ({"validation": 1.0}, SpecError, "validation=.*above 0 and below 1"),
        ({"by": "class"}, SpecError, "by=.*'class'"),
        ({"seed": -1}, SpecError, "seed=.*-1.*an integer from 0"),
        ({"validation": 0.01}, SourceError, "leaves one side without records"),
    ],
)
def test_splits_that_cannot_be_say_why(arguments, error, message) -> None:
    with pytest.raises(error, match=message):
        numbered([5, 5]).split(**arguments)


def test_only_records_with_classes_can_be_stratified() -> None:
    source = feed.arrays(np.zeros((6, 4, 5, 3), np.uint8))
    with pytest.raises(SourceError, match="no classes to stratify by; use by='random'"):
        source.split(by="stratified")
    assert len(source.split(validation=0.5)[1]) == 3


def test_sources_travel_to_other_processes(tmp_path) -> None:
    touched(tmp_path, *(f"{name}/{k}.jpg" for name in "ab" for k in range(10)))
    for source in (
        feed.folder(tmp_path),
        feed.folder(tmp_path).split(seed=1)[0],
        numbered([3, 4]),
        Files([b"x", "y"]),
    ):
        copy = pickle.loads(pickle.dumps(source))
        assert names(copy) == names(source)
        assert repr(copy) == repr(source)
        np.testing.assert_array_equal(copy.class_indices(np.arange(3)), source.class_indices(np.arange(3)))
