"""imagefeed: stored images to training batches, fast. Decide first, touch pixels once."""

from imagefeed._version import __version__
from imagefeed.compat import ImageDataGenerator, array_to_img, img_to_array, load_img, save_img
from imagefeed.decode import read
from imagefeed.errors import DecodeError, ImagefeedError, PlanError, SourceError, SpecError
from imagefeed.loader import Loader, render
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source, arrays, folder
from imagefeed.statistics import Statistics
from imagefeed.transforms import (
    Affine,
    Apply,
    Brightness,
    CenterCrop,
    Contrast,
    HorizontalFlip,
    Normalize,
    OneOf,
    Perspective,
    RandomCrop,
    RandomResizedCrop,
    Rescale,
    Resize,
    Rotate,
    Saturation,
    Shear,
    Sometimes,
    Transform,
    Translate,
    VerticalFlip,
    Zoom,
)
from imagefeed.variables import Bernoulli, Choice, Integers, LogUniform, Normal, Uniform, Variable

__all__ = [
    "Affine",
    "Apply",
    "Bernoulli",
    "Brightness",
    "CenterCrop",
    "Choice",
    "Contrast",
    "DecodeError",
    "HorizontalFlip",
    "ImageDataGenerator",
    "ImagefeedError",
    "Integers",
    "Loader",
    "LogUniform",
    "Normal",
    "Normalize",
    "OneOf",
    "Perspective",
    "Pipeline",
    "PlanError",
    "RandomCrop",
    "RandomResizedCrop",
    "Rescale",
    "Resize",
    "Rotate",
    "Saturation",
    "Shear",
    "Sometimes",
    "Source",
    "SourceError",
    "SpecError",
    "Statistics",
    "Transform",
    "Translate",
    "Uniform",
    "Variable",
    "VerticalFlip",
    "Zoom",
    "__version__",
    "array_to_img",
    "arrays",
    "folder",
    "img_to_array",
    "load_img",
    "read",
    "render",
    "save_img",
]
