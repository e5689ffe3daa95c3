"""An augmented set as files."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import HorizontalFlip, Loader, Pipeline, Rescale, Resize, Rotate, SourceError, SpecError, materialize

PIPELINE = Pipeline([Resize((20, 24)), Rotate(degrees=(-30, 30))])


@pytest.fixture
def photographs(data, tmp_path) -> feed.Source:
    for kind in ("cats", "dogs"):
        (tmp_path / "in" / kind).mkdir(parents=True)
        for file in sorted(data(f"cats_dogs/validation/{kind}").glob("*.jpg"))[:4]:
            (tmp_path / "in" / kind / file.name).write_bytes(file.read_bytes())
    return feed.folder(tmp_path / "in")


def digests(root: Path) -> dict[str, str]:
    files = (file for file in sorted(root.rglob("*")) if file.is_file())
    return {str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_each_copy_is_another_draw(photographs, tmp_path) -> None:
    seen: list[int] = []
    options = {"copies": 3, "seed": 5, "format": "png"}
    assert materialize(photographs, PIPELINE, tmp_path / "out", advance=seen.append, **options) == 24  # type: ignore[arg-type]
    assert seen == [24] * 24
    made = feed.folder(tmp_path / "out")
    assert made.class_counts == {"cats": 12, "dogs": 12}
    found = digests(tmp_path / "out")
    assert len(set(found.values())) == 24
    loader = Loader(photographs, PIPELINE, batch_size=1, shuffle=False, seed=5)
    name = Path(photographs.names(np.array([3]))[0]).stem
    for epoch in range(3):
        expected = [batch.images[0] for batch in loader.batches(epoch)][3]
        with Image.open(tmp_path / "out" / "cats" / f"{name}-{epoch}.png") as image:
            np.testing.assert_array_equal(np.asarray(image), expected)


def test_the_same_seed_writes_the_same_files(photographs, tmp_path) -> None:
    for name, seed, threads in (("a", 5, 1), ("b", 5, 3), ("c", 6, 2)):
        materialize(photographs, PIPELINE, tmp_path / name, copies=2, seed=seed, threads=threads)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert set(digests(tmp_path / "a")) == set(digests(tmp_path / "c"))
    assert digests(tmp_path / "a") != digests(tmp_path / "c")


def test_pictures_keep_their_sizes_where_nothing_resizes_them(photographs, tmp_path) -> None:
    materialize(photographs, Pipeline([HorizontalFlip()]), tmp_path / "out", copies=2, quality=90)
    for index, name in enumerate(photographs.names(np.arange(8))):
        with (
            Image.open(name) as image,
            Image.open(tmp_path / "out" / Path(name).parent.name / f"{Path(name).stem}-1.jpg") as ours,
        ):
            assert image.size == ours.size, index


def test_names_that_would_fall_together_are_numbered(tmp_path) -> None:
    for place in ("a/1.png", "a/deep/1.png", "a/2.png"):
        (tmp_path / "in" / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), (len(place), 0, 0)).save(tmp_path / "in" / place)
    materialize(feed.folder(tmp_path / "in"), Pipeline([]), tmp_path / "out", copies=1, format="png")
    assert sorted(digests(tmp_path / "out")) == ["a/1-0-0.png", "a/1-2-0.png", "a/2-0.png"]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_arrays_of_every_kind_that_files_hold(channels, tmp_path, rng) -> None:
    images = rng.integers(0, 256, (3, 8, 9, channels), np.uint8)
    assert materialize(feed.arrays(images), Pipeline([]), tmp_path / "out", copies=1, format="png") == 3
    for k in range(3):
        with Image.open(tmp_path / "out" / f"images[{k}]-0.png") as image:
            np.testing.assert_array_equal(np.asarray(image).reshape(8, 9, channels), images[k])


def test_what_cannot_be_is_said(photographs, tmp_path) -> None:
    out = tmp_path / "out"
    for step, options, error, words in (
        (Rescale(1 / 255), {}, SpecError, "leaves the levels that files hold"),
        (Resize((4, 4)), {}, SpecError, "every copy would be the same"),
        (HorizontalFlip(), {"copies": 0}, SpecError, r"copies=\): got 0"),
        (HorizontalFlip(), {"quality": 101}, SpecError, r"quality=\): got 101"),
        (HorizontalFlip(), {"format": "gif"}, SpecError, r"format=\): got 'gif'"),
    ):
        with pytest.raises(error, match=words):
            materialize(photographs, Pipeline([step]), out, **options)  # type: ignore[arg-type]
    assert not out.exists()
    with pytest.raises(SourceError, match="is there already, and not an empty folder"):
        materialize(photographs, PIPELINE, tmp_path / "in")
    with pytest.raises(SourceError, match="5 channels do not fit into png"):
        materialize(feed.arrays(np.zeros((2, 4, 4, 5), np.uint8)), Pipeline([]), out, copies=1, format="png")
    with pytest.raises(SourceError, match="targets other than classes"):
        materialize(feed.arrays(np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 7))), Pipeline([]), out, copies=1)
