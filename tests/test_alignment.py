"""A picture, its mask, its boxes and its points stay together, whatever moves them."""

import json

import numpy as np
from PIL import Image

import imagefeed as feed
from imagefeed import rng as rng_module

SIZE = (48, 64)
GEOMETRY = [
    feed.HorizontalFlip(),
    feed.VerticalFlip(),
    feed.Rotate(degrees=(-40, 40), interpolation="nearest"),
    feed.Affine(degrees=(-10, 10), x=(-0.1, 0.1), zoom=(0.8, 1.3), interpolation="nearest"),
    feed.Perspective(0.2, interpolation="nearest"),
    feed.RandomCrop((40, 50)),
    feed.RandomResizedCrop((40, 50), scale=(0.5, 1.0), interpolation="nearest"),
]


def random_steps(rng: np.random.Generator) -> list:
    return [GEOMETRY[k] for k in rng.permutation(len(GEOMETRY))[: rng.integers(1, 4)]]


def test_grid_mask_and_points_agree_within_half_a_pixel(rng) -> None:
    """The picture holds the column and row of each of its pixels; the mask holds one of the two."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    image = np.stack([x, y, np.full_like(x, 255)], axis=-1).astype(np.uint8)[None]
    places = rng.uniform((8, 8), (SIZE[1] - 8, SIZE[0] - 8), (1, 30, 2))
    targets = {"mask": feed.Mask(image[..., 0]), "points": feed.Keypoints(places)}
    checked = 0
    for draw in range(100):
        pipeline = feed.Pipeline(random_steps(rng), training=False)
        got, others = next(iter(feed.Loader(feed.arrays(image, targets), pipeline, seed=draw)))
        np.testing.assert_array_equal(others["mask"], got[..., 0])
        for (u, v, seen), place in zip(others["points"][0], places[0], strict=True):
            # Near the edge the border may show a mirrored picture.
            if seen and 1 <= u < got.shape[2] - 1 and 1 <= v < got.shape[1] - 1:
                pixel = got[0, int(v), int(u), :2] + 0.5
                # One step of the output may be several of the input.
                step = np.abs(
                    np.diff(got[0, int(v) - 1 : int(v) + 2, int(u) - 1 : int(u) + 2, :2].astype(float), axis=0)
                )
                across = np.abs(
                    np.diff(got[0, int(v) - 1 : int(v) + 2, int(u) - 1 : int(u) + 2, :2].astype(float), axis=1)
                )
                limit = 0.5 * (step.max((0, 1)) + across.max((0, 1))) + 0.5 + 1e-6
                assert (np.abs(pixel - place) <= limit).all()
                checked += 1
    assert checked > 500


def test_the_mask_of_a_warped_street_is_the_warped_mask(data, rng) -> None:
    """The mask is also given as a second picture, which the picture's own nearest warp moves."""
    files = sorted(data("camvid/valannot").glob("*.png"))[:5]
    masks = np.stack([np.asarray(Image.open(file)) for file in files])[:, ::4, ::4]
    targets = {"mask": feed.Mask(masks)}
    source = feed.arrays(np.repeat(masks[..., None], 3, axis=3), targets)
    for draw in range(200):
        loader = feed.Loader(source, feed.Pipeline(random_steps(rng), training=False), batch_size=5, seed=draw)
        images, others = next(iter(loader))
        np.testing.assert_array_equal(images[..., 0], others["mask"])


def test_kept_boxes_stay_around_their_things(data) -> None:
    """COCO's boxes, and a mask of the middle of each, through a detection pipeline: no thing leaves its box."""
    annotations = json.loads(next(data("coco_tiny/annotations").glob("*val*.json")).read_text())
    count, size = 12, (120, 160)
    things = {
        one["id"]: [a for a in annotations["annotations"] if a["image_id"] == one["id"]]
        for one in annotations["images"]
    }
    chosen = [one for one in annotations["images"] if 0 < len(things[one["id"]]) <= 20][:count]
    images, masks, boxes, numbers = [], np.zeros((count, *size), np.uint8), [], []
    for k, one in enumerate(chosen):
        with Image.open(data("coco_tiny/val2017") / one["file_name"]) as image:
            scale = np.array([size[1] / image.width, size[0] / image.height] * 2)
            images.append(np.asarray(image.convert("RGB").resize(size[::-1])))
        boxes.append([np.array(a["bbox"]) * scale for a in things[one["id"]]])
        numbers.append([1 + sum(map(len, numbers)) + number for number in range(len(boxes[-1]))])
        for number, (x, y, w, h) in zip(numbers[-1], boxes[-1], strict=True):
            masks[k, int(y + h / 4) : int(y + 3 * h / 4), int(x + w / 4) : int(x + 3 * w / 4)] = number
    assert numbers[-1][-1] < 256
    targets = {"mask": feed.Mask(masks), "boxes": feed.Boxes(boxes, labels=numbers, format="xywh")}
    steps = [
        feed.Mosaic((160, 160)),
        feed.RandomPerspective(strength=0.2, border="constant"),
        feed.Saturation(factor=(0.5, 1.5)),
    ]
    pipeline = feed.Pipeline([*steps, feed.HorizontalFlip()])
    loader = feed.Loader(feed.arrays(np.stack(images), targets), pipeline, batch_size=count, seed=3, shuffle=False)
    checked = 0
    for epoch in range(8):
        (batch,) = list(loader.batches(epoch))
        drawn = rng_module.uniform(3, epoch, np.array([0]), np.array([3]), np.arange(count))
        for row, one in enumerate(feed.unpad(batch.targets["boxes"])):
            if len({row, *np.floor(drawn[row] * count).astype(int)}) < 4:
                continue  # a picture that comes twice has every number twice
            for (x, y, w, h), number in zip(one["boxes"], one["labels"], strict=True):
                rows, columns = np.nonzero(batch.targets["mask"][row] == number)
                assert ((columns + 0.5 > x - 1.5) & (columns + 0.5 < x + w + 1.5)).all()
                assert ((rows + 0.5 > y - 1.5) & (rows + 0.5 < y + h + 1.5)).all()
                checked += len(rows) > 0
    assert checked > 100
