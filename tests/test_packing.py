"""An augmented set as tar files with a manifest."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import Loader, Manifest, Pipeline, Resize, Rotate, SourceError, SpecError, materialize, packing

PIPELINE = Pipeline([Resize((20, 24)), Rotate(degrees=(-30, 30))])


@pytest.fixture
def photographs(tmp_path: Path, rng: np.random.Generator) -> feed.Source:
    """Thirteen, of two classes; their names have dots."""
    for kind, count in (("cats", 8), ("dogs", 5)):
        (tmp_path / "in" / kind).mkdir(parents=True)
        for number in range(count):
            small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
            small.resize((48, 40), Image.Resampling.BICUBIC).save(tmp_path / "in" / kind / f"{kind}.{number}.x.jpg")
    return feed.folder(tmp_path / "in")


def sums(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.tar")}


def test_every_draw_is_in_one_sample_of_one_file(photographs, tmp_path) -> None:
    seen: list[int] = []
    options = {"copies": 3, "seed": 5, "format": "png", "shards": 4, "advance": seen.append}
    assert materialize(photographs, PIPELINE, tmp_path / "out", **options) == 39
    assert seen == [4] * 4
    manifest = Manifest.load(tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        *(f"{k}-of-4.tar" for k in range(4)),
        "manifest.json",
    ]
    assert {one.name: one.sha256 for one in manifest.shards} == sums(tmp_path / "out")
    assert manifest.samples == 39
    assert manifest.bytes == sum(file.stat().st_size for file in manifest.files)
    assert manifest.bad == []
    pictures: dict[tuple[int, int], np.ndarray] = {}
    for file in manifest.files:
        with tarfile.open(file) as tar:  # not our reader
            for member in tar:
                record, copy, _ = member.name.split("-")
                content = tar.extractfile(member).read()
                if member.name.endswith(".cls"):
                    assert int(content) == photographs.labels[int(record)]
                else:
                    pictures[int(record), int(copy)] = np.asarray(Image.open(io.BytesIO(content)))
    loader = Loader(photographs, PIPELINE, batch_size=13, shuffle=False, seed=5)
    assert len(pictures) == 39
    for copy in range(3):
        for record, expected in enumerate(next(loader.batches(copy)).images):
            np.testing.assert_array_equal(pictures[record, copy], expected)


def test_shards_reads_them(photographs, tmp_path) -> None:
    materialize(photographs, PIPELINE, tmp_path / "out", copies=2, shards=3)
    manifest = Manifest.load(tmp_path / "out")
    made = feed.shards(tmp_path / "out" / "*.tar", classes=manifest.classes)
    assert made.class_counts == {"cats": 16, "dogs": 10}
    assert all(len(set(feed.shards(file).class_indices(np.arange(8)).tolist())) == 2 for file in manifest.files)
    images, labels = next(iter(Loader(made, Pipeline([Resize((8, 8))]), batch_size=26)))
    assert images.shape == (26, 8, 8, 3)
    assert sorted(labels.tolist()) == [0] * 16 + [1] * 10


def test_the_files_depend_on_the_seed_alone(photographs, tmp_path) -> None:
    for name, seed, threads in (("a", 5, 1), ("b", 5, 3), ("c", 6, 2)):
        materialize(photographs, PIPELINE, tmp_path / name, copies=2, seed=seed, threads=threads, shards=3)
    assert sums(tmp_path / "a") == sums(tmp_path / "b")
    assert set(sums(tmp_path / "a").values()).isdisjoint(sums(tmp_path / "c").values())


def test_work_that_was_broken_off_goes_on(photographs, tmp_path, monkeypatch) -> None:
    written: list[int] = []
    write = packing.Packing._samples

    def noted(self, number, bad):
        if number == 2 and len(written) == 2:
            raise KeyboardInterrupt
        written.append(number)
        return write(self, number, bad)

    monkeypatch.setattr(packing.Packing, "_samples", noted)
    options = {"copies": 2, "shards": 4}
    with pytest.raises(KeyboardInterrupt):
        materialize(photographs, PIPELINE, tmp_path / "out", **options)
    with pytest.raises(SourceError, match=r"manifest.json: is not there; it is written when all shards are"):
        Manifest.load(tmp_path / "out")
    with pytest.raises(SourceError, match="not an empty folder"):  # other work
        materialize(photographs, PIPELINE, tmp_path / "out", seed=1, **options)
    (tmp_path / "out" / "1-of-4.tar").write_bytes(b"damaged")
    materialize(photographs, PIPELINE, tmp_path / "out", **options)
    assert written == [0, 1, 1, 2, 3]
    materialize(photographs, PIPELINE, tmp_path / "other", **options)
    assert sums(tmp_path / "out") == sums(tmp_path / "other")
    assert not (tmp_path / "out" / ".unfinished").exists()


def test_damage_is_found(photographs, tmp_path) -> None:
    materialize(photographs, PIPELINE, tmp_path / "out", copies=1, shards=2)
    manifest = Manifest.load(tmp_path / "out")
    manifest.verify()
    data = bytearray(manifest.files[1].read_bytes())
    data[2000] ^= 1
    manifest.files[1].write_bytes(data)
    with pytest.raises(SourceError, match=r"1-of-2.tar: is missing, or not as it was written"):
        manifest.verify()
    (tmp_path / "out" / "manifest.json").write_text(json.dumps({"version": 1}))
    with pytest.raises(SourceError, match=r"manifest.json: is no manifest"):
        Manifest.load(tmp_path / "out")


def test_a_picture_that_cannot_be_read_is_listed(photographs, tmp_path) -> None:
    Path(photographs.files[3]).write_bytes(b"nothing")
    with pytest.raises(feed.DecodeError, match=r"cats\.3\.x\.jpg"):
        materialize(photographs, PIPELINE, tmp_path / "out", copies=2, shards=2)
    options = {"copies": 2, "seed": 0, "form": "jpg", "quality": 95, "shards": 2, "threads": 2, "on_error": "skip"}
    work = feed.materializing.packing_of(photographs, PIPELINE, tmp_path / "skipped", **options)
    work.begin()
    manifest = work.finish([work.write(number) for number in (1, 0, 1)])
    assert manifest.samples == 24
    assert [Path(error.path).name for error in manifest.bad] == ["cats.3.x.jpg"] * 2
    assert Manifest.load(tmp_path / "skipped") == manifest


def test_errors(photographs, tmp_path) -> None:
    for count in (0, 14, 2.0):
        with pytest.raises(SpecError, match=r"materialize\(shards=\): .*from 1 to 13"):
            materialize(photographs, PIPELINE, tmp_path / "out", shards=count)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    with pytest.raises(SourceError, match="not an empty folder"):
        materialize(photographs, PIPELINE, tmp_path / "out", shards=2)
    work = feed.materializing.packing_of(
        photographs, PIPELINE, tmp_path / "new", copies=1, seed=0, form="png", quality=95, shards=2, threads=1
    )
    work.begin()
    with pytest.raises(SourceError, match="1 of 2 shards were written"):
        work.finish([work.write(0)])
