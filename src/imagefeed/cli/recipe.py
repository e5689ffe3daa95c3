"""The augmentation that `preview` shows and `demo` trains with, where nobody names another."""

from __future__ import annotations

from imagefeed.pipeline import Pipeline
from imagefeed.transforms import (
    Brightness,
    Contrast,
    HorizontalFlip,
    RandomResizedCrop,
    Rescale,
    Rotate,
    Saturation,
)


def recipe(size: int) -> Pipeline:
    """Views of a photograph that leave it what it is: a part, mirrored, turned a little, in other light.

    Args:
        size: Height and width in pixels of what comes out.
    """
    return Pipeline(
        [
            RandomResizedCrop((size, size), scale=(0.35, 1.0)),
            HorizontalFlip(),
            Rotate(degrees=(-15, 15)),
            Brightness(factor=(0.8, 1.2)),
            Contrast(factor=(0.8, 1.2)),
            Saturation(factor=(0.7, 1.3)),
            Rescale(1 / 255),
        ]
    )
