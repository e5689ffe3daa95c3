"""Keras's ImageDataGenerator, on the native core."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed.compat import defaults, saving
from imagefeed.compat.affine import FillMode, apply_affine_transform
from imagefeed.compat.arguments import check, settle_overrides, warn_deprecated, zoom_pair
from imagefeed.compat.dataframe_iterator import DataFrameIterator
from imagefeed.compat.defaults import DataFormat
from imagefeed.compat.directory_iterator import DirectoryIterator
from imagefeed.compat.draws import Draws, Ranges, Shift, draws, numbers
from imagefeed.compat.effects import apply_brightness_shift, apply_channel_shift
from imagefeed.compat.fitting import fit
from imagefeed.compat.making import Recipe
from imagefeed.compat.numpy_iterator import NumpyArrayIterator
from imagefeed.compat.standardize import Standardization
from imagefeed.statistics import Statistics

Mode: TypeAlias = Literal["keras", "fixed"]
Image = NDArray[Any]


class ImageDataGenerator:
    """Augmented batches of pictures, as Keras's class of this name makes them: the same pictures for the same seed.

        >>> import numpy as np
        >>> from imagefeed import ImageDataGenerator
        >>> generator = ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=1 / 255)
        >>> batches = generator.flow(np.zeros((100, 32, 32, 3), np.uint8), np.arange(100), batch_size=32, seed=0)
        >>> images, labels = next(batches)
        >>> images.shape, images.dtype
        ((32, 32, 32, 3), dtype('float32'))

    Args:
        featurewise_center: Whether to take the training set's mean off; needs `fit`.
        samplewise_center: Whether to take each picture's mean off.
        featurewise_std_normalization: Whether to divide by the training set's standard deviation; needs `fit`.
        samplewise_std_normalization: Whether to divide each picture by its standard deviation.
        zca_whitening: Whether to whiten; needs `fit`.
        zca_epsilon: What is added to singular values before they are divided by.
        rotation_range: Degrees to either side.
        width_shift_range: A float below 1 is a fraction of the width to either side, above it pixels; an int chooses
            whole pixels; a list chooses among its values, to either side.
        height_shift_range: The same for the height. Keras 3 exchanges the two: see `mode`.
        brightness_range: (low, high), factors.
        shear_range: Degrees to either side.
        zoom_range: (low, high), or z for (1 - z, 1 + z); below 1 is nearer.
        channel_shift_range: Levels to either side.
        fill_mode: What lies outside of a picture: "constant", "nearest", "reflect" or "wrap".
        cval: The value for "constant".
        horizontal_flip: Whether to mirror half of the pictures.
        vertical_flip: Whether to turn half of them upside down.
        rescale: A factor, applied after the function.
        preprocessing_function: Called on every picture after its augmentation; takes and returns float32 of three
            axes, which may be of another size. Several threads call it.
        data_format: "channels_last" or "channels_first"; by default what Keras is configured for.
        validation_split: The share of pictures for validation, above 0 and below 1.
        interpolation_order: Of the interpolating spline: 0 nearest, 1 linear, up to 5 (by SciPy).
        dtype: Of the batches; by default what Keras is configured for, else float32.
        mode: "keras" for Keras's own pictures, or "fixed" to have its faults mended: statistics are fitted after the
            function, validation pictures are not augmented, the split is shuffled and stratified, files are resampled
            once and turned as their EXIF orientation says, and heights and widths are not exchanged.
        random_crop: (height, width) of a crop at a random place, taken after the warp; None for none.

    Attributes:
        mean: What `fit` measured, broadcast over a picture, or None.
        std: The same.
        zca_whitening_matrix: The same.

    Raises:
        ValueError: An argument has a value that it cannot have.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Shift = 0.0,
        height_shift_range: Shift = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: FillMode = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Image], Any] | None = None,
        data_format: DataFormat | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
        *,
        mode: Mode = "keras",
        random_crop: tuple[int, int] | None = None,
    ) -> None:
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.shear_range = shear_range
        self.zoom_range = zoom_pair(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.brightness_range = brightness_range
        self.fill_mode: FillMode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.data_format: DataFormat = data_format or defaults.data_format()
        self.interpolation_order = interpolation_order
        self.dtype = np.dtype(dtype or defaults.float_dtype()).name
        self.mode: Mode = mode
        self.random_crop = random_crop
        self.validation_split = validation_split
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: Any = None
        self._count = 0
        self._random = np.random.RandomState()
        check(self)
        settle_overrides(self)

    # ---------------------------------------------------------------------------------------------- batches

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches from arrays; arguments as for `NumpyArrayIterator`."""
        return NumpyArrayIterator(
            x, y, self, batch_size=batch_size, shuffle=shuffle, sample_weight=sample_weight, seed=seed,
            data_format=self.data_format, save_to_dir=save_to_dir, save_prefix=save_prefix, save_format=save_format,
            ignore_class_split=ignore_class_split, subset=subset, dtype=self.dtype,
        )  # fmt: skip

    def flow_from_directory(
        self,
        directory: str | os.PathLike[str],
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches from a folder with a sub-folder for every class; arguments as for `DirectoryIterator`."""
        return DirectoryIterator(
            directory, self, target_size=target_size, color_mode=color_mode, classes=classes, class_mode=class_mode,
            batch_size=batch_size, shuffle=shuffle, seed=seed, data_format=self.data_format, save_to_dir=save_to_dir,
            save_prefix=save_prefix, save_format=save_format, follow_links=follow_links, subset=subset,
            interpolation=interpolation, keep_aspect_ratio=keep_aspect_ratio, dtype=self.dtype,
        )  # fmt: skip

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str] | None = None,
        x_col: str = "filename",
        y_col: str | Sequence[str] = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        **kwargs: Any,
    ) -> DataFrameIterator:
        """Batches of the files that a table names; arguments as for `DataFrameIterator`.

        Of further arguments, `has_ext`, `sort` and `drop_duplicates` are deprecated and have no effect, as in Keras.
        """
        warn_deprecated(kwargs)
        if class_mode == "other":
            warnings.warn(
                '`class_mode="other"` is deprecated, please use `class_mode="raw"`.', DeprecationWarning, stacklevel=2
            )
            class_mode = "raw"
        return DataFrameIterator(
            dataframe, directory, self, x_col=x_col, y_col=y_col, weight_col=weight_col, target_size=target_size,
            color_mode=color_mode, classes=classes, class_mode=class_mode, batch_size=batch_size, shuffle=shuffle,
            seed=seed, data_format=self.data_format, save_to_dir=save_to_dir, save_prefix=save_prefix,
            save_format=save_format, subset=subset, interpolation=interpolation, dtype=self.dtype,
            validate_filenames=validate_filenames,
        )  # fmt: skip

    # ---------------------------------------------------------------------------------------------- one picture

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> dict[str, Any]:
        """The drawn parameters of one picture's augmentation.

        Args:
            img_shape: The picture's shape.
            seed: Of the draws; None for the generator's own stream, which nobody can foresee.

        Returns:
            "theta", "tx", "ty", "shear", "zx", "zy", "flip_horizontal", "flip_vertical", "channel_shift_intensity" and
            "brightness"; the last two None where they are not asked for.
        """
        random = self._random if seed is None else np.random.RandomState(seed)
        ranges = self._ranges(crop=False)
        height, width = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        one = draws(ranges, numbers(ranges, 1, random), height, width)
        return _parameters(one, 0)

    def apply_transform(self, x: Image, transform_parameters: dict[str, Any]) -> Image:
        """A picture transformed by given parameters.

        Args:
            x: An image of three axes.
            transform_parameters: As of `get_random_transform`; those that are missing change nothing.

        Returns:
            The same shape.
        """
        get = transform_parameters.get
        x = apply_affine_transform(
            x, get("theta", 0), get("tx", 0), get("ty", 0), get("shear", 0), get("zx", 1), get("zy", 1),
            row_axis=self.row_axis - 1, col_axis=self.col_axis - 1, channel_axis=self.channel_axis - 1,
            fill_mode=self.fill_mode, cval=self.cval, order=self.interpolation_order,
        )  # fmt: skip
        intensity, brightness = get("channel_shift_intensity"), get("brightness")
        if intensity is not None:
            x = apply_channel_shift(x, intensity, self.channel_axis - 1)
        if get("flip_horizontal", False):
            x = np.flip(x, self.col_axis - 1)
        if get("flip_vertical", False):
            x = np.flip(x, self.row_axis - 1)
        if brightness is not None:
            x = apply_brightness_shift(x, brightness, scale=False, data_format=self.data_format)
        return x

    def random_transform(self, x: Image, seed: int | None = None) -> Image:
        """A picture, augmented at random.

        Args:
            x: An image of three axes.
            seed: Of the draws.
        """
        if x.ndim != 3:
            raise ValueError("Input arrays must be multi-channel 2D images.")
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x: Image) -> Image:
        """What is done to every picture last, in place where that is possible.

        Args:
            x: An image of three axes, float.
        """
        last = self._standardization()
        if last.function is not None:
            x = last.function(x)
        last.warn_unfitted()
        if x.dtype.kind != "f":
            x = x.astype(self.dtype)
        last.apply(x[None])
        return x

    # ---------------------------------------------------------------------------------------------- statistics

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Measure the mean, the standard deviation and the whitening matrix, as far as they are asked for.

        Args:
            x: Images (n, height, width, channels), or channels first.
            augment: Whether to measure augmented pictures.
            rounds: How many times each of them is augmented.
            seed: Of the augmentation.
        """
        measured = fit(
            self,
            x,
            augment=augment,
            rounds=rounds,
            random=self._random if seed is None else np.random.RandomState(seed),
        )
        self._count = measured.count
        self.mean = measured.mean if self.featurewise_center else self.mean
        self.std = measured.std if self.featurewise_std_normalization else self.std
        self.zca_whitening_matrix = measured.whitening if self.zca_whitening else self.zca_whitening_matrix

    @property
    def statistics(self) -> Statistics | None:
        """What `fit` measured, as a value; None before."""
        if not self._count:
            return None
        return Statistics(count=self._count, mean=self.mean, std=self.std, whitening=self.zca_whitening_matrix)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write arguments and statistics to one file, from which `load` makes the same generator.

        Args:
            path: A file's name, by custom with the ending ".safetensors".

        Raises:
            ImportError: safetensors is not installed.
        """
        saving.save(path, self._arguments(), self.preprocessing_function, self.statistics)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, preprocessing_function: Callable[[Image], Any] | None = None
    ) -> Self:
        """The generator that `save` wrote.

        Args:
            path: The file.
            preprocessing_function: The function, if there was one: files hold no code.

        Raises:
            SpecError: The file is of another kind or version, or needs a function that was not given.
        """
        arguments, measured = saving.load(path, preprocessing_function)
        generator = cls(**arguments, preprocessing_function=preprocessing_function)
        if measured is not None:
            generator._count = measured.count
            generator.mean, generator.std, generator.zca_whitening_matrix = (
                measured.mean,
                measured.std,
                measured.whitening,
            )
        return generator

    def to_keras(self, input_shape: tuple[int, int, int] | None = None) -> Any:
        """The deterministic part as a Keras model, to put in front of another: rescaling and standardization.

        Args:
            input_shape: (height, width, channels); needed for whitening only.

        Raises:
            SpecError: There is a preprocessing function, which is Python.
        """
        from imagefeed.compat.keras_layer import to_keras  # the only place that imports Keras

        return to_keras(self._standardization(), self.statistics, input_shape)

    # ---------------------------------------------------------------------------------------------- for iterators

    def recipe(self, data_format: DataFormat, dtype: str, *, validation: bool = False, plain: bool = False) -> Recipe:
        """All that is done to pictures, as a value.

        Args:
            data_format: Where batches have their channels.
            dtype: Of the batches.
            validation: Whether they are of the validation subset.
            plain: Whether to leave everything out.
        """
        if plain:
            nothing = Standardization()
            return Recipe(
                ranges=Ranges(),
                augment=False,
                standardization=nothing,
                data_format=data_format,
                dtype=np.dtype(dtype),
                fixed=self.mode == "fixed",
            )
        return Recipe(
            ranges=self._ranges(crop=self.random_crop is not None),
            augment=not (validation and self.mode == "fixed"),
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
            crop=self.random_crop,
            standardization=self._standardization(),
            data_format=data_format,
            dtype=np.dtype(dtype),
            fixed=self.mode == "fixed",
        )

    @property
    def overridden(self) -> bool:
        """Whether a subclass has its own way with a picture, so that its methods must be called."""
        names = ("get_random_transform", "apply_transform", "standardize")
        return any(getattr(type(self), name) is not getattr(ImageDataGenerator, name) for name in names)

    @contextmanager
    def drawing_from(self, random: np.random.RandomState) -> Generator[None]:
        """While it lasts, `get_random_transform` without a seed draws from another stream."""
        own, self._random = self._random, random
        try:
            yield
        finally:
            self._random = own

    @property
    def channel_axis(self) -> int:
        """The axis of a batch that has the channels."""
        return 3 if self.data_format == "channels_last" else 1

    @property
    def row_axis(self) -> int:
        """The axis of a batch that has the rows."""
        return 1 if self.data_format == "channels_last" else 2

    @property
    def col_axis(self) -> int:
        """The axis of a batch that has the columns."""
        return self.row_axis + 1

    # ---------------------------------------------------------------------------------------------- its parts

    def _ranges(self, *, crop: bool) -> Ranges:
        return Ranges(
            rotation=self.rotation_range,
            width_shift=self.width_shift_range,
            height_shift=self.height_shift_range,
            shear=self.shear_range,
            zoom=(self.zoom_range[0], self.zoom_range[1]),
            horizontal_flip=bool(self.horizontal_flip),
            vertical_flip=bool(self.vertical_flip),
            channel_shift=self.channel_shift_range,
            brightness=None if self.brightness_range is None else (self.brightness_range[0], self.brightness_range[1]),
            crop=crop,
        )

    def _standardization(self) -> Standardization:
        return Standardization(
            function=self.preprocessing_function,
            rescale=self.rescale,
            samplewise_center=self.samplewise_center,
            samplewise_std=self.samplewise_std_normalization,
            center=self.featurewise_center,
            mean=self.mean,
            scale=self.featurewise_std_normalization,
            std=self.std,
            whiten=self.zca_whitening,
            whitening=self.zca_whitening_matrix,
        )

    def _arguments(self) -> dict[str, Any]:
        """The constructor's arguments, but for the function."""
        return {name: getattr(self, name) for name in saving.ARGUMENTS}


def _parameters(drawn: Draws, row: int) -> dict[str, Any]:
    return {
        **{name: getattr(drawn, name)[row].item() for name in ("theta", "tx", "ty", "shear", "zx", "zy")},
        "flip_horizontal": bool(drawn.flip_horizontal[row]),
        "flip_vertical": bool(drawn.flip_vertical[row]),
        "channel_shift_intensity": None if drawn.channel_shift is None else drawn.channel_shift[row].item(),
        "brightness": None if drawn.brightness is None else drawn.brightness[row].item(),
    }
