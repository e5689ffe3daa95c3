"""Splits, folds, and sources made of others."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

import imagefeed as feed
from imagefeed import SourceError, SpecError
from imagefeed.sources import Files


def numbered(counts: list[int], **arguments: object) -> feed.Source:
    """Gray pictures of one pixel, whose level is their number."""
    targets = np.repeat(np.arange(len(counts)), counts)
    images = np.arange(len(targets), dtype=np.float32)[:, None, None, None]
    classes = [f"c{k}" for k in range(len(counts))]
    return feed.arrays(np.ascontiguousarray(images), targets, classes=classes, **arguments)


def keys(source: feed.Source) -> list[str]:
    return source.keys(np.arange(len(source)))


def labels(source: feed.Source) -> list[int]:
    return source.class_indices(np.arange(len(source))).tolist()


# ------------------------------------------------------------------------------------------ split


def test_a_hashed_split_stays_when_records_are_added() -> None:
    small, large = numbered([100]), numbered([1000])
    chosen, more = (set(keys(source.split(by="hash", seed=3)[1])) for source in (small, large))
    assert chosen == more & set(keys(small))
    assert 140 < len(more) < 260  # 200 expected, five deviations to either side
    assert chosen != set(keys(small.split(by="hash", seed=4)[1]))


def test_a_hashed_split_stays_when_the_folder_moves(tmp_path) -> None:
    found = []
    for root in (tmp_path / "here", tmp_path / "there"):
        for k in range(30):
            (root / "a").mkdir(parents=True, exist_ok=True)
            (root / "a" / f"{k}.jpg").touch()
        found.append(keys(feed.folder(root).split(by="hash", validation=0.5)[1]))
    assert found[0] == found[1]
    assert all(key.startswith("a/") for key in found[0])


def test_groups_stay_together() -> None:
    source = numbered([50, 50])
    groups = [k // 7 for k in range(100)]
    for arguments in ({"groups": groups}, {"groups": groups, "by": "hash"}, {"groups": lambda key: len(key)}):
        train, val = source.split(validation=0.4, **arguments)
        of = arguments["groups"]
        sides = [
            {of(key) if callable(of) else groups[i] for i, key in zip(part.indices.tolist(), keys(part), strict=True)}
            for part in (train, val)
        ]
        assert not sides[0] & sides[1]
        assert len(train) + len(val) == 100
    assert 26 <= len(source.split(validation=0.4, groups=groups)[1]) <= 54  # whole groups of seven


def test_a_sorted_split_takes_the_end() -> None:
    train, val = numbered([10]).split(validation=0.3, by="sorted")
    assert (train.indices.tolist(), val.indices.tolist()) == ([*range(7)], [7, 8, 9])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "group"}, "groups=.*by='group' needs the group of every record"),
        ({"by": "random", "groups": [1] * 6}, "groups are kept together by 'group' and 'hash'"),
        ({"by": "alphabet"}, "by=.*'alphabet'.*'random', 'stratified', 'group', 'hash', 'sorted'"),
        ({"validation": 1.0}, "validation=.*above 0 and below 1"),
        ({"seed": -1}, "seed=.*from 0 to"),
    ],
)
def test_splits_that_cannot_be_made_say_why(arguments, message) -> None:
    with pytest.raises(SpecError, match=message):
        numbered([6]).split(**arguments)


def test_groups_are_one_for_each_record() -> None:
    with pytest.raises(SourceError, match="got 5 of them; expected one for each of the 6 records"):
        numbered([6]).split(groups=[1] * 5)
    with pytest.raises(SourceError, match="leaves one side without records"):
        numbered([6]).split(groups=[1] * 6)
    with pytest.raises(SourceError, match="has no classes to stratify by"):
        Files([b"x"] * 4).split(by="stratified")


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(5, 30), min_size=1, max_size=4), st.integers(2, 5), st.sampled_from(["random", None]))
def test_every_record_is_validated_once(counts, count, by) -> None:
    source = numbered(counts)
    pairs = list(source.folds(count, by=by, seed=1))
    assert len(pairs) == count
    validated = np.concatenate([val.indices for _, val in pairs])
    assert sorted(validated.tolist()) == list(range(len(source)))
    for train, val in pairs:
        assert sorted([*train.indices, *val.indices]) == list(range(len(source)))
        if by is None:  # each class is shared out evenly
            for k, size in enumerate(counts):
                assert size // count <= labels(val).count(k) <= -(-size // count)


def test_folds_need_as_many_records() -> None:
    with pytest.raises(SourceError, match=r"3 folds of .* leave one without records"):
        numbered([2]).folds(3)
    with pytest.raises(SpecError, match=r"count=.*above 1"):
        numbered([2]).folds(1)


# ------------------------------------------------------------------------------------------ subset, filter, concat


def test_a_subset_is_in_its_own_order() -> None:
    source = numbered([3, 3])
    assert keys(source.subset([4, 0, 4])) == ["images[4]", "images[0]", "images[4]"]
    assert labels(source.subset(np.array([5]))) == [1]
    assert [len(source.take(count)) for count in (2, 100)] == [2, 6]
    for wrong in ([6], [-1], [0.5], [[1]]):
        with pytest.raises(SpecError, match="indices="):
            source.subset(wrong)


def test_a_filter_keeps_what_it_is_told_to() -> None:
    source = numbered([3, 3])
    assert labels(source.filter(lambda key, target: target == 1)) == [1, 1, 1]
    assert keys(source.filter(lambda key, target: "2" in key)) == ["images[2]"]
    assert source.filter([True, False] * 3).indices.tolist() == [0, 2, 4]
    with pytest.raises(SourceError, match="filter leaves no record"):
        source.filter(lambda key, target: False)
    with pytest.raises(SpecError, match=r"keep=.*6 times True or False"):
        source.filter([1, 0, 1, 0, 1, 0])


def test_sources_are_joined(tmp_path) -> None:
    for name, color in (("a", (250, 0, 0)), ("b", (0, 250, 0))):
        (tmp_path / name).mkdir()
        for k in range(3):
            Image.new("RGB", (9, 7), color).save(tmp_path / name / f"{k}.{'png' if k else 'jpg'}")
    photos = feed.folder(tmp_path)
    pixels = feed.arrays(np.full((4, 7, 9, 3), 99, np.uint8), np.array([1, 0, 1, 0]), classes=("a", "b"))
    both = feed.concat(photos, pixels, photos.take(2))
    assert repr(both) == "Concat(3 sources, 12 records: a 7, b 5)"
    assert both.names(np.array([11, 6, 0])) == [photos.files[1], "images[0]", photos.files[0]]
    loader = feed.Loader(both, feed.Pipeline([]), shuffle=True, batch_size=5, seed=1)
    seen = {}
    for batch in loader.batches(0):
        for image, target, index in zip(batch.images, batch.targets, batch.indices.tolist(), strict=True):
            seen[index] = (image[3, 4].tolist(), int(target))
    assert sorted(seen) == list(range(12))
    for index, (level, target) in seen.items():
        assert target == labels(both)[index]
        if 6 <= index < 10:
            assert level == [99] * 3
        else:
            assert abs(level[target] - 250) < 4


def test_sources_that_do_not_fit_are_not_joined() -> None:
    source = numbered([3, 3])
    with pytest.raises(SourceError, match=r"sources\[1\] has classes .* map_labels"):
        feed.concat(source, numbered([6]))
    with pytest.raises(SourceError, match=r"sources\[1\] has color 'rgb'"):
        feed.concat(source, feed.arrays(np.zeros((2, 1, 1, 3), np.uint8), np.arange(2), classes=source.classes))
    with pytest.raises(SourceError, match=r"sources\[1\] has nothing for targets, but sources\[0\] has ndarray"):
        feed.concat(numbered([2]), feed.arrays(np.zeros((2, 1, 1), np.float32), classes=["c0"]))
    with pytest.raises(SourceError, match="at least one source"):
        feed.concat()


# ------------------------------------------------------------------------------------------ classes


def test_classes_get_other_names() -> None:
    source = numbered([2, 3, 4])
    merged = source.map_labels({"c0": "x", "c2": "x"})
    assert merged.classes == ("x", "c1")
    assert merged.targets(np.arange(9)).tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 0]
    assert merged.class_counts == {"x": 6, "c1": 3}
    dropped = source.map_labels(lambda name: None if name == "c1" else name.upper())
    assert (dropped.classes, labels(dropped)) == (("C0", "C2"), [0, 0, 1, 1, 1, 1])
    assert dropped.split(validation=0.5)[1].class_counts == {"C0": 1, "C2": 2}
    for names, error, message in (
        ({"z": "x"}, SpecError, "'z'; expected classes of the source: c0, c1, c2"),
        (lambda name: 5, SpecError, "got 5; expected a name for 'c0'"),
        (lambda name: None, SourceError, "leaves no record"),
    ):
        with pytest.raises(error, match=message):
            source.map_labels(names)
    with pytest.raises(SourceError, match="has no classes"):
        Files([b"x"]).map_labels({})


def test_rows_of_labels_get_other_names() -> None:
    rows = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], np.float32)
    source = feed.arrays(np.zeros((3, 1, 1), np.uint8), rows, classes=["a", "b", "c"])
    assert source.map_labels({"a": "x", "b": "x"}).targets(np.arange(3)).tolist() == [[1, 1], [1, 0], [0, 0]]
    assert source.map_labels({"c": None}).targets(np.arange(3)).tolist() == [[1, 0], [0, 1], [0, 0]]


def test_one_hot_rows_follow(tmp_path) -> None:
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    merged = feed.folder(tmp_path, labels="categorical").map_labels({"a": "x", "c": "x"})
    assert merged.targets(np.arange(3)).tolist() == [[1, 0], [0, 1], [1, 0]]
    assert Path(merged.files[2]).parent.name == "c"


def test_class_weights_are_those_of_scikit_learn() -> None:
    """compute_class_weight("balanced", ...): n / (classes * count)."""
    assert numbered([1, 3, 4]).class_weights().tolist() == pytest.approx([8 / 3, 8 / 9, 8 / 12])
    with pytest.raises(SourceError, match=r"class 'c1' of .* has no records"):
        numbered([1, 0]).class_weights()
    with pytest.raises(SourceError, match="class_weights: every record needs one class"):
        Files([b"x"]).class_weights()


def test_balanced_classes_are_equally_many() -> None:
    source = numbered([2, 7, 0, 3])
    large = source.balanced(seed=5)
    assert list(large.class_counts.values()) == [7, 7, 0, 7]
    times = np.bincount(large.indices, minlength=12)
    assert times[:2].tolist() in ([3, 4], [4, 3])
    assert set(times[2:9].tolist()) == {1}
    assert set(times[9:].tolist()) == {2, 3}
    assert large.indices.tolist() == source.balanced(seed=5).indices.tolist()
    small = source.balanced(to="smallest")
    assert list(small.class_counts.values()) == [2, 2, 0, 2]
    assert len(set(small.indices.tolist())) == 6
    with pytest.raises(SpecError, match="to="):
        source.balanced(to="median")
