# The transforms and where they are; imported when they are first used, as the package's names are.
from .apply import Apply as Apply
from .base import (
    Drawn as Drawn,
    Transform as Transform,
)
from .color import (
    Brightness as Brightness,
    Contrast as Contrast,
    Saturation as Saturation,
)
from .compose import (
    OneOf as OneOf,
    RandomOrder as RandomOrder,
    SomeOf as SomeOf,
    Sometimes as Sometimes,
)
from .crop import (
    CenterCrop as CenterCrop,
    RandomCrop as RandomCrop,
    RandomResizedCrop as RandomResizedCrop,
    Resize as Resize,
    SafeCropAroundBoxes as SafeCropAroundBoxes,
)
from .distort import (
    ElasticTransform as ElasticTransform,
    GridDistortion as GridDistortion,
)
from .erase import (
    CoarseDropout as CoarseDropout,
    GridMask as GridMask,
    RandomErasing as RandomErasing,
)
from .filter import (
    GaussianBlur as GaussianBlur,
    MedianBlur as MedianBlur,
    MotionBlur as MotionBlur,
    ScaleSpace as ScaleSpace,
    Sharpness as Sharpness,
)
from .geometric import (
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
from .mixing import (
    CopyPaste as CopyPaste,
    CutMix as CutMix,
    MixUp as MixUp,
    Mosaic as Mosaic,
)
from .noise import (
    Downscale as Downscale,
    GaussianNoise as GaussianNoise,
    JpegCompression as JpegCompression,
    PoissonNoise as PoissonNoise,
    SaltAndPepper as SaltAndPepper,
)
from .normalize import (
    Normalize as Normalize,
    Rescale as Rescale,
    Whiten as Whiten,
)
from .policy import (
    AugMix as AugMix,
    AutoAugment as AutoAugment,
    RandAugment as RandAugment,
    TrivialAugment as TrivialAugment,
)
from .tint import (
    ChannelShift as ChannelShift,
    ChannelShuffle as ChannelShuffle,
    ColorJitter as ColorJitter,
    Grayscale as Grayscale,
    HsvPower as HsvPower,
    Hue as Hue,
    PcaLighting as PcaLighting,
    WhiteBalance as WhiteBalance,
)
from .tone import (
    AutoContrast as AutoContrast,
    Clahe as Clahe,
    Equalize as Equalize,
    Gamma as Gamma,
    Invert as Invert,
    Posterize as Posterize,
    Solarize as Solarize,
    ToneCurve as ToneCurve,
)
from .turns import (
    PadToSize as PadToSize,
    RandomRotate90 as RandomRotate90,
    RandomScale as RandomScale,
    RandomZoomOut as RandomZoomOut,
    ResizeLongestSide as ResizeLongestSide,
    ResizeShortestSide as ResizeShortestSide,
    Transpose as Transpose,
)

__all__: list[str]
