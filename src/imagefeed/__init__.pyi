# The public names and where they come from; `sources/` and `transforms/` know their files themselves. `__init__.py`
# reads this file and imports a name when it is first used.
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
from .loader import Loader as Loader
from .materializing import materialize as materialize
from .packing import Manifest as Manifest
from .pipeline import Pipeline as Pipeline
from .rendering import render as render
from .report import Report as Report
from .serving import (
    attach as attach,
    detach as detach,
)
from .skew import (
    Finding as Finding,
    check_model as check_model,
)
from .sources import (
    Source as Source,
    arrays as arrays,
    coco as coco,
    concat as concat,
    folder as folder,
    hub as hub,
    keras_dataset as keras_dataset,
    pairs as pairs,
    shards as shards,
    table as table,
    voc as voc,
    yolo as yolo,
)
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
    instance_masks as instance_masks,
    unpad as unpad,
)
from .transforms import (
    Affine as Affine,
    Apply as Apply,
    AugMix as AugMix,
    AutoAugment as AutoAugment,
    AutoContrast as AutoContrast,
    Brightness as Brightness,
    CenterCrop as CenterCrop,
    ChannelShift as ChannelShift,
    ChannelShuffle as ChannelShuffle,
    Clahe as Clahe,
    CoarseDropout as CoarseDropout,
    ColorJitter as ColorJitter,
    Contrast as Contrast,
    CopyPaste as CopyPaste,
    CutMix as CutMix,
    Downscale as Downscale,
    ElasticTransform as ElasticTransform,
    Equalize as Equalize,
    Gamma as Gamma,
    GaussianBlur as GaussianBlur,
    GaussianNoise as GaussianNoise,
    Grayscale as Grayscale,
    GridDistortion as GridDistortion,
    GridMask as GridMask,
    HorizontalFlip as HorizontalFlip,
    HsvPower as HsvPower,
    Hue as Hue,
    Invert as Invert,
    JpegCompression as JpegCompression,
    MedianBlur as MedianBlur,
    MixUp as MixUp,
    Mosaic as Mosaic,
    MotionBlur as MotionBlur,
    Normalize as Normalize,
    OneOf as OneOf,
    PadToSize as PadToSize,
    PcaLighting as PcaLighting,
    Perspective as Perspective,
    PoissonNoise as PoissonNoise,
    Posterize as Posterize,
    RandAugment as RandAugment,
    RandomCrop as RandomCrop,
    RandomErasing as RandomErasing,
    RandomOrder as RandomOrder,
    RandomPerspective as RandomPerspective,
    RandomResizedCrop as RandomResizedCrop,
    RandomRotate90 as RandomRotate90,
    RandomScale as RandomScale,
    RandomZoomOut as RandomZoomOut,
    Rescale as Rescale,
    Resize as Resize,
    ResizeLongestSide as ResizeLongestSide,
    ResizeShortestSide as ResizeShortestSide,
    Rotate as Rotate,
    SafeCropAroundBoxes as SafeCropAroundBoxes,
    SaltAndPepper as SaltAndPepper,
    Saturation as Saturation,
    ScaleSpace as ScaleSpace,
    Sharpness as Sharpness,
    Shear as Shear,
    Solarize as Solarize,
    SomeOf as SomeOf,
    Sometimes as Sometimes,
    ToneCurve as ToneCurve,
    Transform as Transform,
    Translate as Translate,
    Transpose as Transpose,
    TrivialAugment as TrivialAugment,
    VerticalFlip as VerticalFlip,
    WhiteBalance as WhiteBalance,
    Whiten as Whiten,
    Zoom as Zoom,
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
