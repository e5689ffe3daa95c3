"""The ImageDataGenerator family of Keras: the same names, arguments and pictures, many times faster.

from imagefeed import ImageDataGenerator            # was: from keras.preprocessing.image import ImageDataGenerator
"""

from imagefeed.compat.affine import apply_affine_transform
from imagefeed.compat.dataframe_iterator import DataFrameIterator
from imagefeed.compat.directory_iterator import DirectoryIterator
from imagefeed.compat.effects import apply_brightness_shift, apply_channel_shift
from imagefeed.compat.functions import (
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)
from imagefeed.compat.generator import ImageDataGenerator
from imagefeed.compat.images import (
    array_to_img,
    img_to_array,
    list_pictures,
    load_img,
    save_img,
    smart_resize,
    validate_filename,
)
from imagefeed.compat.iterator import Iterator
from imagefeed.compat.numpy_iterator import NumpyArrayIterator

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
    "validate_filename",
]
