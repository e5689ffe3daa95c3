# The public names and where they come from. `__init__.py` reads this file and imports a name when it is first used.
from ._version import __version__ as __version__
from .cache import Cache as Cache
from .compat import (
    ImageDataGenerator as ImageDataGenerator,
    array_to_img as array_to_img,
    img_to_array as img_to_array,
    load_img as load_img,
    save_img as save_img,
)
from .decode import read as read
from .errors import (
    CacheError as CacheError,
    DecodeError as DecodeError,
    ImagefeedError as ImagefeedError,
    PlanError as PlanError,
    SourceError as SourceError,
    SpecError as SpecError,
    WorkerError as WorkerError,
)
from .loader import (
    Loader as Loader,
    render as render,
)
from .materializing import materialize as materialize
from .pipeline import Pipeline as Pipeline
from .report import Report as Report
from .serving import (
    attach as attach,
    detach as detach,
)
from .skew import (
    Finding as Finding,
    check_model as check_model,
)
from .sources.arrays import arrays as arrays
from .sources.base import Source as Source
from .sources.coco import coco as coco
from .sources.folder import folder as folder
from .sources.hub import hub as hub
from .sources.keras_dataset import keras_dataset as keras_dataset
from .sources.pairs import pairs as pairs
from .sources.parts import concat as concat
from .sources.shards import shards as shards
from .sources.table import table as table
from .sources.voc import voc as voc
from .sources.yolo import yolo as yolo
from .spec import register as register
from .statistics import (
    Covariance as Covariance,
    Statistics as Statistics,
)
from .streaming import Stream as Stream, StreamLoader as StreamLoader
from .targets import (
    Boxes as Boxes,
    Image as Image,
    Keypoints as Keypoints,
    Label as Label,
    Mask as Mask,
    MultiLabel as MultiLabel,
    Target as Target,
    Value as Value,
    unpad as unpad,
)
from .transforms.base import Transform as Transform
from .transforms.color import (
    Brightness as Brightness,
    Contrast as Contrast,
    Saturation as Saturation,
)
from .transforms.compose import (
    Apply as Apply,
    OneOf as OneOf,
    RandomOrder as RandomOrder,
    SomeOf as SomeOf,
    Sometimes as Sometimes,
)
from .transforms.crop import (
    CenterCrop as CenterCrop,
    RandomCrop as RandomCrop,
    RandomResizedCrop as RandomResizedCrop,
    Resize as Resize,
)
from .transforms.distort import (
    ElasticTransform as ElasticTransform,
    GridDistortion as GridDistortion,
)
from .transforms.erase import (
    CoarseDropout as CoarseDropout,
    GridMask as GridMask,
    RandomErasing as RandomErasing,
)
from .transforms.filter import (
    GaussianBlur as GaussianBlur,
    MedianBlur as MedianBlur,
    MotionBlur as MotionBlur,
    ScaleSpace as ScaleSpace,
    Sharpness as Sharpness,
)
from .transforms.geometric import (
    Affine as Affine,
    HorizontalFlip as HorizontalFlip,
    Perspective as Perspective,
    RandomPerspective as RandomPerspective,
    Rotate as Rotate,
    Shear as Shear,
    Translate as Translate,
    VerticalFlip as VerticalFlip,
    Zoom as Zoom,
)
from .transforms.mixing import (
    CopyPaste as CopyPaste,
    CutMix as CutMix,
    MixUp as MixUp,
    Mosaic as Mosaic,
)
from .transforms.noise import (
    Downscale as Downscale,
    GaussianNoise as GaussianNoise,
    JpegCompression as JpegCompression,
    PoissonNoise as PoissonNoise,
    SaltAndPepper as SaltAndPepper,
)
from .transforms.normalize import (
    Normalize as Normalize,
    Rescale as Rescale,
    Whiten as Whiten,
)
from .transforms.policy import (
    AugMix as AugMix,
    AutoAugment as AutoAugment,
    RandAugment as RandAugment,
    TrivialAugment as TrivialAugment,
)
from .transforms.tint import (
    ChannelShift as ChannelShift,
    ChannelShuffle as ChannelShuffle,
    ColorJitter as ColorJitter,
    Grayscale as Grayscale,
    HsvPower as HsvPower,
    Hue as Hue,
    PcaLighting as PcaLighting,
    WhiteBalance as WhiteBalance,
)
from .transforms.tone import (
    AutoContrast as AutoContrast,
    Clahe as Clahe,
    Equalize as Equalize,
    Gamma as Gamma,
    Invert as Invert,
    Posterize as Posterize,
    Solarize as Solarize,
    ToneCurve as ToneCurve,
)
from .transforms.turns import (
    PadToSize as PadToSize,
    RandomRotate90 as RandomRotate90,
    RandomScale as RandomScale,
    ResizeLongestSide as ResizeLongestSide,
    ResizeShortestSide as ResizeShortestSide,
    Transpose as Transpose,
)
from .variables import (
    Bernoulli as Bernoulli,
    Beta as Beta,
    Choice as Choice,
    Integers as Integers,
    LogUniform as LogUniform,
    Normal as Normal,
    Uniform as Uniform,
    Variable as Variable,
)
from .watch import (
    Watch as Watch,
    profile as profile,
)
