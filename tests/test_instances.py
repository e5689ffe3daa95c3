"""Masks of things: from outlines, runs and panoptic segments, through pipelines and mixtures."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

import imagefeed as feed
from imagefeed import DecodeError, SourceError, SpecError
from imagefeed.sources.shapes import Painted, Runs, Shapes, runs

PLACES = st.floats(-9, 30, width=32)
SQUARE = [2.0, 2.0, 10.0, 2.0, 10.0, 8.0, 2.0, 8.0]


def every(source: feed.Source) -> np.ndarray:
    return np.arange(len(source))


def painted(outline: object, height: int, width: int, *, normalized: bool = False) -> np.ndarray:
    shape = Shapes([outline], str)[0]
    return Painted((shape,), np.array([1], np.uint8), None, normalized, "x")(height, width)


def made(source: feed.Source, name: str = "masks") -> list[np.ndarray]:
    """The mask of every record, at the size of its picture."""
    target = source.targets(every(source))
    mask = target[name] if isinstance(target, dict) else target
    result = []
    for file, painter in zip(source.names(every(source)), mask.pictures, strict=True):
        with Image.open(file) as image:
            result.append(painter(*image.size[::-1]))
    return result


# ------------------------------------------------------------------------------------------ outlines


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(PLACES, PLACES), min_size=3, max_size=9))
def test_a_pixel_is_inside_if_its_center_is(corners) -> None:
    """By scikit-image; centers within rounding of an edge may be on either side."""
    inside = pytest.importorskip("skimage.measure").points_in_poly
    y, x = np.mgrid[:20, :24] + 0.5
    centers = np.stack([x.ravel(), y.ravel()], axis=-1)
    a, b = np.array(corners)[:, None], np.roll(corners, -1, axis=0)[:, None]
    along = np.clip(((centers - a) * (b - a)).sum(2) / np.maximum(((b - a) ** 2).sum(2), 1e-30), 0, 1)
    clear = np.linalg.norm(centers - a - along[..., None] * (b - a), axis=2).min(axis=0) > 1e-4
    found = painted([np.ravel(corners).tolist()], 20, 24).ravel()
    assert np.array_equal(found[clear], inside(centers, corners)[clear])


def test_polygons_that_share_an_edge_share_no_pixel() -> None:
    left, right = [1.0, 1.0, 6.5, 2.5, 4.0, 9.0], [6.5, 2.5, 12.0, 8.0, 4.0, 9.0]
    both = [1.0, 1.0, 6.5, 2.5, 12.0, 8.0, 4.0, 9.0]
    assert np.array_equal(painted([left], 10, 12) + painted([right], 10, 12), painted([both], 10, 12))
    assert np.array_equal(painted([left, right], 10, 12), painted([both], 10, 12))  # parts of one thing
    assert (
        painted([[0.0, 0.0, 1.0, 0.0, 1.0, 0.5, 0.0, 0.5]], 8, 4, normalized=True).tolist()
        == [[1] * 4] * 4 + [[0] * 4] * 4
    )


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12))
def test_runs_are_those_of_pycocotools(seed, height, width) -> None:
    coded = pytest.importorskip("pycocotools.mask")
    mask = (np.random.default_rng(seed).random((height, width)) < 0.5).astype(np.uint8)
    mask = np.repeat(mask, 40, axis=0)  # long runs take several characters, and differences may be negative
    text = coded.encode(np.asfortranarray(mask))
    assert np.array_equal(runs(text["counts"], text["size"], "x").mask(), mask)
    assert np.array_equal(runs(text["counts"].decode(), text["size"], "x").mask(), mask)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_outlines_of_real_things_are_those_of_pycocotools(data) -> None:
    """Runs exactly; of polygons it counts pixels that an edge touches by a rule of its own, so nearly all."""
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO

    theirs = COCO(data("coco_tiny/annotations") / "instances_val2017.json")
    every_third = theirs.getAnnIds(iscrowd=False)[::3]
    overlap, crowds = [], 0
    for thing in theirs.loadAnns(every_third + theirs.getAnnIds(iscrowd=True)):
        wanted = theirs.annToMask(thing)
        found = painted(thing["segmentation"], *wanted.shape)
        if isinstance(Shapes([thing["segmentation"]], str)[0], Runs):
            assert np.array_equal(found, wanted)
            crowds += 1
        elif wanted.sum() > 200:
            overlap.append((found & wanted).sum() / (found | wanted).sum())
            assert overlap[-1] > 0.94
    assert crowds > 5
    assert np.median(overlap) > 0.99


@pytest.mark.parametrize(
    ("outline", "message"),
    [
        (None, "thing 0: expected polygons of at least three corners"),
        ([], "expected polygons"),
        ([[1.0, 2.0, 3.0, 4.0]], "expected polygons"),
        ([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]], "expected polygons"),
        ([[1.0, 2.0, 3.0, 4.0, 5.0, "x"]], "a corner of a polygon is no number"),
        ([[1.0, 2.0, 3.0, 4.0, 5.0, float("nan")]], "is not finite"),
        ({"counts": [3, 4], "size": [2, 4]}, r"thing 0: the run lengths of a mask do not fill its size \[2, 4\]"),
        ({"counts": [-3, 11], "size": [2, 4]}, "run lengths"),
        ({"counts": "o", "size": [2, 4]}, "run lengths"),
        ({"counts": [8]}, "run lengths"),
    ],
)
def test_outlines_that_are_none_say_so(outline, message) -> None:
    with pytest.raises(SourceError, match=message):
        Shapes([outline], lambda k: f"thing {k}")


# ------------------------------------------------------------------------------------------ COCO


def test_the_masks_of_coco_lie_as_they_should(data) -> None:
    """Each pixel belongs to the smallest thing around it, and crowds to none that has another."""
    file = data("coco_tiny/annotations") / "instances_val2017.json"
    source = feed.coco(file, data("coco_tiny/val2017"), targets=["boxes", "masks", "semantic", "multi_label"])
    said = json.loads(file.read_text())
    ids = sorted(one["id"] for one in said["categories"])
    masks, classes = made(source), made(source, "semantic")
    boxes = source.targets(every(source))["boxes"].batch()
    for k, picture in enumerate(said["images"]):
        things = [one for one in said["annotations"] if one["image_id"] == picture["id"]]
        numbers = boxes["instance"][k, : len(things)].tolist()
        assert numbers == list(range(1, len(things) + 1))
        alone = [painted(one["segmentation"], picture["height"], picture["width"]).astype(bool) for one in things]
        assert np.array_equal(masks[k] > 0, np.logical_or.reduce([np.zeros(masks[k].shape, bool), *alone]))
        areas = np.array([one["area"] if not one["iscrowd"] else np.inf for one in things])
        for number, (mine, thing) in enumerate(zip(alone, things, strict=True), 1):
            assert not (masks[k][~mine] == number).any()
            assert (classes[k][masks[k] == number] == ids.index(thing["category_id"]) + 1).all()
            lost = mine & (masks[k] != number)
            if lost.any():  # to something of less area: as the file measures it, which is nearly as we do
                winners = np.unique(masks[k][lost]) - 1
                assert (areas[winners] <= 1.05 * areas[number - 1] + 3).all()


def test_masks_follow_their_pictures(data) -> None:
    """After a crop and a flip, a thing's pixels lie in its box, and are those that it had."""
    file = data("coco_tiny/annotations") / "instances_val2017.json"
    source = feed.coco(file, data("coco_tiny/val2017"), targets=("boxes", "masks"), crowd=False)
    pipeline = feed.Pipeline([feed.HorizontalFlip(probability=1), feed.CenterCrop((200, 240))])
    masks = made(source)
    checked = 0
    for batch in feed.Loader(source, pipeline, batch_size=16).batches(0):
        boxes, mask = batch.targets["boxes"], batch.targets["masks"]
        assert (mask.shape, mask.dtype) == ((16, 200, 240), np.uint8)
        apart = feed.instance_masks(mask, boxes["instance"])
        assert apart.shape == (16, boxes["boxes"].shape[1], 200, 240)
        for row, record in enumerate(batch.indices.tolist()):
            height, width = masks[record].shape
            y, x = (height - 200) // 2, (width - 240) // 2
            assert np.array_equal(mask[row], masks[record][:, ::-1][y : y + 200, x : x + 240])
            for box, one in zip(boxes["boxes"][row, : boxes["count"][row]], apart[row], strict=False):
                places = np.argwhere(one)
                if len(places):
                    low, high = places.min(axis=0)[::-1], places.max(axis=0)[::-1] + 1
                    assert (low >= box[:2] - 1.5).all()
                    assert (high <= box[:2] + box[2:] + 1.5).all()
                    checked += 1
            assert not apart[row, boxes["count"][row] :].any()
    assert checked > 200


def small_coco(root: Path, **changes: object) -> Path:
    (root / "images").mkdir(exist_ok=True)
    for name in "ab":
        Image.new("RGB", (20, 12)).save(root / "images" / f"{name}.png")
    outline = {"segmentation": [SQUARE], "bbox": [2, 2, 8, 6], "area": 48, "category_id": 3}
    said = {
        "images": [{"id": k, "file_name": f"{name}.png", "height": 12, "width": 20} for k, name in enumerate("ab")],
        "categories": [{"id": 3, "name": "x"}, {"id": 9, "name": "y"}],
        "annotations": [{"id": 1, "image_id": 0} | outline, {"id": 2, "image_id": 1, **outline, "category_id": 9}],
    }
    (root / "coco.json").write_text(json.dumps(said | changes))
    return root / "coco.json"


def test_one_target_is_given_as_it_is_and_several_by_name(tmp_path) -> None:
    file = small_coco(tmp_path)
    alone = feed.coco(file, tmp_path / "images", targets="semantic")
    _, classes = next(iter(feed.Loader(alone, feed.Pipeline([]), shuffle=False, isolate=True)))
    assert [sorted(set(one.ravel().tolist())) for one in classes] == [[0, 1], [0, 2]]
    assert (classes[0, 2:8, 2:10] == 1).all()
    assert (classes > 0).sum() == 2 * 48
    named = feed.coco(file, tmp_path / "images", targets=["masks"])
    assert list(named.targets(every(named))) == ["masks"]
    assert np.array_equal(
        pickle.loads(pickle.dumps(named)).targets(np.array([1]))["masks"].pictures[0](12, 20), classes[1] // 2
    )
    joined = feed.concat(named, named.subset([1]))
    ((_, both),) = feed.Loader(joined, feed.Pipeline([]), shuffle=False)
    assert both["masks"].shape == (3, 12, 20)
    for wrong in ([], ["boxes", "boxes"]):
        with pytest.raises(SpecError, match=r"targets=.*each once"):
            feed.coco(file, tmp_path / "images", targets=wrong)
    with pytest.raises(SpecError, match=r"targets=.*'panoptic'"):
        feed.coco(file, tmp_path / "images", targets=["boxes", "panoptic"])


def test_masks_that_cannot_be_say_why(tmp_path) -> None:
    sizes = [{"id": k, "file_name": f"{name}.png", "height": 12, "width": 21} for k, name in enumerate("ab")]
    source = feed.coco(small_coco(tmp_path, images=sizes), tmp_path / "images", targets="masks")
    with pytest.raises(DecodeError, match=r"[ab]\.png: is 12x20, but its annotations are of a picture of 12x21"):
        next(iter(feed.Loader(source, feed.Pipeline([]))))
    thing = {"id": 5, "image_id": 0, "category_id": 3, "bbox": [0, 0, 1, 1], "area": 1}
    for things, kind, message in (
        ([thing], "masks", "an annotation has no 'segmentation'"),
        ([thing | {"segmentation": [[0, 1]]}], "masks", "annotation 5: expected polygons"),
        ([thing | {"segmentation": [SQUARE]}] * 255, "masks", "a picture has 255 things, but a mask can number 254"),
    ):
        with pytest.raises(SourceError, match=message):
            feed.coco(small_coco(tmp_path, annotations=things), tmp_path / "images", targets=kind)
    many = [{"id": k, "name": str(k)} for k in range(255)]
    file = small_coco(tmp_path, annotations=[thing | {"segmentation": [SQUARE], "category_id": 254}], categories=many)
    with pytest.raises(SourceError, match="has 255 classes, but a mask can hold 254"):
        feed.coco(file, tmp_path / "images", targets="semantic")


def panoptic(root: Path) -> tuple[Path, np.ndarray]:
    """Two pictures; the ids of their segments take all three bytes."""
    ids = np.zeros((2, 12, 20), np.int64)
    ids[0, :6], ids[0, 6:, 5:], ids[1, :, 3:9] = 70_000, 300, 7
    (root / "png").mkdir(exist_ok=True)
    for k, name in enumerate("ab"):
        colors = np.stack([ids[k] % 256, ids[k] // 256 % 256, ids[k] // 65536], axis=-1).astype(np.uint8)
        Image.fromarray(colors).save(root / "png" / f"{name}.png")
    box = {"bbox": [0, 0, 2, 2], "area": 4, "iscrowd": 0}
    segments = [
        [{"id": 70_000, "category_id": 9, **box}, {"id": 300, "category_id": 3, **box}],
        [{"id": 7, "category_id": 3, **box}],
    ]
    things = [{"image_id": k, "file_name": f"{name}.png", "segments_info": segments[k]} for k, name in enumerate("ab")]
    return small_coco(root, annotations=things[::-1]), ids


def test_panoptic_segments_are_read(tmp_path) -> None:
    file, ids = panoptic(tmp_path)
    names = ["boxes", "masks", "semantic", "multi_label"]
    source = feed.coco(file, tmp_path / "images", targets=names, panoptic=tmp_path / "png")
    _, found = next(iter(feed.Loader(source, feed.Pipeline([]), shuffle=False)))
    assert found["boxes"]["id"].tolist() == [[70_000, 300], [7, 0]]
    assert found["boxes"]["labels"].tolist() == [[1, 0], [0, -1]]
    for row in range(2):
        for number, one in zip(found["boxes"]["instance"][row], found["boxes"]["id"][row], strict=True):
            assert np.array_equal(found["masks"][row] == number, ids[row] == one)
    assert np.array_equal(found["semantic"][0], np.select([ids[0] == 70_000, ids[0] == 300], [2, 1], 0))
    assert found["multi_label"].tolist() == [[1, 1], [1, 0]]


def test_panoptic_files_that_are_not_right_say_why(tmp_path) -> None:
    file, _ = panoptic(tmp_path)
    with pytest.raises(SpecError, match=r"panoptic=.*the masks of .*coco\.json need the folder of its PNGs"):
        feed.coco(file, tmp_path / "images", targets="masks")
    assert len(feed.coco(file, tmp_path / "images")) == 2  # boxes need none
    source = feed.coco(file, tmp_path / "images", targets="masks", panoptic=tmp_path / "png")
    Image.new("RGB", (20, 12), (9, 0, 0)).save(tmp_path / "png" / "a.png")
    with pytest.raises(DecodeError, match=r"a\.png: has a segment 9, of which the annotations do not speak"):
        next(iter(feed.Loader(source, feed.Pipeline([]))))
    Image.new("RGB", (20, 13)).save(tmp_path / "png" / "a.png")
    with pytest.raises(DecodeError, match=r"a\.png: is 13x20, but its picture is 12x20"):
        next(iter(feed.Loader(source, feed.Pipeline([]))))
    (tmp_path / "png" / "a.png").unlink()
    with pytest.raises(SourceError, match=r"1 of 2 pictures are not in .*png"):
        feed.coco(file, tmp_path / "images", targets="masks", panoptic=tmp_path / "png")
    with pytest.raises(SpecError, match="is no file of panoptic segments"):
        feed.coco(small_coco(tmp_path), tmp_path / "images", panoptic=tmp_path / "png")
    lonely = json.loads(panoptic(tmp_path)[0].read_text())["annotations"][:1]
    with pytest.raises(SourceError, match="1 pictures have no annotation"):
        feed.coco(small_coco(tmp_path, annotations=lonely), tmp_path / "images")


# ------------------------------------------------------------------------------------------ mixtures


def things(count: int = 8) -> feed.Source:
    """Gray pictures with two things each, of the level of their class, with boxes drawn from the masks."""
    masks = np.zeros((count, 24, 32), np.uint8)
    masks[:, 3:9, 4:14], masks[:, 12:21, 16:30] = 1, 2
    levels = np.arange(1, 2 * count + 1, dtype=np.uint8).reshape(count, 2) * 10
    images = np.where(
        masks == 0, 0, np.take_along_axis(levels, np.maximum(masks.reshape(count, -1), 1) - 1, 1).reshape(masks.shape)
    )
    boxes = feed.Boxes(
        [[[4, 3, 14, 9], [16, 12, 30, 21]]] * count, labels=levels, attributes={"instance": [[1, 2]] * count}
    )
    targets = {"mask": feed.Mask(masks, kind="instance", counts=np.full(count, 2)), "boxes": boxes}
    return feed.arrays(images.astype(np.uint8)[..., None].repeat(3, axis=3), targets)


@pytest.mark.parametrize(
    "step",
    [feed.Mosaic((40, 48)), feed.CutMix(), feed.CopyPaste(ids="instance", probability=0.7)],
    ids=lambda step: type(step).__name__,
)
def test_things_of_mixed_pictures_have_numbers_of_their_own(step) -> None:
    """The picture tells which thing each pixel is of: its level is the label of the box with the mask's number."""
    many = checked = 0
    for epoch in range(4):
        loader = feed.Loader(things(), feed.Pipeline([step, feed.HorizontalFlip()]), batch_size=8, seed=epoch)
        for images, targets in loader:
            boxes = targets["boxes"]
            for row in range(len(images)):
                numbers, labels = boxes["instance"][row], boxes["labels"][row]
                known = numbers[numbers > 0].tolist()
                assert len(set(known)) == len(known)
                many = max(many, max(known))
                for number, label in zip(known, labels, strict=False):
                    levels = images[row, :, :, 0][targets["mask"][row] == number]
                    assert levels.size
                    if levels.size > 40:  # edges of scaled pictures are between two levels
                        assert np.bincount(levels).argmax() == label
                        checked += 1
    assert many > 2
    assert checked > 40


def test_mixtures_of_things_that_cannot_be_say_why() -> None:
    source = things()
    target = source.targets(every(source))
    plain = feed.Mask(target["mask"].pictures, kind="instance")
    images = np.zeros((8, 24, 32, 3), np.uint8)

    def mixed(targets: object) -> None:
        next(iter(feed.Loader(feed.arrays(images, targets), feed.Pipeline([feed.Mosaic((8, 8))]))))

    with pytest.raises(SpecError, match=r"must say how many there are: Mask\(\.\.\., counts=\.\.\.\)"):
        mixed(plain)
    with pytest.raises(SpecError, match="'a' and 'b' are masks of things"):
        mixed({"a": plain, "b": plain})
    with pytest.raises(SpecError, match="a mixed picture has 256 things, but a mask can number 254"):
        mixed(feed.Mask(target["mask"].pictures, kind="instance", counts=np.full(8, 64)))
    for wrong in ({"counts": [2] * 7}, {"counts": [2.0] * 8}, {"counts": [2] * 8, "kind": "index"}):
        with pytest.raises(SpecError, match=r"Mask\.counts"):
            feed.Mask(target["mask"].pictures, **{"kind": "instance"} | wrong)


# ------------------------------------------------------------------------------------------ functions


def test_a_mask_may_be_made_by_a_function() -> None:
    """When its turn comes, of the size of its picture, on threads; and what is wrong with it is said."""
    images = np.zeros((3, 6, 8, 3), np.uint8)
    masks = feed.Mask([lambda h, w, k=k: np.full((h, w), k, np.uint8) for k in range(3)])
    _, found = next(iter(feed.Loader(feed.arrays(images, masks), feed.Pipeline([feed.Resize((3, 4))]), shuffle=False)))
    assert found.tolist() == np.broadcast_to(np.arange(3)[:, None, None], (3, 3, 4)).tolist()
    for function in (lambda h, w: np.zeros((h, w + 1), np.uint8), lambda h, w: np.zeros((h, w)), lambda h, w: None):
        wrong = feed.arrays(images, feed.Mask([function] * 3))
        with pytest.raises(SourceError, match=r"Mask\.pictures: a function made .*; expected uint8 6x8"):
            next(iter(feed.Loader(wrong, feed.Pipeline([]))))

    def failing(height: int, width: int) -> np.ndarray:
        raise DecodeError("here.svg", "is not there")

    some = feed.Mask([failing, *masks.pictures[1:]])
    loader = feed.Loader(feed.arrays(images, some), feed.Pipeline([]), on_error="skip", max_bad=0.5, shuffle=False)
    ((_, rest),) = loader
    assert rest[:, 0, 0].tolist() == [1, 2]
    assert "here.svg: is not there" in str(loader.bad[0])


def test_instance_masks_checks_its_arguments() -> None:
    with pytest.raises(SpecError, match=r"expected \(b, height, width\) and \(b, most\)"):
        feed.instance_masks(np.zeros((2, 4, 4), np.uint8), np.zeros((3, 2), np.int64))
