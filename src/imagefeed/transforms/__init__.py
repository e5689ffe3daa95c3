"""Transforms: what a person writes down, as frozen dataclasses."""

from imagefeed.transforms.base import Drawn, Transform
from imagefeed.transforms.color import Brightness, Contrast, Saturation
from imagefeed.transforms.compose import Apply, OneOf, RandomOrder, SomeOf, Sometimes
from imagefeed.transforms.crop import CenterCrop, RandomCrop, RandomResizedCrop, Resize
from imagefeed.transforms.distort import ElasticTransform, GridDistortion
from imagefeed.transforms.erase import CoarseDropout, GridMask, RandomErasing
from imagefeed.transforms.filter import GaussianBlur, MedianBlur, MotionBlur, ScaleSpace, Sharpness
from imagefeed.transforms.geometric import (
    Affine,
    HorizontalFlip,
    Perspective,
    RandomPerspective,
    Rotate,
    Shear,
    Translate,
    VerticalFlip,
    Zoom,
)
from imagefeed.transforms.noise import Downscale, GaussianNoise, JpegCompression, PoissonNoise, SaltAndPepper
from imagefeed.transforms.normalize import Normalize, Rescale, Whiten
from imagefeed.transforms.policy import AutoAugment, RandAugment, TrivialAugment
from imagefeed.transforms.tint import (
    ChannelShift,
    ChannelShuffle,
    ColorJitter,
    Grayscale,
    HsvPower,
    Hue,
    PcaLighting,
    WhiteBalance,
)
from imagefeed.transforms.tone import AutoContrast, Clahe, Equalize, Gamma, Invert, Posterize, Solarize, ToneCurve
from imagefeed.transforms.turns import (
    PadToSize,
    RandomRotate90,
    RandomScale,
    ResizeLongestSide,
    ResizeShortestSide,
    Transpose,
)

__all__ = [
    "Affine",
    "Apply",
    "AutoAugment",
    "AutoContrast",
    "Brightness",
    "CenterCrop",
    "ChannelShift",
    "ChannelShuffle",
    "Clahe",
    "CoarseDropout",
    "ColorJitter",
    "Contrast",
    "Downscale",
    "Drawn",
    "ElasticTransform",
    "Equalize",
    "Gamma",
    "GaussianBlur",
    "GaussianNoise",
    "Grayscale",
    "GridDistortion",
    "GridMask",
    "HorizontalFlip",
    "HsvPower",
    "Hue",
    "Invert",
    "JpegCompression",
    "MedianBlur",
    "MotionBlur",
    "Normalize",
    "OneOf",
    "PadToSize",
    "PcaLighting",
    "Perspective",
    "PoissonNoise",
    "Posterize",
    "RandAugment",
    "RandomCrop",
    "RandomErasing",
    "RandomOrder",
    "RandomPerspective",
    "RandomResizedCrop",
    "RandomRotate90",
    "RandomScale",
    "Rescale",
    "Resize",
    "ResizeLongestSide",
    "ResizeShortestSide",
    "Rotate",
    "SaltAndPepper",
    "Saturation",
    "ScaleSpace",
    "Sharpness",
    "Shear",
    "Solarize",
    "SomeOf",
    "Sometimes",
    "ToneCurve",
    "Transform",
    "Translate",
    "Transpose",
    "TrivialAugment",
    "VerticalFlip",
    "WhiteBalance",
    "Whiten",
    "Zoom",
]
