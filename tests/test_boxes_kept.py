"""What keeps boxes, and what makes things small: SafeCropAroundBoxes and RandomZoomOut."""

import numpy as np
import pytest

import imagefeed as feed
from imagefeed.inmodel import InModel

SIZE = (60, 80)
CORNERS = [[[30, 20, 50, 40], [44, 10, 60, 22]], [], [[0, 0, 80, 60]], [[70, 50, 79, 59]]]
HULLS = np.array([[30, 10, 60, 40], [40, 30, 40, 30], [0, 0, 80, 60], [70, 50, 79, 59]], float)


def grid() -> np.ndarray:
    """The place of the center of each pixel, in levels."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    return np.stack([x, y, x * 0], axis=-1).astype(np.float32)


def loader(steps: list, **options) -> feed.Loader:
    boxes = feed.Boxes(CORNERS, labels=[[1, 2], [], [3], [4]], min_visible=0.999)
    source = feed.arrays(np.stack([grid()] * 4), {"boxes": boxes})
    given = {"batch_size": 4, "shuffle": False, "dtype": "float32", "seed": 4} | options
    return feed.Loader(source, feed.Pipeline(steps), **given)


def parts_of(image: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom of the part of the grid that a resized crop shows."""
    height, width = image.shape[:2]
    (left, top), (right, bottom) = image[0, 0, :2], image[-1, -1, :2]
    x, y = (right - left) / (width - 1) / 2, (bottom - top) / (height - 1) / 2
    return np.array([left - x, top - y, right + x, bottom + y])


STEP = feed.SafeCropAroundBoxes((90, 120), antialias=False)  # larger than the picture: bilinear shows its place exactly


def test_every_box_is_kept_whatever_is_drawn() -> None:
    parts = np.array([[parts_of(image[8:-8, 8:-8]) for image in batch.images] for batch in drawn(STEP)])
    for batch in drawn(STEP):
        assert batch.targets["boxes"]["count"].tolist() == [2, 0, 1, 1]
    assert parts[:, 0, 0].std() > 3
    whole = np.array([batch.images[2] for batch in drawn(STEP)])
    assert (whole == whole[0]).all()  # a box that fills the picture leaves nothing to choose


def drawn(*steps: feed.Transform, epochs: int = 60):
    made = loader(list(steps))
    return [next(made.batches(epoch)) for epoch in range(epochs)]


def test_edges_lie_anywhere_between_boxes_and_picture() -> None:
    scale = np.array([120, 90, 120, 90])
    lefts = []
    for batch in drawn(STEP, epochs=200):
        x0, _, x1, y1 = (batch.targets["boxes"]["boxes"][0, :2] / scale).reshape(2, 4).T
        width = 30 / (x1.max() - x0.min())  # of the part, since the boxes' is known
        lefts.append(30 - x0.min() * width)
        assert width <= 80.001
        assert y1.max() <= 1
    counts = np.histogram(lefts, bins=5, range=(0, 30))[0]
    assert counts.min() > 18  # of 40 each


def test_erosion_loses_a_share_evenly() -> None:
    step = feed.SafeCropAroundBoxes((90, 120), erosion=0.5)
    boxes = feed.Boxes([[[20, 20, 60, 40]]], min_visible=0.0, clip=False)
    made = feed.Loader(feed.arrays(grid()[None], boxes), feed.Pipeline([step]), dtype="float32", seed=1)
    shares = []
    for epoch in range(100):
        x0, y0, x1, y1 = next(made.batches(epoch)).targets["boxes"][0, 0]
        shares.append([-min(x0, 0) / (x1 - x0), max(x1 - 120, 0) / (x1 - x0), max(y1 - 90, 0) / (y1 - y0)])
    assert 0.15 < np.max(shares) <= 0.25 + 1e-6
    assert np.min(shares) == 0


def test_boxes_are_where_the_steps_before_put_them() -> None:
    flip = [feed.HorizontalFlip(probability=1), feed.Rotate(degrees=(5, 5))]
    for batch in drawn(*flip, STEP, epochs=20):
        assert batch.targets["boxes"]["count"][0] == 2
    for batch in drawn(feed.ElasticTransform(0.2), STEP, epochs=20):
        assert batch.targets["boxes"]["count"][0] == 2
    mixed = [feed.Mosaic((60, 80), center=(0.5, 0.5)), STEP]
    assert all((batch.targets["boxes"]["count"] > 0).any() for batch in drawn(*mixed, epochs=5))


def test_a_box_of_which_too_little_is_left_is_not_kept() -> None:
    """A crop leaves a twentieth of the second box, at its own left edge, and what keeps boxes may leave that."""
    boxes = feed.Boxes([[[36, 26, 44, 34], [0, 0, 22, 22]]], min_visible=0.5)
    steps = feed.Pipeline([feed.CenterCrop((40, 40)), STEP])
    made = feed.Loader(feed.arrays(grid()[None], boxes), steps, dtype="float32", seed=1)
    lefts = [parts_of(next(made.batches(epoch)).images[0, 8:-8, 8:-8])[0] for epoch in range(40)]
    assert np.std(lefts) > 3


def test_no_more_is_decoded_than_is_needed() -> None:
    words = loader([STEP]).explain(3)
    first = int(words.split("read rows ")[1].split()[0])
    assert first > 0


def test_it_can_be_one_of_several() -> None:
    resize = feed.Resize((90, 120))
    for either in (feed.OneOf((STEP, resize)), feed.SomeOf((STEP, resize), count=1), feed.RandomOrder((STEP, resize))):
        for batch in drawn(feed.Sometimes(feed.HorizontalFlip()), either, epochs=20):
            assert batch.targets["boxes"]["count"].tolist() == [2, 0, 1, 1]


def test_without_boxes_it_says_so() -> None:
    source = feed.arrays(grid()[None])
    with pytest.raises(feed.SpecError, match=r"steps\[0\]\.SafeCropAroundBoxes: .*none among the targets"):
        next(iter(feed.Loader(source, feed.Pipeline([STEP]))))
    pipeline = feed.Pipeline([STEP])
    assert pipeline.deterministic().steps == (feed.Resize((90, 120), antialias=False),)
    with pytest.raises(feed.SpecError, match="which only a Loader knows of"):
        InModel(pipeline)


def test_zooming_out_makes_things_small() -> None:
    steps = [feed.RandomZoomOut(factor=(2, 2), fill=7), feed.Resize((60, 80))]
    places = []
    for batch in drawn(*steps, epochs=100):
        boxes = batch.targets["boxes"]["boxes"][2, 0]
        np.testing.assert_allclose(boxes[2:] - boxes[:2], [40, 30], atol=1e-4)
        x0, y0, x1, y1 = np.rint(boxes).astype(int)
        outside = np.ones(SIZE, bool)
        outside[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1] = False
        np.testing.assert_array_equal(batch.images[2][outside], 7)
        places.append(boxes[0])
    counts = np.histogram(places, bins=4, range=(0, 40))[0]
    assert counts.min() > 10  # of 25 each
    assert feed.Pipeline(steps).deterministic().steps == (steps[1],)
