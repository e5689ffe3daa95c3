"""Draw docs/images/targets.png: a drawn scene with its mask, boxes and points, as several transforms move them.

python scripts/targets_picture.py docs/images/targets.png
"""

import sys

import numpy as np
from PIL import Image, ImageDraw

import imagefeed as feed

SIZE, SHOWN = (160, 200), 2
THINGS = {1: (40, 30, 90, 80), 2: (110, 70, 170, 130)}
COLORS = {1: (220, 80, 60), 2: (60, 120, 220)}
STEPS = {
    "as it is": [],
    "Rotate": [feed.Rotate(degrees=(25, 25), border="constant")],
    "RandomPerspective": [feed.RandomPerspective(strength=0.3, border="constant")],
    "ElasticTransform": [feed.ElasticTransform(0.3, border="constant")],
    "RandomCrop": [feed.RandomCrop((110, 140))],
    "SafeCropAroundBoxes": [feed.SafeCropAroundBoxes(SIZE)],
    "RandomZoomOut": [feed.RandomZoomOut(factor=(1.6, 1.6), fill=128)],
    "Mosaic": [feed.Mosaic(SIZE)],
}


def scene() -> tuple[np.ndarray, np.ndarray, list]:
    """A picture, its mask, and the points of each thing."""
    picture, mask = Image.new("RGB", SIZE[::-1], (236, 232, 220)), Image.new("L", SIZE[::-1])
    for x in range(0, SIZE[1], 20):
        ImageDraw.Draw(picture).line((x, 0, x, SIZE[0]), (205, 200, 188))
    for y in range(0, SIZE[0], 20):
        ImageDraw.Draw(picture).line((0, y, SIZE[1], y), (205, 200, 188))
    points = []
    for number, (x0, y0, x1, y1) in THINGS.items():
        middle = (x0 + x1) / 2
        corners = [(middle, y0), (x1, (y0 + y1) / 2), (middle, y1), (x0, (y0 + y1) / 2)]
        ImageDraw.Draw(picture).polygon(corners, COLORS[number])
        ImageDraw.Draw(mask).polygon(corners, number)
        points.append(corners)
    return np.asarray(picture), np.asarray(mask), points


def cell(name: str, steps: list) -> Image.Image:
    """The scene after some steps: things of the mask lightened, boxes in black, points in white."""
    picture, mask, points = scene()
    targets = {
        "mask": feed.Mask([mask] * 4),
        "boxes": feed.Boxes([list(THINGS.values())] * 4),
        "points": feed.Keypoints([points] * 4),
    }
    pipeline = feed.Pipeline([*steps, feed.Resize(SIZE, fit="contain", fill=255)])
    images, found = next(
        iter(feed.Loader(feed.arrays(np.stack([picture] * 4), targets), pipeline, seed=6, shuffle=False))
    )
    shown = images[0] // 2 + np.where(found["mask"][0][..., None] > 0, 127, images[0] // 2)
    drawn = Image.fromarray(shown.astype(np.uint8)).resize((SIZE[1] * SHOWN, SIZE[0] * SHOWN), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(drawn)
    for box in feed.unpad(found["boxes"])[0]["boxes"]:
        pen.rectangle(tuple((box * SHOWN).tolist()), outline=(0, 0, 0), width=2)
    for x, y, seen in feed.unpad(found["points"])[0]["keypoints"].reshape(-1, 3) * (SHOWN, SHOWN, 1):
        if seen:
            pen.ellipse((x - 4, y - 4, x + 4, y + 4), (255, 255, 255), (0, 0, 0))
    pen.text((8, 6), name, (0, 0, 0), font_size=20, stroke_width=3, stroke_fill=(255, 255, 255))
    return drawn


cells = [np.asarray(cell(name, steps)) for name, steps in STEPS.items()]
rows = [np.concatenate(cells[k : k + 4], axis=1) for k in range(0, len(cells), 4)]
Image.fromarray(np.concatenate(rows)).resize((1200, 480), Image.Resampling.LANCZOS).quantize(128).save(sys.argv[1])
