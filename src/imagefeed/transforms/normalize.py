"""Transforms from levels to the units of a model. They end a pipeline."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from typing import Any, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from imagefeed import ops, presets
from imagefeed.checks import check_choice, check_number, fail, is_number, is_tuple
from imagefeed.errors import SpecError
from imagefeed.ops import Extent, Op
from imagefeed.presets import Line
from imagefeed.statistics import Statistics
from imagefeed.transforms.base import Drawn, Role, Transform
from imagefeed.types import Namespace, Order

Arrays: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Rescale(Transform):
    """`value * scale + offset`: Rescale(1 / 255) gives 0 to 1, Rescale(1 / 127.5, offset=-1) gives -1 to 1.

        >>> Rescale(0.5, offset=-1)
        Rescale(0.5, offset=-1)

    Attributes:
        scale: The factor.
        offset: What is added after it.
    """

    scale: float
    _: KW_ONLY
    offset: float = 0.0

    def __post_init__(self) -> None:
        check_number("Rescale.scale", self.scale)
        check_number("Rescale.offset", self.offset)

    @property
    def role(self) -> Role:
        return "units"

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        dtype = extent[0].dtype
        scale, bias = xp.asarray([self.scale], dtype=dtype), xp.asarray([self.offset], dtype=dtype)
        return (ops.Normalize(scale=scale, bias=bias),)


@dataclass(frozen=True, slots=True)
class Normalize(Transform):
    """`(value - mean) / std`, in the units that reach it: levels, or what a Rescale before it made of them.

        >>> from imagefeed import Normalize
        >>> Normalize(mean=127.5, std=127.5)
        Normalize(mean=127.5, std=127.5)
        >>> Normalize.preset("keras/resnet50")
        Normalize(mean=(103.939, 116.779, 123.68), std=1.0, order='bgr')

    Attributes:
        statistics: What was measured, instead of `mean` and `std`: per channel, or at every place. A value that never
            varied, whose deviation is 0, is only centered.
        mean: One number for all channels, or a tuple of one for each, in the order that leaves this step.
        std: Likewise; each above 0.
        order: The order of the channels that leaves this step: "rgb" as they come, or "bgr" for models from Caffe.
    """

    statistics: Statistics | None = None
    _: KW_ONLY
    mean: float | tuple[float, ...] | None = None
    std: float | tuple[float, ...] | None = None
    order: Order = "rgb"

    def __post_init__(self) -> None:
        check_choice("Normalize.order", self.order, get_args(Order))
        if self.statistics is not None:
            _check_statistics("Normalize", self.statistics)
            if self.mean is not None or self.std is not None:
                raise SpecError("Normalize: got statistics and mean or std; give one or the other")
            if self.statistics.mean is None and self.statistics.std is None:
                raise fail("Normalize.statistics", self.statistics, "expected a mean or a std in them")
            _line(self.statistics)
            return
        if self.mean is None or self.std is None:
            expected = "expected both, or statistics: Normalize(Statistics.fit(source, pipeline))"
            raise SpecError(f"Normalize: got mean={self.mean!r} and std={self.std!r}; {expected}")
        mean = _channels("Normalize.mean", self.mean)
        std = _channels("Normalize.std", self.std)
        if min(std) <= 0:
            raise fail("Normalize.std", self.std, "expected numbers above 0")
        if len(mean) != len(std) and 1 not in (len(mean), len(std)):
            raise fail("Normalize.std", self.std, f"expected {len(mean)} numbers, as in Normalize.mean")

    @classmethod
    def preset(cls, name: str) -> Normalize:
        """What a known model was trained with, from levels of 0 to 255.

            >>> Normalize.preset("imagenet")
            Normalize(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))

        Args:
            name: "imagenet", "inception", "clip", "caffe", or "keras/" and the name of a model of keras.applications in
                lower case, such as "keras/mobilenetv2". Models that normalize inside themselves get levels as they are.

        Raises:
            SpecError: There is no such preset; the message lists those that are near.
        """
        return _of(presets.named(name))

    @classmethod
    def from_timm(cls, model: Any) -> Normalize:
        """What a timm model was trained with: its own `pretrained_cfg`.

        Args:
            model: A model's name, such as "resnet50.a1_in1k", or a model.

        Raises:
            SpecError: There is no such model, or it does not say.
        """
        return _of(presets.from_timm(model))

    @classmethod
    def from_torchvision(cls, weights: Any) -> Normalize:
        """What torchvision's weights were trained with: their own `transforms()`.

        Args:
            weights: Such as `torchvision.models.ResNet50_Weights.DEFAULT`, or its name,
                "ResNet50_Weights.IMAGENET1K_V2".

        Raises:
            SpecError: There are no such weights, or they do not say.
        """
        return _of(presets.from_torchvision(weights))

    @classmethod
    def from_huggingface(cls, config: Any) -> Normalize:
        """What a Hugging Face image processor does to values: its rescaling, its mean and its std.

            >>> Normalize.from_huggingface({"do_rescale": True, "rescale_factor": 1 / 127.5})
            Normalize(mean=0.0, std=127.5)

        Args:
            config: An image processor, its `to_dict()`, or the path of its preprocessor_config.json.

        Raises:
            SpecError: It is none of these, or asks for something else to be done.
        """
        return _of(presets.from_huggingface(config))

    @property
    def role(self) -> Role:
        return "units"

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        dtype = extent[0].dtype
        reverse = self.order == "bgr"
        if self.statistics is not None:
            scale, bias = (xp.asarray(array, dtype=dtype) for array in _line(self.statistics))
            return (ops.Normalize(scale=scale, bias=bias, reverse=reverse),)
        mean = xp.asarray(_channels("Normalize.mean", self.mean), dtype=dtype)
        std = xp.asarray(_channels("Normalize.std", self.std), dtype=dtype)
        return (ops.Normalize(scale=1.0 / std, bias=-mean / std, reverse=reverse),)


@dataclass(frozen=True, slots=True)
class Whiten(Transform):
    """Take the mean off and make every direction vary alike: the covariance of the pictures that were measured becomes
    the identity.

    With "zca" the result is the picture that is nearest to the original (Bell and Sejnowski, "The 'independent
    components' of natural scenes are edge filters", 1997). With "pca" value i is the i-th coordinate, in the place of
    the i-th value of a picture, and those that were not held are 0. Where only k directions are held, "zca" treats all
    others alike, by their mean variance (Tipping and Bishop, "Probabilistic principal component analysis", 1999).

    Attributes:
        statistics: What was measured, as by `Statistics.fit(source, pipeline, whiten="zca")`.
        epsilon: Added to every variance before its root is divided by, in squared units of the pictures: what varied
            less than that is taken for noise.
    """

    statistics: Statistics
    _: KW_ONLY
    epsilon: float = 1e-6

    def __post_init__(self) -> None:
        _check_statistics("Whiten", self.statistics)
        check_number("Whiten.epsilon", self.epsilon, 0)
        mean, covariance, matrix = self.statistics.mean, self.statistics.covariance, self.statistics.whitening
        if covariance is None and matrix is None:
            expected = 'they have no covariance; measure it by Statistics.fit(source, pipeline, whiten="zca")'
            raise fail("Whiten.statistics", self.statistics, expected)
        values = len(covariance.basis) if covariance is not None else 0 if matrix is None else len(matrix)
        if mean is None or mean.ndim != 3 or mean.size != values:
            shape = None if mean is None else mean.shape
            raise fail("Whiten.statistics.mean", shape, f"expected (height, width, channels) of {values} values in all")
        if self.epsilon == 0 and covariance is not None and min(covariance.variances) <= 0:
            raise fail("Whiten.epsilon", self.epsilon, "expected a number above 0, since some directions never vary")

    @property
    def role(self) -> Role:
        return "units"

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        mean = self.statistics.mean
        if mean is None:
            raise fail("Whiten.statistics.mean", mean, "expected an array")
        analysis, synthesis, rest = _factors(self.statistics, self.epsilon)
        dtype = extent[0].dtype
        height, width, channels = mean.shape
        return (
            ops.Normalize(scale=xp.ones((1,), dtype=dtype), bias=xp.asarray(-mean, dtype=dtype)),
            ops.Whiten(
                shape=(height, width, channels),
                analysis=xp.asarray(analysis),
                synthesis=None if synthesis is None else xp.asarray(synthesis),
                rest=rest,
            ),
        )


@lru_cache(maxsize=8)
def _line(statistics: Statistics) -> Arrays:
    """The scale and the bias of some statistics: (channels,) each, or (height, width, channels)."""
    mean = np.zeros(1) if statistics.mean is None else statistics.mean.astype(np.float64)
    std = np.ones(1) if statistics.std is None else statistics.std.astype(np.float64)
    mean, std = np.broadcast_arrays(mean, np.where(std == 0.0, 1.0, std))
    if mean.ndim == 3 and mean.shape[:2] == (1, 1):
        mean, std = mean[0, 0], std[0, 0]
    if mean.ndim not in (1, 3):
        expected = "expected (1, 1, channels) or (height, width, channels)"
        raise fail("Normalize.statistics.mean", mean.shape, expected)
    return 1.0 / std, -mean / std


@lru_cache(maxsize=4)
def _factors(statistics: Statistics, epsilon: float) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, float]:
    """The arrays of an ops.Whiten, computed in double precision."""
    covariance = statistics.covariance
    if covariance is None:
        if statistics.whitening is None:
            raise fail("Whiten.statistics", statistics, "expected a covariance")
        return statistics.whitening.astype(np.float32), None, 0.0
    d, k = covariance.basis.shape
    factors = 1.0 / np.sqrt(covariance.variances + epsilon)
    if covariance.method == "pca":
        return (covariance.basis * factors).astype(np.float32), None, 0.0
    rest = 0.0 if k == d else float(1.0 / np.sqrt(covariance.rest + epsilon)) if covariance.rest + epsilon > 0 else 0.0
    if 2 * k <= d:  # two thin matrices are less work than the whole one
        synthesis = ((factors - rest) * covariance.basis).T
        return covariance.basis.astype(np.float32), np.ascontiguousarray(synthesis, np.float32), rest
    whole = (covariance.basis * (factors - rest)) @ covariance.basis.T.astype(np.float64)
    whole[np.diag_indices(d)] += rest
    return whole.astype(np.float32), None, 0.0


def _of(line: Line) -> Normalize:
    return Normalize(mean=line.mean, std=line.std, order=line.order)


def _check_statistics(owner: str, value: Any) -> None:
    if not isinstance(value, Statistics):
        expected = f"expected statistics: {owner}(Statistics.fit(source, pipeline))"
        if is_number(value) or is_tuple(value):
            expected += f", or {owner}(mean=, std=)"
        raise fail(f"{owner}.statistics", value, expected)


def _channels(where: str, value: Any) -> tuple[float, ...]:
    """One number as a tuple; a tuple as it is."""
    values: Any = (value,) if is_number(value) else value
    if not is_tuple(values) or not values or not all(map(is_number, values)):
        raise fail(where, value, "expected a number, or a tuple with a number for each channel")
    return values
