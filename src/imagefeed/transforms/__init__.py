"""Transforms: what a person writes down, as frozen dataclasses."""

from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.color import Brightness, Contrast, Saturation
from imagefeed.transforms.compose import Apply, OneOf, Sometimes
from imagefeed.transforms.crop import CenterCrop, RandomCrop, RandomResizedCrop, Resize
from imagefeed.transforms.geometric import (
    Affine,
    HorizontalFlip,
    Perspective,
    Rotate,
    Shear,
    Translate,
    VerticalFlip,
    Zoom,
)
from imagefeed.transforms.normalize import Normalize, Rescale, Whiten

__all__ = [
    "Affine",
    "Apply",
    "Brightness",
    "CenterCrop",
    "Contrast",
    "Drawn",
    "HorizontalFlip",
    "Normalize",
    "OneOf",
    "Perspective",
    "RandomCrop",
    "RandomResizedCrop",
    "Rescale",
    "Resize",
    "Rotate",
    "Saturation",
    "Shear",
    "Sometimes",
    "Transform",
    "Translate",
    "VerticalFlip",
    "Whiten",
    "Zoom",
]
