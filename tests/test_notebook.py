"""How things show themselves in a notebook."""

import io
import re

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed


def source() -> feed.Source:
    pictures = np.zeros((3, 40, 60, 3), np.uint8)
    pictures[:, 10:20, 30:50] = 200
    mask = np.zeros((3, 40, 60), np.uint8)
    mask[:, 10:20, 30:50] = 2
    targets = {
        "label": feed.Label(np.array([0, 1, 1])),
        "boxes": feed.Boxes([[[30, 10, 50, 20]]] * 3, labels=[[1]] * 3),
        "points": feed.Keypoints([[[30, 10, 2]]] * 3),
        "mask": feed.Mask(mask),
    }
    return feed.arrays(pictures, targets, classes=("cat", "<b>dog</b>"))


def test_a_pipeline_shows_its_steps_and_its_plan() -> None:
    shown = feed.Pipeline([feed.Resize((32, 32)), feed.Rotate(degrees=(1, 2)), feed.Rescale(1 / 255)])._repr_html_()
    assert "Rotate(degrees=(1, 2))" in shown
    assert "pass 1: warp to 32x32" in shown
    assert "Pipeline" not in feed.Pipeline([])._repr_html_()


def test_a_source_shows_its_classes_as_text() -> None:
    shown = feed.arrays(np.zeros((3, 4, 4, 3), np.uint8), [0, 1, 1], classes=("cat", "<b>dog</b>"))._repr_html_()
    assert "3 records" in shown
    assert re.search("<td[^>]*>&lt;b&gt;dog&lt;/b&gt;</td><td[^>]*>2</td>", shown)
    assert "<b>dog" not in shown


def test_classes_of_boxes_are_no_counts_of_pictures() -> None:
    boxes = feed.Boxes([[[0, 0, 2, 2]]], labels=[[0]])
    shown = feed.arrays(np.zeros((1, 4, 4, 3), np.uint8), {"boxes": boxes}, classes=("cat", "dog"))._repr_html_()
    assert "1 record; classes: cat, dog" in shown
    assert "<table" not in shown


def test_a_loader_shows_its_report() -> None:
    loader = feed.Loader(source(), feed.Pipeline([]), batch_size=2)
    list(loader)
    shown = loader._repr_html_()
    assert "3 pictures" in shown
    assert "font-family: monospace" in shown  # whose columns stand below each other; notebooks have none for a pre


def test_show_draws_pictures_labels_boxes_points_and_masks() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'imagefeed[notebook]'")
    pipeline = feed.Pipeline([feed.HorizontalFlip(probability=1.0), feed.Rescale(1 / 255)])
    loader = feed.Loader(source(), pipeline, batch_size=2, shuffle=False)
    figure = loader.show(count=2, columns=2)
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("cat", "<b>dog</b>")
    picture, mask = (image.get_array() for image in first.images)
    assert picture[15, 15, 0] == 200
    assert mask[15, 15] == 1
    assert mask.mask[0, 0]
    (box,) = first.patches
    assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (9.5, 9.5, 20, 10)
    assert first.texts[0].get_text() == "<b>dog</b>"
    assert first.collections[0].get_offsets().tolist() == [[29.5, 9.5]]
    assert loader.epoch == 0
    # What a notebook asks for where pyplot, which would tell it how to show figures, was never imported.
    with Image.open(io.BytesIO(figure._repr_png_())) as shown:
        assert (shown.format, shown.size) == ("PNG", (480, 260))


def test_show_draws_what_the_coming_epoch_begins_with() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'imagefeed[notebook]'")
    pictures = np.arange(10, dtype=np.uint8).repeat(48).reshape(10, 4, 4, 3)
    options = {"batch_size": 2, "steps_per_epoch": 3, "seed": 4}
    loader = feed.Loader(feed.arrays(pictures, None), feed.Pipeline([feed.Rescale(1 / 255)]), **options)
    loader.epoch = 3
    shown = [int(axes.images[0].get_array()[0, 0, 0]) for axes in loader.show(count=5, columns=2).axes]
    coming = [index for batch in loader.batches(3) for index in batch.indices.tolist()]
    assert shown == coming[:5]
    assert loader.epoch == 3
    for wrong in ({"count": 0}, {"columns": 0}):
        with pytest.raises(feed.SpecError, match=r"show\(\w+=\): got 0; expected an integer above 0"):
            loader.show(**wrong)
