"""What a generator's arguments may be, and which of them include others."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from imagefeed.compat.affine import BORDERS

if TYPE_CHECKING:
    from imagefeed.compat.generator import ImageDataGenerator


def check(generator: ImageDataGenerator) -> None:
    """Raise ValueError, with Keras's words where it has any, for an argument that cannot be."""
    problem = _layout(generator) or _ranges(generator) or _extras(generator)
    if problem:
        raise ValueError(problem)


def settle_overrides(generator: ImageDataGenerator) -> None:
    """Keras's rules for what includes what, with its warnings."""
    starts = "This ImageDataGenerator specifies"
    if generator.zca_whitening:
        if not generator.featurewise_center:
            generator.featurewise_center = True
            _warn(f"{starts} `zca_whitening`, which overrides setting of `featurewise_center`.")
        if generator.featurewise_std_normalization:
            generator.featurewise_std_normalization = False
            _warn(f"{starts} `zca_whitening` which overrides setting of`featurewise_std_normalization`.")
    for kind in ("featurewise", "samplewise"):
        if getattr(generator, f"{kind}_std_normalization") and not getattr(generator, f"{kind}_center"):
            setattr(generator, f"{kind}_center", True)
            _warn(f"{starts} `{kind}_std_normalization`, which overrides setting of `{kind}_center`.")


def zoom_pair(zoom_range: Any) -> Sequence[float]:
    """(low, high) of a zoom, which may be given as how far it goes to either side of 1."""
    if isinstance(zoom_range, int | float | np.number):
        return [1 - cast(float, zoom_range), 1 + cast(float, zoom_range)]
    if isinstance(zoom_range, Sequence | np.ndarray):
        pair: list[Any] = list(cast(Any, zoom_range))
        if len(pair) == 2 and all(isinstance(value, int | float | np.number) for value in pair):
            return cast("Sequence[float]", zoom_range)
    raise ValueError(f"`zoom_range` should be a float or a tuple or list of two floats. Received: {zoom_range}")


def warn_deprecated(kwargs: dict[str, Any]) -> None:
    """Warn of arguments that Keras has deprecated, and of those that nobody knows."""
    known = {
        "has_ext": "has_ext is deprecated, filenames in the dataframe have to match the exact filenames in disk.",
        "sort": "sort is deprecated, batches will be created in the same order as the filenames provided if `shuffle` "
        "is set to `False`.",
        "drop_duplicates": "drop_duplicates is deprecated, you can drop duplicates by using the "
        "pandas.DataFrame.drop_duplicates method.",
    }
    for name in kwargs:
        if name in known:
            warnings.warn(known[name], DeprecationWarning, stacklevel=3)
        else:
            warnings.warn(f"flow_from_dataframe: the argument {name!r} has no effect", stacklevel=3)


def _layout(generator: ImageDataGenerator) -> str | None:
    if generator.data_format not in ("channels_last", "channels_first"):
        return (
            '`data_format` should be `"channels_last"` (channel after row and column) or `"channels_first"` (channel '
            f"before row and column). Received: {generator.data_format}"
        )
    share = generator.validation_split
    if share and not 0 < share < 1:
        return f"`validation_split` must be strictly between 0 and 1.  Received: {share}"
    return None


def _ranges(generator: ImageDataGenerator) -> str | None:
    brightness = cast(Any, generator.brightness_range)
    if brightness is not None and (not isinstance(brightness, tuple | list) or len(cast("list[Any]", brightness)) != 2):
        return f"`brightness_range should be tuple or list of two floats. Received: {brightness}"
    if generator.fill_mode not in BORDERS:
        return f"`fill_mode` should be one of {', '.join(map(repr, BORDERS))}. Received: {generator.fill_mode}"
    if generator.interpolation_order not in range(6):
        return f"`interpolation_order` should be from 0 to 5. Received: {generator.interpolation_order}"
    return None


def _extras(generator: ImageDataGenerator) -> str | None:
    if generator.mode not in ("keras", "fixed"):
        return f"`mode` should be 'keras' or 'fixed'. Received: {generator.mode}"
    crop = cast(Any, generator.random_crop)
    if crop is not None and (len(crop) != 2 or min(crop) < 1):
        return f"`random_crop` should be (height, width). Received: {crop}"
    if generator.mode == "fixed" and generator.interpolation_order > 1:
        return (
            "`interpolation_order` should be 0 or 1 for mode='fixed', which averages where it shrinks. "
            f"Received: {generator.interpolation_order}"
        )
    return None


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)
