"""COCO, YOLO, Pascal VOC, Hugging Face, arrays in files: what they hold, and that all sources agree."""

import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import SourceError, SpecError

PIPELINE = feed.Pipeline([feed.RandomResizedCrop((16, 16)), feed.HorizontalFlip(), feed.Rescale(1 / 255)])


def every(source: feed.Source) -> np.ndarray:
    return np.arange(len(source))


def pictures(root: Path, *names: str) -> Path:
    for k, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 20), (k * 20, 0, 0)).save(root / name)
    return root


# ------------------------------------------------------------------------------------------ all sources


def sources_of(files: list[Path], names: list[str], root: Path, scratch: Path) -> dict[str, feed.Source]:
    """The same pictures, of the classes cats and dogs, as every kind of source that can hold stored files."""
    pandas, datasets = pytest.importorskip("pandas"), pytest.importorskip("datasets")
    scratch.mkdir()
    frame = pandas.DataFrame({"image": list(map(str, files)), "kind": names})
    with tarfile.open(scratch / "all.tar", "w") as tar:
        for k, (file, name) in enumerate(zip(files, names, strict=True)):
            tar.add(file, f"{k:03d}{file.suffix}")
            member = tarfile.TarInfo(f"{k:03d}.cls")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    said = {
        "images": [{"id": 7 * k, "file_name": file.relative_to(root).as_posix()} for k, file in enumerate(files)],
        "annotations": [{"image_id": 7 * k, "category_id": 5 + (n == "dogs"), "id": k} for k, n in enumerate(names)],
        "categories": [{"id": 5, "name": "cats"}, {"id": 6, "name": "dogs"}],
    }
    (scratch / "coco.json").write_text(json.dumps(said))
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cats", "dogs"])})
    records = {"image": [{"bytes": file.read_bytes(), "path": None} for file in files], "label": names}
    return {
        "table": feed.table(frame, label="kind"),
        "bytes": feed.table(frame.assign(image=[file.read_bytes() for file in files]), label="kind"),
        "urls": feed.table(frame.assign(image=[f"file://{file}" for file in files]), label="kind"),
        "shards": feed.shards(scratch / "all.tar"),
        "hub": feed.hub(datasets.Dataset.from_dict(records, features=features), label="label"),
        "coco": feed.coco(scratch / "coco.json", root, targets="multi_label"),
    }


def test_the_same_data_from_any_source_gives_the_same_batches(data, tmp_path) -> None:
    """Photographs as they are stored; and decoded ones, which arrays can hold too, stored without loss."""
    place = data("cats_dogs/validation")
    photos = feed.folder(place).subset(range(0, 300, 15))
    files, names = [Path(file) for file in photos.files], [photos.classes[k] for k in photos.labels]
    pixels = feed.render(files, feed.Pipeline([feed.Resize((40, 50))]))
    for k, (picture, name) in enumerate(zip(pixels, names, strict=True)):
        (tmp_path / "png" / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "png" / name / f"{k:03d}.png")
    stored = feed.folder(tmp_path / "png")
    as_jpeg = sources_of(files, names, place, tmp_path / "jpeg")
    as_png = sources_of([Path(file) for file in stored.files], names, tmp_path / "png", tmp_path / "other")
    as_png["arrays"] = feed.arrays(pixels, stored.labels, classes=stored.classes)
    for folder, sources in ((photos, as_jpeg), (stored, as_png)):
        wanted = list(feed.Loader(folder, PIPELINE, batch_size=8, seed=3))
        for name, source in sources.items():
            assert source.classes == ("cats", "dogs"), name
            found = feed.Loader(source, PIPELINE, batch_size=8, seed=3)
            for (images, labels), (same, numbers) in zip(wanted, found, strict=True):
                assert images.tobytes() == same.tobytes(), name
                assert labels.tolist() == (numbers.argmax(1) if name == "coco" else numbers).tolist(), name
                assert name == "coco" or labels.dtype == numbers.dtype


def test_records_of_one_tar_file_are_not_confused_by_a_cache(tmp_path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for k in range(3):
            memory = io.BytesIO()
            Image.new("RGB", (8, 8), (k * 100,) * 3).save(memory, "PNG")
            member = tarfile.TarInfo(f"{k}.png")
            member.size = memory.tell()
            memory.seek(0)
            tar.addfile(member, memory)
    source = feed.shards(tmp_path / "a.tar", label=None)
    for content in (False, True):
        assert len(set(source.identities(every(source), content=content))) == 3
    assert source.identities(np.array([1])) == source.subset([1]).identities(np.array([0]))


# ------------------------------------------------------------------------------------------ COCO


def test_coco_gives_what_its_json_says(data) -> None:
    file = data("coco_tiny/annotations") / "instances_val2017.json"
    said = json.loads(file.read_text())
    ids = sorted(one["id"] for one in said["categories"])
    source = feed.coco(file, data("coco_tiny/val2017"))
    rows = feed.coco(file, data("coco_tiny/val2017"), targets="multi_label").targets(every(source)).batch()
    assert source.classes == tuple(one["name"] for one in sorted(said["categories"], key=lambda one: one["id"]))
    assert (len(source), len(source.classes), rows.shape) == (80, 80, (80, 80))
    batch = source.targets(every(source)).batch()
    for k, picture in enumerate(said["images"]):
        things = [one for one in said["annotations"] if one["image_id"] == picture["id"]]
        count = batch["count"][k]
        assert source.keys(np.array([k])) == [picture["file_name"]]
        assert count == len(things)
        assert batch["boxes"][k, :count].tolist() == np.array([one["bbox"] for one in things], np.float32).tolist()
        assert batch["labels"][k, :count].tolist() == [ids.index(one["category_id"]) for one in things]
        assert batch["iscrowd"][k, :count].tolist() == [one["iscrowd"] for one in things]
        assert batch["id"][k, :count].tolist() == [one["id"] for one in things]
        assert np.flatnonzero(rows[k]).tolist() == sorted({ids.index(one["category_id"]) for one in things})
    fewer = feed.coco(file, data("coco_tiny/val2017"), crowd=False)
    assert batch["count"].sum() - fewer.targets(every(fewer)).batch()["count"].sum() == 11


def coco_file(root: Path, **changes: object) -> Path:
    pictures(root / "images", "a.png", "b.png", "c.png")
    said = {
        "images": [{"id": k + 1, "file_name": f"{name}.png"} for k, name in enumerate("abc")],
        "categories": [{"id": 3, "name": "person", "keypoints": ["nose", "left_eye", "right_eye"]}],
        "annotations": [
            {"id": 9, "image_id": 3, "category_id": 3, "bbox": [1, 2, 3, 4], "area": 12, "keypoints": [1, 2, 2] * 3},
            {"id": 8, "image_id": 1, "category_id": 3, "bbox": [5, 6, 7, 8], "area": 56, "keypoints": [3, 4, 1] * 3},
            {"id": 7, "image_id": 3, "category_id": 3, "bbox": [0, 0, 1, 1], "area": 1, "keypoints": [0, 0, 0] * 3},
        ],
    } | changes
    (root / "coco.json").write_text(json.dumps(said))
    return root / "coco.json"


def test_coco_keypoints_and_captions(tmp_path) -> None:
    file = coco_file(tmp_path)
    points = feed.coco(file, tmp_path / "images", targets="keypoints").targets(np.arange(3))
    assert points.swaps == ((1, 2),)
    batch = points.batch()
    assert batch["count"].tolist() == [1, 0, 2]
    assert batch["keypoints"][2, :, 0].tolist() == [[1, 2, 2], [0, 0, 0]]
    captions = [
        {"id": k, "image_id": image, "caption": text} for k, (image, text) in enumerate([(2, "x"), (2, "yy"), (1, "z")])
    ]
    coco_file(tmp_path, annotations=captions)
    source = feed.coco(file, tmp_path / "images", targets="captions")
    assert source.targets(np.arange(3)).tolist() == [["z", ""], ["x", "yy"], ["", ""]]
    images, texts = next(iter(feed.Loader(source, feed.Pipeline([feed.Resize((8, 8))]), shuffle=False)))
    assert (images.shape, texts[1].tolist()) == ((3, 8, 8, 3), ["x", "yy"])


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        ({"annotations": [{"image_id": 5, "category_id": 3}]}, {}, "one is of 5, which is not among the images"),
        ({"annotations": [{"image_id": 1, "category_id": 4}]}, {}, "one is of 4, which is not among the categories"),
        ({"annotations": [{"image_id": 1, "category_id": 3}]}, {}, "an annotation has no 'area'"),
        ({"images": [{"id": 1, "file_name": "a.png"}] * 2, "annotations": []}, {}, "a picture comes twice"),
        ({"images": [{"id": 1, "file_name": "x.png"}], "annotations": []}, {}, "1 of 1 pictures are not in .*x.png"),
        ({"images": [{"id": 1, "file_name": "../a.png"}], "annotations": []}, {}, r"'\.\./a.png' leads out of"),
        ({"images": []}, {}, "one is of 3|holds no pictures"),
        ({"images": 5}, {}, "is not in the form of COCO"),
        ({}, {"targets": "captions"}, "an annotation has no 'caption'"),
        ({"categories": [{"id": 3, "name": "x"}]}, {"targets": "keypoints"}, "no category has keypoints"),
    ],
)  # fmt: skip
def test_coco_files_that_are_not_right_say_why(tmp_path, changes, arguments, message) -> None:
    with pytest.raises(SourceError, match=message):
        feed.coco(coco_file(tmp_path, **changes), tmp_path / "images", **arguments)


def test_coco_that_is_no_json_says_so(tmp_path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xff{")
    with pytest.raises(SourceError, match="is no JSON"):
        feed.coco(tmp_path / "x.json", tmp_path)
    with pytest.raises(SourceError, match="cannot be read"):
        feed.coco(tmp_path / "y.json", tmp_path)
    with pytest.raises(SpecError, match="targets="):
        feed.coco(tmp_path / "y.json", tmp_path, targets="panoptic")


# ------------------------------------------------------------------------------------------ YOLO and VOC


def test_yolo_reads_a_text_file_for_each_picture(tmp_path) -> None:
    pictures(tmp_path / "images", "b.png", "deep/a.png", "c.png")
    (tmp_path / "labels" / "deep").mkdir(parents=True)
    (tmp_path / "labels" / "b.txt").write_text("1 0.5 0.5 0.2 0.4\n\n0 0.25 0.5 0.5 1\n")
    (tmp_path / "labels" / "deep" / "a.txt").write_text("")
    source = feed.yolo(tmp_path / "images", tmp_path / "labels", classes=["cat", "dog"])
    assert source.keys(every(source)) == ["b.png", "c.png", "deep/a.png"]
    batch = source.targets(every(source)).batch()
    assert batch["count"].tolist() == [2, 0, 0]
    np.testing.assert_allclose(batch["boxes"][0], [[0.5, 0.5, 0.2, 0.4], [0.25, 0.5, 0.5, 1]])
    flipped = feed.Pipeline([feed.HorizontalFlip(), feed.Resize((8, 8))])
    _, targets = next(iter(feed.Loader(source, flipped, shuffle=False)))
    assert targets["labels"][0].tolist() == [1, 0]
    rows = feed.yolo(tmp_path / "images", tmp_path / "labels", classes=["cat", "dog"], targets="multi_label")
    assert rows.targets(every(rows)).batch().tolist() == [[1, 1], [0, 0], [0, 0]]
    for wrong in (
        "2 0.5 0.5 0.2 0.4",
        "1 0.5 0.5 0.2",
        "1 0 0 1 1 0.5",
        "1 0 0 1 1 0 1 1",
        "1 0.5 1.5 0.2 0.4",
        "cat 0.5 0.5 0.2 0.4",
        "1 nan 0 0 0",
    ):
        (tmp_path / "labels" / "b.txt").write_text("0 0.5 0.5 1 1\n" + wrong)
        with pytest.raises(SourceError, match=r"b\.txt, line 2: got .* expected a class number from 0 to 1"):
            feed.yolo(tmp_path / "images", tmp_path / "labels", classes=["cat", "dog"])


def test_yolo_reads_outlines(tmp_path) -> None:
    """Of a picture of 40x20; a smaller thing lies before a larger one."""
    pictures(tmp_path / "images", "a.png", "b.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("1 0 0 0.5 0 0.5 1 0 1\n0 0.25 0 1 0 1 0.25 0.25 0.25\n")
    folders = tmp_path / "images", tmp_path / "labels"
    source = feed.yolo(*folders, classes=["cat", "dog"], targets=["boxes", "masks", "semantic"])
    _, found = next(iter(feed.Loader(source, feed.Pipeline([]), shuffle=False)))
    assert found["boxes"]["boxes"].tolist() == [[[0.25, 0.5, 0.5, 1], [0.625, 0.125, 0.75, 0.25]], [[0] * 4] * 2]
    expected = np.zeros((20, 40), np.uint8)
    expected[:, :20], expected[:5, 10:] = 1, 2
    assert np.array_equal(found["masks"][0], expected)
    assert np.array_equal(found["semantic"][0], np.array([0, 2, 1])[expected])
    assert not found["masks"][1].any()
    (tmp_path / "labels" / "b.txt").write_text("1 0.5 0.5 1 1\n")
    with pytest.raises(SourceError, match=r"b\.txt, line 1: is a box, but masks need outlines"):
        feed.yolo(*folders, classes=["cat", "dog"], targets="masks")


THING = """<object><name>{}</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>10</xmax>
<ymax>20</ymax></bndbox></object>"""


def voc_folder(root: Path, *things: str) -> Path:
    pictures(root / "JPEGImages", "a.jpg", "b.jpg")
    for folder in ("ImageSets/Main", "Annotations"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "ImageSets/Main/train.txt").write_text("b\na\n")
    for name, inside in (("a", "".join(THING.format(one) for one in things)), ("b", "")):
        text = f"<annotation><filename>{name}.jpg</filename>{inside}</annotation>"
        (root / "Annotations" / f"{name}.xml").write_text(text)
    return root


def test_voc_reads_an_xml_file_for_each_picture(tmp_path) -> None:
    root = voc_folder(tmp_path, "dog", "person")
    source = feed.voc(root)
    assert source.keys(every(source)) == ["b.jpg", "a.jpg"]
    batch = source.targets(every(source)).batch()
    assert batch["boxes"][1].tolist() == [[0, 1, 10, 20]] * 2
    assert [source.classes[k] for k in batch["labels"][1]] == ["dog", "person"]
    assert batch["difficult"].tolist() == [[0, 0], [1, 1]]
    rows = feed.voc(root, targets="multi_label").targets(every(source)).batch()
    assert (rows.shape, rows.sum(1).tolist()) == ((2, 20), [0, 2])
    with pytest.raises(SourceError, match="a thing of class 'unicorn'"):
        feed.voc(voc_folder(tmp_path, "unicorn"))
    with pytest.raises(SourceError, match=r"val\.txt: there is no such list"):
        feed.voc(root, "val")
    (root / "Annotations/a.xml").write_text("<annotation><object></annotation>")
    with pytest.raises(SourceError, match=r"a\.xml: is not as Pascal VOC writes it"):
        feed.voc(root)


def test_voc_has_masks(tmp_path) -> None:
    root = voc_folder(tmp_path, "dog", "person")
    (root / "ImageSets/Segmentation").mkdir()
    (root / "ImageSets/Segmentation/train.txt").write_text("a\n")
    for folder, numbers in (("SegmentationObject", (0, 1, 2, 255)), ("SegmentationClass", (0, 12, 15, 255))):
        (root / folder).mkdir()
        image = Image.fromarray(np.repeat(np.array(numbers, np.uint8), 200).reshape(20, 40), "P")
        image.putpalette([k for k in range(256) for _ in range(3)])
        image.save(root / folder / "a.png")
    source = feed.voc(root, targets=["boxes", "masks", "semantic"])
    assert source.keys(every(source)) == ["a.jpg"]
    _, found = next(iter(feed.Loader(source, feed.Pipeline([feed.VerticalFlip(probability=1)]))))
    assert found["masks"][0, ::-5, 0].tolist() == [0, 1, 2, 255]
    labels = found["boxes"]["labels"][0][found["boxes"]["instance"][0] - 1]  # in the order of the mask's numbers
    assert found["semantic"][0, ::-5, 0].tolist() == [0, *(labels + 1), 255]
    (root / "SegmentationClass/a.png").unlink()
    with pytest.raises(SourceError, match=r"1 of 1 pictures are not in .*SegmentationClass"):
        feed.voc(root, targets="semantic")
    with pytest.raises(SourceError, match=r"Segmentation/val\.txt: there is no such list"):
        feed.voc(root, "val", targets="masks")


# ------------------------------------------------------------------------------------------ Hugging Face


def test_a_shuffled_and_selected_data_set_keeps_its_order(tmp_path) -> None:
    datasets = pytest.importorskip("datasets")
    root = pictures(tmp_path, *(f"{k}.png" for k in range(6)))
    said = {"image": [str(root / f"{k}.png") for k in range(6)], "label": list(range(6)), "tags": [["x"], []] * 3}
    data = datasets.Dataset.from_dict(said).cast_column("image", datasets.Image())
    source = feed.hub(data.shuffle(seed=1).select([4, 0, 2]), label="label", multi_label="tags")
    images, targets = next(iter(feed.Loader(source, feed.Pipeline([]), shuffle=False)))
    assert (
        (images[:, 0, 0, 0] // 20).tolist()
        == targets["label"].tolist()
        == data.shuffle(seed=1)["label"][:5][4:] + [data.shuffle(seed=1)["label"][k] for k in (0, 2)]
    )
    copy = pickle.loads(pickle.dumps(source))
    assert copy.targets(every(copy))["label"].values.tolist() == targets["label"].tolist()
    with pytest.raises(SourceError, match="has no column 'picture'; it has image, label, tags"):
        feed.hub(data, image="picture")
    with pytest.raises(SpecError, match="expected one split"):
        feed.hub({"train": data})


def test_bytes_and_paths_are_read_from_a_table_in_parts(tmp_path) -> None:
    """Of data sets that were put together, cut, shuffled and stored: what is read are the files, in order."""
    datasets = pytest.importorskip("datasets")
    root = pictures(tmp_path, *(f"{k}.png" for k in range(6)))
    files = [root / f"{k}.png" for k in range(6)]
    features = datasets.Features({"image": datasets.Image()})

    def made(images: list) -> datasets.Dataset:
        return datasets.Dataset.from_dict({"image": images}, features=features)

    parts = [
        made([str(files[0]), {"bytes": files[1].read_bytes(), "path": None}]),
        made([{"bytes": file.read_bytes(), "path": "elsewhere.png"} for file in files[2:5]]),
        made([str(files[5]), None]),
    ]
    whole = datasets.concatenate_datasets(parts)
    whole.save_to_disk(str(tmp_path / "stored"))
    for data in (whole, datasets.load_from_disk(str(tmp_path / "stored"))):
        for rows in (range(6), [5, 1, 1, 3], range(2, 6)):
            source = pickle.loads(pickle.dumps(feed.hub(data.select(rows))))
            (images,) = feed.Loader(source, feed.Pipeline([]), shuffle=False)
            assert (images[:, 0, 0, 0] // 20).tolist() == list(rows)
    with pytest.raises(feed.DecodeError, match=r"image\[6\]: the data set holds neither bytes nor a path"):
        list(feed.Loader(feed.hub(whole), feed.Pipeline([])))


# ------------------------------------------------------------------------------------------ arrays in files


def test_arrays_may_lie_in_files(tmp_path) -> None:
    levels = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 5, 3), np.uint8)
    np.save(tmp_path / "x.npy", levels)
    mapped = feed.arrays(tmp_path / "x.npy", np.arange(6))
    assert np.shares_memory(mapped._images, mapped._images.base)  # the file's pages, not a copy of them
    assert not mapped._images.flags.writeable
    assert len(pickle.dumps(feed.arrays(tmp_path / "x.npy"))) < 1000  # the name, not the pixels
    sources = [mapped, pickle.loads(pickle.dumps(mapped))]
    h5py, zarr = pytest.importorskip("h5py"), __import__("importlib").util.find_spec("zarr")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        sources.append(feed.arrays(file.create_dataset("x", data=levels, chunks=(2, 4, 5, 3)), np.arange(6)))
        assert repr(sources[-1]) == "Chunked(6 records of 4x5x3, uint8)"
        if zarr:
            import zarr

            sources.append(feed.arrays(zarr.array(levels, chunks=(2, 4, 5, 3)), np.arange(6)))
        for source in sources:
            for images, numbers in feed.Loader(source, feed.Pipeline([]), batch_size=4, seed=2):
                assert images[:, 1, 1, 1].tolist() == numbers.tolist()
    (tmp_path / "bad.npy").write_bytes(b"no")
    with pytest.raises(SourceError, match=r"bad\.npy: cannot be read as an array"):
        feed.arrays(tmp_path / "bad.npy")
    np.save(tmp_path / "y.npy", levels.astype(float))
    with pytest.raises(SourceError, match="images are float64"):
        feed.arrays(tmp_path / "y.npy")


def test_data_sets_of_keras_go_by_their_name(monkeypatch) -> None:
    keras = pytest.importorskip("keras")
    parts = [(np.zeros((n, 32, 32, 3), np.uint8), np.arange(n)[:, None] % 10) for n in (20, 10)]
    monkeypatch.setattr(keras.datasets.cifar10, "load_data", lambda: parts)
    train, test = feed.keras_dataset("cifar10")
    assert (len(train), len(test), train.classes[3]) == (20, 10, "cat")
    assert test.targets(np.array([9])).tolist() == [9]
    with pytest.raises(SpecError, match="'imagenet'"):
        feed.keras_dataset("imagenet")
