"""A picture, its mask, its boxes and its points stay together, whatever moves them.

The transforms are found: every one whose example moves pixels, so that a new one is held to this without being listed.
"""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from found_transforms import EXAMPLES
from PIL import Image, ImageDraw

import imagefeed as feed
from imagefeed.group import Batch
from imagefeed.ops import Remap, Warp
from imagefeed.plan import plan

SIZE = (48, 64)
# Beyond every place of the grid: what lies around it.
OUTSIDE = 255


def plain(transform: feed.Transform, **changes: object) -> feed.Transform:
    """The transform with what is sampled, and what lies outside, as the tests can tell it."""
    known = {field.name for field in fields(transform)}  # type: ignore[arg-type]
    wanted = {"border": "constant", "fill": OUTSIDE, "antialias": False} | changes
    return replace(transform, **{name: value for name, value in wanted.items() if name in known})


def ops_of(transform: feed.Transform) -> list:
    """What a transform of pixels does."""
    if transform.role != "pixels":
        return []
    stage, record = feed.Pipeline([transform]).stages()[0], np.zeros(1, np.int64)
    boxes = np.array([[10.0, 10.0, 20.0, 20.0]])
    result = plan(stage, np.array([[40, 50]]), record, seed=1, epoch=0, boxes=lambda _: boxes)
    return [op for one in result.passes for op in (one.warp, *one.ops) if op is not None]


def moves(transform: feed.Transform) -> bool:
    """Whether a transform moves pixels."""
    return any(isinstance(op, Warp | Remap) for op in ops_of(transform))


def moves_only(transform: feed.Transform) -> bool:
    """Whether it does nothing else."""
    return all(isinstance(op, Warp | Remap) for op in ops_of(transform))


GEOMETRY = [transform for transform in EXAMPLES if moves(transform)]
LINEAR = [plain(one, interpolation="bilinear") for one in GEOMETRY]
NEAREST = [plain(one, interpolation="nearest") for one in GEOMETRY]
EXACT = [one for one in NEAREST if moves_only(one) and all(op.interpolation in (None, "nearest") for op in ops_of(one))]
# The same as photographs are moved.
SMOOTH = [plain(one, interpolation="bilinear", antialias=True) for one in EXACT]


def grid(size: tuple[int, int] = SIZE) -> np.ndarray:
    """A picture that holds, in levels, the place (x, y) of the center of each of its pixels."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return np.stack([x, y, np.full_like(x, 9)], axis=-1).astype(np.float32)


def test_geometry_is_found() -> None:
    names = {type(transform).__name__ for transform in GEOMETRY}
    assert names >= {"Rotate", "ElasticTransform", "GridDistortion", "RandomZoomOut", "SafeCropAroundBoxes", "OneOf"}
    assert not names & {"Brightness", "GaussianBlur", "RandomErasing"}
    assert len(names) >= 25


def batch_of(steps: list, count: int, seed: int, boxes: np.ndarray, points: np.ndarray) -> Batch:
    """The grid, many times, with an index mask of its columns, boxes, and points: their corners first."""
    x = np.floor(grid()[..., 0]).astype(np.uint8)
    targets = {
        "mask": feed.Mask(np.stack([x] * count), fill=OUTSIDE),
        "boxes": feed.Boxes([boxes] * count, labels=[np.arange(len(boxes))] * count, min_visible=0.0),
        "points": feed.Keypoints(np.stack([points] * count)),
        "grid": feed.Image(np.stack([grid()] * count)),  # what a step does to color is not done to it
    }
    source = feed.arrays(np.stack([grid()] * count), targets)
    steps = [*steps, plain(feed.PadToSize((300, 300))), feed.CenterCrop((300, 300))]
    pipeline = feed.Pipeline(steps, training=False)
    batch = next(feed.Loader(source, pipeline, batch_size=count, seed=seed, dtype="float32", shuffle=False).batches(0))
    if all(moves_only(step) for step in steps):
        np.testing.assert_array_equal(batch.targets["grid"], batch.images)
    return batch


def read_at(image: np.ndarray, u: float, v: float) -> tuple[np.ndarray, float] | None:
    """The place that a warped grid holds at a point, and how far apart its pixels lie; None where some lie outside."""
    left, top = int(u - 0.5), int(v - 0.5)
    around = image[top : top + 2, left : left + 2, :2].astype(np.float64)
    if around.shape != (2, 2, 2) or (image[top : top + 2, left : left + 2, 2] != 9).any():
        return None
    s, t = u - 0.5 - left, v - 0.5 - top
    rows = around[:, 0] * (1 - s) + around[:, 1] * s
    apart = np.hypot(*(around[0] - around[1]).reshape(-1, 2).T).max(), np.hypot(*(around[:, 0] - around[:, 1]).T).max()
    return rows[0] * (1 - t) + rows[1] * t, max(apart)


def check_points(batch: Batch, points: np.ndarray) -> int:
    """Every point lies where the warped grid holds its place; how many were looked at."""
    checked = 0
    for image, moved in zip(batch.targets["grid"], batch.targets["points"], strict=True):
        for (u, v, seen), place in zip(moved, points, strict=True):
            found = read_at(image, u, v) if seen else None
            if found is not None and found[1] < 8:  # where a picture is folded, or much smaller, its places jump
                assert np.abs(found[0] - place).max() <= 0.5 * max(1.0, found[1]) + 1e-3
                checked += 1
    return checked


POINTS = np.random.default_rng(5).uniform((4, 4), (SIZE[1] - 4, SIZE[0] - 4), (40, 2))
BOXES = np.array([[20.0, 14.0, 40.0, 30.0], [6.0, 30.0, 18.0, 44.0]])


@pytest.mark.parametrize("transform", NEAREST, ids=repr)
def test_the_mask_is_the_warped_grid(transform: feed.Transform) -> None:
    batch = batch_of([transform], 3, 3, BOXES, POINTS)
    places = batch.targets["grid"]
    inside = places[..., 2] == 9
    if transform in EXACT:
        np.testing.assert_array_equal(batch.targets["mask"], np.where(inside, np.floor(places[..., 0]), OUTSIDE))
    warps = sum(isinstance(op, Warp | Remap) for op in ops_of(transform))  # each takes the nearest pixel anew
    assert np.abs(batch.targets["mask"] + 0.5 - places[..., 0])[inside].max() <= 0.6 * warps
    assert inside.sum() > 100


def outline(box: np.ndarray) -> np.ndarray:
    """Points (160, 2) around a box."""
    t = np.linspace(0, 1, 40)
    x, y = np.concatenate([t, t * 0 + 1, 1 - t, t * 0]), np.concatenate([t * 0, t, t * 0 + 1, 1 - t])
    return np.stack([box[0] + (box[2] - box[0]) * x, box[1] + (box[3] - box[1]) * y], axis=1)


@pytest.mark.parametrize("transform", LINEAR, ids=repr)
def test_points_and_boxes_lie_where_the_grid_says(transform: feed.Transform) -> None:
    """A box is the smallest one around where the points of its outline go, as far as they are in the picture."""
    points = np.concatenate([outline(BOXES[0]), POINTS])
    batch = batch_of([transform], 5, 3, BOXES, points)
    assert check_points(batch, points) > 12
    checked = 0
    for one, moved in zip(feed.unpad(batch.targets["boxes"]), batch.targets["points"][:, :160], strict=True):
        if 0 in one["labels"] and (moved[:, 2] > 0).all():
            hull = [*moved[:, :2].min(axis=0), *moved[:, :2].max(axis=0)]
            np.testing.assert_allclose(one["boxes"][one["labels"].tolist().index(0)], hull, atol=0.5)
            checked += 1
    assert checked > 0


def random_steps(rng: np.random.Generator, transforms: list) -> list:
    return [transforms[k] for k in rng.permutation(len(transforms))[: rng.integers(2, 5)]]


def test_pipelines_of_several_keep_points_and_masks(rng) -> None:
    checked = 0
    for draw in range(30):
        steps = random_steps(rng, LINEAR)
        checked += check_points(batch_of(steps, 3, draw, BOXES, POINTS), POINTS)
    assert checked > 1000


PAIRS = [("camvid/val", "camvid/valannot"), ("membrane/image", "membrane/label")]


@pytest.mark.parametrize(("photos", "masks"), PAIRS)
def test_the_mask_of_a_warped_picture_is_the_warped_mask(data, rng, photos: str, masks: str) -> None:
    """For 1,000 draws of random pipelines each: a photograph's mask is what nearest warps make of a picture of it."""
    names = sorted(file.name for file in data(masks).glob("*.png"))[:20]
    assert len(names) == 20
    images, levels = (
        np.stack([np.asarray(Image.open(data(folder) / name).convert(mode))[:360:3, :360:3] for name in names])
        for folder, mode in ((photos, "RGB"), (masks, "L"))
    )
    boxes = feed.Boxes([[[30, 30, 80, 90]]] * 20)
    pairs = feed.arrays(images, {"mask": feed.Mask(levels, fill=OUTSIDE), "boxes": boxes})
    pictures = feed.arrays(levels[..., None], {"boxes": boxes})
    crop = feed.CenterCrop((100, 100), border="constant", fill=OUTSIDE)
    changed = 0
    for draw in range(50):
        chosen = random_steps(rng, list(zip(SMOOTH, EXACT, strict=True)))
        got, expected = (
            next(iter(feed.Loader(source, feed.Pipeline([*steps, crop], training=False), batch_size=20, seed=draw)))
            for source, steps in zip((pairs, pictures), zip(*chosen, strict=True), strict=True)
        )
        np.testing.assert_array_equal(got[1]["mask"], expected[0][..., 0], err_msg=repr(chosen))
        changed += sum((mask != OUTSIDE).any() for mask in got[1]["mask"])
    assert changed > 900


def drawn_things(annotations: list[dict], size: tuple[int, int], first: int) -> np.ndarray:
    """Which thing each pixel belongs to, from the polygons and run lengths of COCO's JSON; 0 for none."""
    canvas = Image.new("L", size[::-1])
    for number, one in enumerate(annotations, start=first):
        if isinstance(one["segmentation"], dict):  # runs of zeros and ones, column by column
            counts = one["segmentation"]["counts"]
            flat = np.repeat(np.arange(len(counts)) % 2, counts).astype(bool)
            pixels = np.array(canvas)
            pixels[flat.reshape(one["segmentation"]["size"][::-1]).T] = number
            canvas = Image.fromarray(pixels)
            continue
        for polygon in one["segmentation"]:
            ImageDraw.Draw(canvas).polygon(polygon, fill=number)
    return np.asarray(canvas)


def test_kept_boxes_stay_around_their_things(data) -> None:
    """COCO's boxes through a detection pipeline, beside the instance masks that its polygons and run lengths draw."""
    annotations = json.loads(next(data("coco_tiny/annotations").glob("*val*.json")).read_text())
    size, images, masks, boxes, numbers, first = (320, 320), [], [], [], [], 1
    for one in annotations["images"]:
        things = [a for a in annotations["annotations"] if a["image_id"] == one["id"]]
        if first + len(things) > 250 or one["height"] > 480:
            continue
        with Image.open(data("coco_tiny/val2017") / one["file_name"]) as image:
            part = min(size[0], image.height), min(size[1], image.width)
            images.append(np.zeros((*size, 3), np.uint8))
            images[-1][: part[0], : part[1]] = np.asarray(image.convert("RGB"))[: part[0], : part[1]]
            full = (image.height, image.width)
        masks.append(np.zeros(size, np.uint8))
        masks[-1][: part[0], : part[1]] = drawn_things(things, full, first)[: part[0], : part[1]]
        x, y, width, height = np.array([a["bbox"] for a in things]).T
        kept = np.clip(np.stack([x, y, x + width, y + height], axis=1), 0, size[0])
        inside = (kept[:, 2:] > kept[:, :2]).all(axis=1)
        boxes.append(kept[inside])
        numbers.append(np.arange(first, first + len(things))[inside])
        first += len(things)
    assert len(images) >= 20
    count = len(images)
    targets = {"mask": feed.Mask(masks), "boxes": feed.Boxes(boxes, labels=numbers, min_visible=0.0)}
    pipeline = feed.Pipeline(
        [
            feed.Mosaic((320, 320), antialias=False),
            feed.RandomPerspective(strength=0.15, border="constant", antialias=False),
            feed.Hue(degrees=(-10, 10)),
            feed.HsvPower(saturation=(0.7, 1.4), value=(0.7, 1.4)),
            feed.HorizontalFlip(),
        ],
        training=False,
    )
    loader = feed.Loader(feed.arrays(np.stack(images), targets), pipeline, batch_size=count, seed=3, shuffle=False)
    shares: list[float] = []
    for epoch in range(2):
        (batch,) = list(loader.batches(epoch))
        for mask, one in zip(batch.targets["mask"], feed.unpad(batch.targets["boxes"]), strict=True):
            for number in set(one["labels"].tolist()):
                around = one["boxes"][one["labels"] == number]  # two, where a picture came twice
                rows, columns = np.nonzero(mask == number)
                x, y = columns + 0.5, rows + 0.5
                fits = [(x > x0 - 2) & (x < x1 + 2) & (y > y0 - 2) & (y < y1 + 2) for x0, y0, x1, y1 in around]
                assert np.any(fits, axis=0).all()
                if len(around) == 1 and len(rows) > 300:
                    seen = (np.ptp(columns) + 1) * (np.ptp(rows) + 1)
                    shares.append(seen / np.prod(around[0, 2:] - around[0, :2]))
            missing = set(np.unique(mask).tolist()) - {0, *one["labels"].tolist()}
            assert not missing  # whatever is seen of a thing has a box
    assert len(shares) > 300
    assert max(shares) < 1.1
    assert np.median(shares) > 0.8  # a box is no larger than turning it makes it
