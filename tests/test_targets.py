"""What goes with a picture: boxes, points, masks and labels, through real pipelines."""

import pickle

import numpy as np
import pytest
from PIL import Image as Pillow

import imagefeed as feed
from imagefeed.targets import joined, take

SIZE = (40, 60)


def grid(height: int = SIZE[0], width: int = SIZE[1]) -> np.ndarray:
    """A picture whose red is its column and whose green is its row, four levels a pixel."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 4, y * 4, np.full_like(x, 200)], axis=-1).astype(np.uint8)


def batch_of(targets, pipeline, *, images=None, **options):
    images = grid()[None] if images is None else images
    return next(
        iter(feed.Loader(feed.arrays(images, targets), pipeline, batch_size=len(images), shuffle=False, **options))
    )


def test_a_flip_moves_every_target() -> None:
    mask = np.zeros((1, *SIZE), np.uint8)
    mask[0, 10:20, 5:15] = 3
    targets = {
        "label": np.array([1]),
        "mask": feed.Mask(mask),
        "boxes": feed.Boxes([[[5, 10, 15, 20]]], labels=[[3]]),
        "points": feed.Keypoints([[[5, 10], [15, 10]]], swaps=((0, 1),)),
    }
    _, got = batch_of(targets, feed.Pipeline([feed.HorizontalFlip(probability=1)]))
    assert got["label"].tolist() == [1]
    np.testing.assert_array_equal(got["mask"], mask[:, :, ::-1])
    assert got["mask"].dtype == np.uint8
    np.testing.assert_array_equal(got["boxes"]["boxes"], [[[45, 10, 55, 20]]])
    np.testing.assert_array_equal(got["boxes"]["labels"], [[3]])
    np.testing.assert_array_equal(got["points"], [[[45, 10, 2], [55, 10, 2]]])


@pytest.mark.parametrize("kind", ["xyxy", "xywh", "cxcywh"])
@pytest.mark.parametrize("normalized", [False, True])
def test_boxes_come_out_in_the_format_they_went_in(kind, normalized) -> None:
    corners = np.array([[10, 8, 30, 24]], np.float64)
    before, after = np.array([60, 40] * 2), np.array([60, 20] * 2)  # width, height
    given = feed.Boxes([corners]).as_format(kind).values / (before if normalized else 1)
    boxes = feed.Boxes([given], format=kind, normalized=normalized)
    _, got = batch_of(boxes, feed.Pipeline([feed.Resize((20, 60))]))
    expected = feed.Boxes([corners * [1, 0.5, 1, 0.5]]).as_format(kind).values / (after if normalized else 1)
    np.testing.assert_allclose(got["boxes"][0], expected, rtol=1e-6)


def test_one_target_is_given_as_it_is_and_several_by_name() -> None:
    plain = feed.Pipeline([])
    images = np.stack([grid()] * 3)
    mask = np.zeros((3, *SIZE), np.uint8)
    assert batch_of(feed.Mask(mask), plain, images=images)[1].shape == (3, *SIZE)
    assert set(batch_of({"a": feed.Mask(mask), "b": np.arange(3)}, plain, images=images)[1]) == {"a", "b"}


def test_masks_of_each_kind() -> None:
    stored = np.zeros((1, *SIZE), np.uint8)
    stored[:, :, 30:] = 255
    _, got = batch_of(
        {kind: feed.Mask(stored, kind=kind) for kind in ("index", "binary", "soft")},
        feed.Pipeline([feed.Resize((40, 15)), feed.Rescale(1 / 255)]),
    )
    assert got["index"].dtype == np.uint8
    assert set(np.unique(got["index"])) == {0, 255}
    assert (got["binary"].shape, got["binary"].dtype) == ((1, 40, 15, 1), np.float32)
    assert set(np.unique(got["binary"])) == {0.0, 1.0}
    assert len(np.unique(got["soft"])) > 2
    assert 0 <= got["soft"].min() < got["soft"].max() <= 1
    _, first = batch_of(feed.Mask(stored, kind="soft"), feed.Pipeline([feed.Resize((8, 9))]), layout="nchw")
    assert first.shape == (1, 1, 8, 9)


def test_a_second_picture_follows_geometry_or_everything() -> None:
    images = grid()[None]
    targets = {"geometry": feed.Image(images), "everything": feed.Image(images, follow="everything")}
    pipeline = feed.Pipeline([feed.Rotate(degrees=(20, 20)), feed.Brightness(factor=(0.5, 0.5)), feed.Rescale(1 / 255)])
    got, others = batch_of(targets, pipeline)
    np.testing.assert_array_equal(others["everything"], got)
    np.testing.assert_allclose(others["geometry"] / 510, got, atol=1e-6)


def test_a_constant_border_of_a_mask_is_its_own() -> None:
    mask = np.ones((1, *SIZE), np.uint8)
    pipeline = feed.Pipeline([feed.Translate(x=(0.5, 0.5), border="constant", fill=9)])
    _, got = batch_of(feed.Mask(mask, fill=255), pipeline)
    np.testing.assert_array_equal(got[0, :, :30], 255)
    np.testing.assert_array_equal(got[0, :, 30:], 1)


def test_a_box_is_clipped_and_dropped_with_all_that_is_its_own() -> None:
    boxes = feed.Boxes(
        [[[0, 0, 20, 20], [25, 5, 45, 15], [50, 30, 60, 40]]], labels=[[1, 2, 3]], attributes={"id": [[7, 8, 9]]}
    )
    _, got = batch_of(boxes, feed.Pipeline([feed.CenterCrop((40, 30))]))  # columns 15 to 45
    np.testing.assert_array_equal(got["boxes"], [[[0, 0, 5, 20], [10, 5, 30, 15]]])
    assert (got["labels"].tolist(), got["id"].tolist(), got["count"].tolist()) == ([[1, 2]], [[7, 8]], [2])
    strict = feed.Boxes(boxes.values, counts=boxes.counts, min_visible=0.5)
    _, got = batch_of(strict, feed.Pipeline([feed.CenterCrop((40, 30))]))
    np.testing.assert_array_equal(got["boxes"], [[[10, 5, 30, 15]]])
    _, got = batch_of(feed.Boxes(boxes.values, counts=[3], clip=False), feed.Pipeline([feed.CenterCrop((40, 30))]))
    np.testing.assert_array_equal(got["boxes"][0, 0], [-15, 0, 5, 20])


def test_a_point_outside_is_not_seen() -> None:
    points = feed.Keypoints([[[10, 5], [30, 5]]])
    _, got = batch_of(points, feed.Pipeline([feed.CenterCrop((40, 30))]))
    np.testing.assert_array_equal(got, [[[-5, 5, 0], [15, 5, 2]]])


def test_lists_are_padded_and_unpadded() -> None:
    images = np.stack([grid()] * 3)
    boxes = feed.Boxes([[[0, 0, 9, 9], [1, 1, 5, 5]], [], [[2, 2, 4, 4]]], labels=[[4, 5], [], [6]], most=4)
    points = feed.Keypoints([np.ones((1, 2, 2)), np.zeros((0, 2, 2)), np.ones((2, 2, 2))])
    _, got = batch_of({"boxes": boxes, "points": points}, feed.Pipeline([]), images=images)
    assert got["boxes"]["boxes"].shape == (3, 4, 4)
    assert got["boxes"]["labels"].tolist() == [[4, 5, -1, -1], [-1] * 4, [6, -1, -1, -1]]
    assert got["points"]["keypoints"].shape == (3, 2, 2, 3)
    assert [one["labels"].tolist() for one in feed.unpad(got["boxes"])] == [[4, 5], [], [6]]
    with pytest.raises(feed.SpecError, match=r"Boxes\.most: got 1; a picture has 2"):
        batch_of(feed.Boxes(boxes.values, counts=boxes.counts, most=1), feed.Pipeline([]), images=images)


def test_targets_can_be_taken_and_joined() -> None:
    boxes = feed.Boxes([[[0, 0, 9, 9], [1, 1, 5, 5]], [], [[2, 2, 4, 4]]], labels=[[4, 5], [], [6]])
    every = {
        "boxes": boxes,
        "label": feed.Label([0, 1, 2]),
        "points": feed.Keypoints([np.ones((1, 2, 2)), np.zeros((0, 2, 2)), np.ones((2, 2, 2))]),
        "mask": feed.Mask([b"a", b"b", b"c"]),
        "plain": np.arange(3),
    }
    rows = np.array([2, 0])
    taken = take(every, rows)
    assert taken["boxes"].labels.tolist() == [6, 4, 5]
    assert taken["mask"].pictures == [b"c", b"a"]
    back = joined([take(every, np.array([k])) for k in range(3)])
    for name in ("boxes", "points"):
        np.testing.assert_array_equal(back[name].values, every[name].values)
        np.testing.assert_array_equal(back[name].counts, every[name].counts)
    assert back["plain"].tolist() == [0, 1, 2]
    with pytest.raises(feed.SourceError, match="targets differ"):
        joined([every, {"boxes": boxes}])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: feed.Boxes([[[5, 5, 3, 9]]]), "width and height must not be negative; is the format 'xywh'"),
        (lambda: feed.Boxes([[[5, 5, 3]]]), r"expected numbers \(m, 4\)"),
        (lambda: feed.Boxes([[[0, 0, 1, 1]]], labels=[[1, 2]]), r"Boxes\.labels: has 2 entries;"),
        (lambda: feed.Boxes([[0, 0, 1, 1]], counts=[2]), r"Boxes\.counts"),
        (lambda: feed.Boxes([], format="yxyx"), r"Boxes\.format"),
        (lambda: feed.Keypoints([[[1, 2]]], swaps=((0, 1),)), r"Keypoints\.swaps: got \(0, 1\)"),
        (lambda: feed.Keypoints([np.ones((1, 2, 2)), np.ones((2, 2, 3))]), r"Keypoints\[1\]: .*the first is of shape"),
        (lambda: feed.Keypoints(np.zeros((2, 3, 4))), r"Keypoints\.values"),
        (lambda: feed.Label([0, 3], classes=3), r"Label\.values: got 3; expected class numbers from 0 to 2"),
        (lambda: feed.Label([[0, 1]]), "for rows of zeros and ones use MultiLabel"),
        (lambda: feed.MultiLabel([0, 1]), r"MultiLabel\.values"),
        (lambda: feed.Mask(np.zeros((4, 4))), r"Mask\.pictures"),
        (lambda: feed.Mask([b""], kind="classes"), r"Mask\.kind"),
    ],
)  # fmt: skip
def test_a_target_that_cannot_be_says_why(make, message) -> None:
    with pytest.raises(feed.SpecError, match=message):
        make()


def test_what_does_not_fit_its_picture_is_an_error() -> None:
    plain = feed.Pipeline([])
    with pytest.raises(feed.DecodeError, match=r"the Mask of images\[0\]: is 40x61, but its picture.* is 40x60"):
        batch_of(feed.Mask(np.zeros((1, 40, 61), np.uint8)), plain)
    with pytest.raises(feed.SourceError, match=r"images\[0\]: a box \(50, 0, 70, 9\) \(xyxy, in pixels\) lies outside"):
        batch_of(feed.Boxes([[[50, 0, 70, 9]]]), plain)
    with pytest.raises(feed.SourceError, match=r"keypoint 1 \(3, 50\) lies outside the picture"):
        batch_of(feed.Keypoints([[[1, 1], [3, 50]]]), plain)
    with pytest.raises(feed.SourceError, match="has 2 entries; expected one for each of the 1 records"):
        batch_of(np.zeros(2), plain)


def test_a_bad_record_takes_its_targets_along(tmp_path) -> None:
    good = tmp_path / "good.png"
    Pillow.fromarray(grid()[..., 0]).save(good)
    images = np.stack([grid()] * 3)
    targets = {"mask": feed.Mask([good, b"no picture", good]), "boxes": feed.Boxes([[[0, 0, 9, 9]]] * 3)}
    source = feed.arrays(images, targets)
    loader = feed.Loader(source, feed.Pipeline([]), batch_size=3, shuffle=False, on_error="skip", max_bad=1)
    got, followed = next(iter(loader))
    assert (len(got), followed["mask"].shape, followed["boxes"]["count"].tolist()) == (2, (2, *SIZE), [1, 1])
    assert "the Mask of images[1]" in str(loader.bad[0])


def test_a_palette_s_own_numbers_are_the_classes(tmp_path) -> None:
    numbers = (grid()[..., 0] // 80).astype(np.uint8)
    paletted = Pillow.fromarray(numbers).convert("P")
    paletted.putdata(numbers.ravel().tolist())
    paletted.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0])
    paletted.save(tmp_path / "p.png")
    _, got = batch_of(feed.Mask([tmp_path / "p.png"]), feed.Pipeline([]))
    np.testing.assert_array_equal(got[0], numbers)
    Pillow.fromarray(grid()).save(tmp_path / "rgb.png")
    with pytest.raises(feed.DecodeError, match="is RGB, but a mask has one number for each pixel"):
        batch_of(feed.Mask([tmp_path / "rgb.png"]), feed.Pipeline([]))


def test_targets_follow_across_a_python_function_that_keeps_the_size() -> None:
    mask = (grid()[None, ..., 0] // 4).astype(np.uint8)
    turn = feed.Rotate(degrees=(30, 30), interpolation="nearest")
    whole = feed.Pipeline([turn, feed.Resize((20, 30), interpolation="nearest")])
    cut = feed.Pipeline([turn, feed.Apply(lambda image: image + 0), feed.Resize((20, 30), interpolation="nearest")])
    targets = {"mask": feed.Mask(mask), "boxes": feed.Boxes([[[20, 10, 40, 30]]])}
    (_, one), (image, two) = batch_of(targets, whole), batch_of(targets, cut)
    np.testing.assert_allclose(one["boxes"]["boxes"], two["boxes"]["boxes"], atol=1e-4)
    np.testing.assert_array_equal(two["mask"], image[..., 0] // 4)
    smaller = feed.Pipeline([feed.Apply(lambda image: np.ascontiguousarray(image[::2]))])
    with pytest.raises(feed.PlanError, match=r"steps\[0\] Apply.*: made images\[0\] 20x60 of 40x60"):
        batch_of(targets, smaller)


# ------------------------------------------------------------------------------------------------ where masks lie


def write_pairs(root, names=("a/1", "a/2", "b/1")) -> None:
    for k, name in enumerate(names):
        for folder, suffix, levels in (("images", ".jpg", grid()), ("masks", ".png", np.full(SIZE, k, np.uint8))):
            file = root / folder / (name + suffix)
            file.parent.mkdir(parents=True, exist_ok=True)
            Pillow.fromarray(levels).save(file)


def test_pairs_are_found_by_name(tmp_path) -> None:
    write_pairs(tmp_path)
    source = feed.pairs(tmp_path / "images", tmp_path / "masks")
    assert repr(source) == "Pairs('images' with 'masks', 3 records)"
    _, masks = next(iter(feed.Loader(source, feed.Pipeline([]), batch_size=3, shuffle=False)))
    assert masks[:, 0, 0].tolist() == [0, 1, 2]
    train, val = source.split(validation=0.34)
    _, masks = next(iter(feed.Loader(train, feed.Pipeline([]), batch_size=2, shuffle=False)))
    assert sorted([*masks[:, 0, 0].tolist(), *val.indices.tolist()]) == [0, 1, 2]
    _, other = next(
        iter(feed.Loader(feed.pairs(tmp_path / "images", tmp_path / "images", kind="image"), feed.Pipeline([])))
    )
    assert other.shape == (3, *SIZE, 3)


def test_a_picture_or_a_mask_without_its_partner_is_named(tmp_path) -> None:
    write_pairs(tmp_path)
    (tmp_path / "masks" / "a" / "2.png").unlink()
    with pytest.raises(
        feed.SourceError, match=r"has no mask for a/2\.jpg of .*a mask is called 'a/1' by name='\{name\}'"
    ):
        feed.pairs(tmp_path / "images", tmp_path / "masks")
    with pytest.raises(feed.SourceError, match=r"has no picture for a/2\.jpg of"):
        feed.pairs(tmp_path / "masks", tmp_path / "images")
    with pytest.raises(feed.SpecError, match=r"pairs\(name=\): got '\{stem\}'; expected text with \{name\}"):
        feed.pairs(tmp_path / "masks", tmp_path / "images", name="{stem}")
    Pillow.fromarray(grid()).save(tmp_path / "masks" / "a" / "1.bmp")
    with pytest.raises(feed.SourceError, match=r"has both a/1\.bmp and a/1\.png"):
        feed.pairs(tmp_path / "images", tmp_path / "masks")


def test_a_folder_can_say_where_its_masks_lie(tmp_path) -> None:
    write_pairs(tmp_path, ("1", "2"))
    source = feed.folder(tmp_path, classes=["images"], mask="../masks/{name}.png")
    _, got = next(iter(feed.Loader(source, feed.Pipeline([]), shuffle=False)))
    assert got["label"].tolist() == [0, 0]
    assert got["mask"][:, 0, 0].tolist() == [0, 1]
    alone = feed.folder(tmp_path / "images", labels=None, mask="../masks/{name}.png", mask_kind="binary")
    _, masks = next(iter(feed.Loader(alone, feed.Pipeline([]), shuffle=False)))
    assert masks[:, 0, 0, 0].tolist() == [0.0, 1.0]
    missing = feed.folder(tmp_path / "images", labels=None, mask="{name}.png")
    with pytest.raises(feed.DecodeError, match=r"1\.png: No such file"):
        next(iter(feed.Loader(missing, feed.Pipeline([]), shuffle=False)))


def test_a_replay_has_the_targets_of_one_record() -> None:
    pictures = np.zeros((2, 40, 60, 3), np.uint8)
    boxes = feed.Boxes([[[30, 10, 50, 20]], [[0, 0, 9, 9], [1, 1, 5, 5]]], labels=[[1], [0, 2]])
    source = feed.arrays(pictures, {"boxes": boxes, "age": np.array([3, 4])})
    image, target = feed.Loader(source, feed.Pipeline([])).replay(epoch=0, index=1)
    assert image.shape == (40, 60, 3)
    assert target["age"] == 4
    assert target["boxes"]["labels"].tolist() == [0, 2]
    assert target["boxes"]["count"] == 2


def test_targets_travel_to_other_processes() -> None:
    boxes = feed.Boxes([[[1, 2, 3, 4]]], labels=[[5]], attributes={"crowd": [[1]]})
    points, mask = feed.Keypoints([[[1, 2, 2]]]), feed.Mask(np.ones((1, 4, 4), np.uint8))
    labels = {"label": feed.Label([0]), "multi": feed.MultiLabel([[0, 1]]), "value": feed.Value([0.5])}
    targets = {"boxes": boxes, "points": points, "mask": mask, **labels}
    source = feed.arrays(np.zeros((1, 4, 4, 3), np.uint8), targets)
    come = pickle.loads(pickle.dumps(source)).targets(np.array([0]))
    assert come.keys() == targets.keys()
    assert come["boxes"].batch()["crowd"].tolist() == [[1]]
    assert come["boxes"].batch()["boxes"].tolist() == [[[1, 2, 3, 4]]]
    assert come["points"].values.tolist() == points.values.tolist()
