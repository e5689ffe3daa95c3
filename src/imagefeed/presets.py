"""What known models were trained with: the mean, the deviation and the order of channels that they expect."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, cast

from imagefeed.checks import is_number
from imagefeed.errors import SpecError
from imagefeed.types import Order


class Line(NamedTuple):
    """`(level - mean) / std` on levels of 0 to 255, then in this order of channels; mean and std are in that order."""

    mean: float | tuple[float, ...]
    std: float | tuple[float, ...]
    order: Order = "rgb"


# The mean of ImageNet's pictures as models trained in Caffe take it off, in the order blue, green, red: from the
# description of the models of Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
# recognition" (2015).
CAFFE = Line((103.939, 116.779, 123.68), 1.0, "bgr")
# From -1 to 1: Szegedy et al., "Rethinking the Inception architecture for computer vision" (2016), and what followed.
INCEPTION = Line(127.5, 127.5)
# Mean 0.485, 0.456, 0.406 and deviation 0.229, 0.224, 0.225 of values from 0 to 1, as measured on ImageNet for the
# models of Torch (Gross and Wilber, "Training and investigating residual nets", 2016).
IMAGENET = Line((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
# Mean and deviation of values from 0 to 1 of CLIP (Radford et al., "Learning transferable visual models from natural
# language supervision", 2021).
CLIP = Line(
    tuple(round(255 * value, 7) for value in (0.48145466, 0.4578275, 0.40821073)),
    tuple(round(255 * value, 7) for value in (0.26862954, 0.26130258, 0.27577711)),
)
# Levels as they are, for models that normalize inside themselves.
LEVELS = Line(0.0, 1.0)

_FAMILIES: dict[Line, str] = {
    CAFFE: "resnet50 resnet101 resnet152 vgg16 vgg19",
    INCEPTION: "inceptionv3 inceptionresnetv2 mobilenet mobilenetv2 nasnetlarge nasnetmobile resnet50v2 resnet101v2 "
    "resnet152v2 xception",
    IMAGENET: "densenet121 densenet169 densenet201",
    LEVELS: "convnexttiny convnextsmall convnextbase convnextlarge convnextxlarge efficientnetb0 efficientnetb1 "
    "efficientnetb2 efficientnetb3 efficientnetb4 efficientnetb5 efficientnetb6 efficientnetb7 efficientnetv2b0 "
    "efficientnetv2b1 efficientnetv2b2 efficientnetv2b3 efficientnetv2s efficientnetv2m efficientnetv2l "
    "mobilenetv3small mobilenetv3large",
}

PRESETS: dict[str, Line] = {
    "caffe": CAFFE,
    "clip": CLIP,
    "imagenet": IMAGENET,
    "inception": INCEPTION,
    **{f"keras/{model}": line for line, models in _FAMILIES.items() for model in models.split()},
}
"""Every preset by its name."""


def named(name: str) -> Line:
    """The preset of a name.

    Raises:
        SpecError: There is none.
    """
    found = PRESETS.get(name)
    if found is None:
        import difflib  # only for a person who has mistyped

        near = difflib.get_close_matches(str(name).lower(), PRESETS, n=5, cutoff=0.5) or [
            *list(PRESETS)[:4],
            "keras/...",
        ]
        raise SpecError(f"Normalize.preset: there is no {name!r}; near it are {', '.join(map(repr, near))}")
    return found


def from_timm(model: Any) -> Line:
    """What timm says of a model, given by name or as it is."""
    if isinstance(model, str):
        found: Any = import_module("timm").get_pretrained_cfg(model)
        config: Any = None if found is None else found.to_dict()
    else:
        config = getattr(model, "pretrained_cfg", None)
    if not isinstance(config, Mapping):
        raise SpecError(f"Normalize.from_timm: got {_short(model)}; expected a model of timm, or the name of one")
    values = cast("Mapping[str, Any]", config)
    return _of_unit("from_timm", values.get("mean"), values.get("std"))


def from_torchvision(weights: Any) -> Line:
    """What torchvision's weights do before their model, given by name or as they are."""
    if isinstance(weights, str):
        try:
            weights = import_module("torchvision.models").get_weight(weights)
        except (ValueError, KeyError, AttributeError) as error:
            raise SpecError(f"Normalize.from_torchvision: there are no weights {weights!r}: {error}") from error
    if not callable(getattr(weights, "transforms", None)):
        expected = "expected weights, such as torchvision.models.ResNet50_Weights.DEFAULT"
        raise SpecError(f"Normalize.from_torchvision: got {_short(weights)}; {expected}")
    transforms: Any = weights.transforms()
    return _of_unit("from_torchvision", getattr(transforms, "mean", None), getattr(transforms, "std", None))


# What else an image processor of transformers may do to values.
_NOT_A_LINE = ("do_color_quantize", "include_top")


def from_huggingface(config: Any) -> Line:
    """What an image processor does to values: given as it is, as a dict, or as the path of its file."""
    values = _config(config)
    for name in _NOT_A_LINE:
        if values.get(name):
            raise SpecError(f"Normalize.from_huggingface: {name} asks for more than a mean and a deviation")
    factor: Any = values.get("rescale_factor", 1 / 255) if values.get("do_rescale", True) else 1.0
    offset = 1.0 if values.get("rescale_offset") else 0.0
    mean: Any = (0.0,)
    std: Any = (1.0,)
    if values.get("do_normalize"):  # what is None there is left out when it is written
        mean, std = (_numbers("from_huggingface", values.get(name)) for name in ("image_mean", "image_std"))
    if not is_number(factor) or factor <= 0:
        raise SpecError(f"Normalize.from_huggingface: got rescale_factor={factor!r}; expected a number above 0")
    order: Order = "bgr" if values.get("do_flip_channel_order") else "rgb"
    return Line(_plain((value + offset) / factor for value in mean), _plain(value / factor for value in std), order)


def _config(config: Any) -> Mapping[str, Any]:
    expected = "expected an image processor, its to_dict(), or the path of a preprocessor_config.json"
    if isinstance(config, str | os.PathLike):
        path = Path(cast("str", config))
        if not path.is_file():  # perhaps the name of a model, which transformers knows how to get
            raise SpecError(f"Normalize.from_huggingface: {config}: there is no such file; {expected}")
        try:
            config = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SpecError(f"Normalize.from_huggingface: {config}: {error}") from error
    elif hasattr(config, "to_dict"):
        config = config.to_dict()
    if not isinstance(config, Mapping):
        raise SpecError(f"Normalize.from_huggingface: got {_short(config)}; {expected}")
    return cast("Mapping[str, Any]", config)


def _of_unit(owner: str, mean: Any, std: Any) -> Line:
    """The line of a mean and a deviation of values from 0 to 1."""
    means, stds = (_numbers(owner, value) for value in (mean, std))
    return Line(_plain(255 * value for value in means), _plain(255 * value for value in stds))


def _numbers(owner: str, value: Any) -> tuple[float, ...]:
    numbers: list[Any] = list(cast("Sequence[Any]", value)) if isinstance(value, Sequence) else [value]
    if not numbers or not all(map(is_number, numbers)):
        raise SpecError(f"Normalize.{owner}: the configuration has {value!r}; expected a number for each channel")
    return tuple(float(number) for number in numbers)


def _plain(values: Any) -> float | tuple[float, ...]:
    """One number where all are alike; without the last digits, which come from the multiplication."""
    rounded = tuple(round(value, 9) for value in values)
    return rounded[0] if len(set(rounded)) == 1 else rounded


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:76]} ..."
