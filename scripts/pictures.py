"""The pictures of the pages that answer a question, in docs/images: ``python scripts/pictures.py``.

On photographs that scikit-image ships: Chelsea the cat (Stefan van der Walt, CC0) and an astronaut (NASA, public
domain). Needs scikit-image and torch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

import imagefeed as feed

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
GAP, LABEL = 8, 24  # pixels
PAPER, INK = "#ffffff", "#1b1f24"


def main() -> None:
    row(inside_or_outside()).save(IMAGES / "inside-or-outside.jpg", quality=90)
    row(whitened()).save(IMAGES / "statistics.jpg", quality=92)


def row(panels: list[tuple[str, np.ndarray]]) -> Image.Image:
    """Pictures side by side, with what they are above."""
    height = max(len(pixels) for _, pixels in panels)
    width = sum(pixels.shape[1] for _, pixels in panels) + GAP * (len(panels) - 1)
    sheet = Image.new("RGB", (width, LABEL + height), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    left = 0
    for title, pixels in panels:
        pen.text((left, 2), title, INK, font=font)
        sheet.paste(Image.fromarray(pixels), (left, LABEL))
        left += pixels.shape[1] + GAP
    return sheet


def inside_or_outside() -> list[tuple[str, np.ndarray]]:
    """The loader's pixels, those of the same pipeline in a model, and their difference, a hundred times."""
    import torch

    steps = feed.Pipeline([feed.Resize((224, 224)), feed.Rescale(1 / 255)]).deterministic()
    cat = np.asarray(data.chelsea())[:, 60:360]
    outside = feed.render(cat, steps)[0]
    with torch.no_grad():
        inside = steps.to_torch()(torch.tensor(cat[None]).permute(0, 3, 1, 2))[0].permute(1, 2, 0).numpy()
    apart = np.abs(inside.astype(np.float64) - outside) * 255
    return [
        ("as stored", np.asarray(Image.fromarray(cat).resize((224, 224)))),
        ("in the loader", levels(outside)),
        ("in the model (torch)", levels(inside)),
        (f"difference x 100 (at most {apart.max():.2f})", np.clip(apart * 100, 0, 255).astype(np.uint8)),
    ]


def levels(units: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(units * 255), 0, 255).astype(np.uint8)


def whitened() -> list[tuple[str, np.ndarray]]:
    """Pieces of a photograph; normalized by their own statistics; whitened."""
    photo = np.asarray(data.astronaut())
    pieces = np.stack([photo[y : y + 16, x : x + 16] for y in range(0, 496, 8) for x in range(0, 496, 8)])
    shown = pieces[:: len(pieces) // 16][:16]
    panels = [("pieces of 16x16", mosaic(shown))]
    for title, options, step in (
        ("normalized, for each pixel", {"per": "pixel"}, feed.Normalize),
        ("whitened (ZCA)", {"whiten": "zca"}, lambda found: feed.Whiten(found, epsilon=20.0)),
    ):
        found = feed.Statistics.fit(pieces, feed.Pipeline([]), progress=False, **options)
        loader = feed.Loader(feed.arrays(shown), feed.Pipeline([step(found)]).deterministic(), batch_size=16)
        values = next(iter(loader))
        panels.append((title, mosaic(np.clip(128 + 50 * values / values.std(), 0, 255).astype(np.uint8))))
    return panels


def mosaic(pieces: np.ndarray) -> np.ndarray:
    """16 pieces of 16x16 in four rows, four times as large."""
    rows = pieces.reshape(4, 4, 16, 16, 3).transpose(0, 2, 1, 3, 4).reshape(64, 64, 3)
    return rows.repeat(4, axis=0).repeat(4, axis=1)


if __name__ == "__main__":
    main()
