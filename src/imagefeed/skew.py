"""Whether what a pipeline gives is what a model was trained on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from imagefeed import ops
from imagefeed.checks import fail
from imagefeed.fusing import fuse
from imagefeed.loader import Loader
from imagefeed.pipeline import Pipeline
from imagefeed.presets import LEVELS, PRESETS, Line
from imagefeed.sources import Source
from imagefeed.statistics import Statistics
from imagefeed.transforms import Drawn, Normalize, Transform, Whiten

Kind: TypeAlias = Literal["rescaled twice", "channel order", "range", "statistics", "shape"]
Floats: TypeAlias = NDArray[np.float64]

_SAMPLE = 64
# Of the deviation that the model expects: a preset that is off by less does what it should. The means of ImageNet and
# of Caffe, of -1 to 1 and of ImageNet are further apart.
_TOLERANCE = 0.12
# Statistics that were measured on such pictures leave a mean of 0 and a deviation of 1; of a sample, nearly.
_MEAN, _STD = 0.5, (0.5, 2.0)
# So far from the input, in layers, a model may normalize.
_NEAR = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong between a pipeline and a model.

    Attributes:
        kind: What sort of thing.
        problem: What is seen, in a sentence.
        advice: What to change.
    """

    kind: Kind
    problem: str
    advice: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.problem}; {self.advice}"


def check_model(
    model: Any, pipeline: Pipeline, source: Source, *, expects: str | Normalize | None = None
) -> tuple[Finding, ...]:
    """Look for what makes a model see other values than those it was trained on.

    What the model expects is taken from its name (those of keras.applications), from its layers (a Rescaling, a
    Normalization or a pipeline of ours near the input: levels as they are), from timm's own configuration, or from
    `expects`. That is compared with what the pipeline makes of 64 pictures of the source.

        >>> from imagefeed import Normalize, Pipeline, Rescale, Resize, check_model
        >>> pipeline = Pipeline([Resize((64, 64)), Rescale(1 / 255)])
        >>> for finding in check_model(None, pipeline, photos, expects="keras/resnet50"):
        ...     print(finding.kind)
        range
        >>> check_model(None, Pipeline([Resize((64, 64)), Normalize.preset("caffe")]), photos, expects="keras/resnet50")
        ()

    Args:
        model: A model of Keras or timm, whose expectation can be read; anything else with `expects`.
        pipeline: What is done to pictures before the model.
        source: The pictures that the model is used on.
        expects: A preset's name, or a Normalize from levels, where the model does not say.

    Returns:
        What is wrong, most weighty first; nothing if nothing was found.

    Raises:
        SpecError: An argument has a value that it cannot have.
    """
    wanted, inside = _expectation(model, expects)
    levels, units = _cut(pipeline.deterministic())
    size = min(_SAMPLE, len(source))
    options: dict[str, Any] = {
        "batch_size": size,
        "shuffle": True,
        "dtype": "float32",
        "on_error": "skip",
        "max_bad": 1.0,
    }
    pictures = next(Loader(source, levels, **options).batches(0)).images.astype(np.float64)
    given = _Line.of(units)
    findings = list(_shape(model, pictures))
    if wanted is not None and given is not None and pictures.shape[-1] in (1, 3):
        findings += _line(given, _Line.of([_normalize(wanted)]), wanted, inside, pictures, units)
    findings += _statistics(units, given, pictures)
    return tuple(findings)


def not_raw(images: NDArray[Any], channels: int = 3) -> str | None:
    """Why a batch cannot be raw pictures, with levels from 0 to 255; None if it can.

        >>> import numpy as np
        >>> from imagefeed.skew import not_raw
        >>> not_raw(np.full((1, 8, 8, 3), 0.5))
        'the values lie between 0.5 and 0.5: they were rescaled already; pass levels from 0 to 255'
        >>> not_raw(np.full((1, 8, 8, 3), 200, np.uint8)) is None
        True

    Args:
        images: A batch (n, height, width, channels).
        channels: How many channels a picture should have.
    """
    if images.ndim != 4:
        return f"the batch has shape {images.shape}; pass pictures as (n, height, width, {channels})"
    if images.shape[-1] != channels:
        return f"the last axis, that of the channels, is {images.shape[-1]}; pass pictures of {channels}"
    if images.size == 0:
        return None
    low, high = float(images.min()), float(images.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        return "there are values that are not numbers; pass levels from 0 to 255"
    span = f"the values lie between {low:.4g} and {high:.4g}"
    if low < 0:
        return f"{span}: they were normalized already; pass levels from 0 to 255"
    if high > 255:
        return f"{span}: more than eight bits; pass levels from 0 to 255"
    if 0 < high <= 1 and (images.dtype.kind == "f" or images.size >= 1000):
        return f"{span}: they were rescaled already; pass levels from 0 to 255"
    return None


# ------------------------------------------------------------------------------------------------ the model


def _expectation(model: Any, expects: str | Normalize | None) -> tuple[Line | None, bool]:
    """What a model expects of levels, if that is known, and whether that is because it normalizes inside itself."""
    if isinstance(expects, str):
        line = _of_normalize(Normalize.preset(expects))
        return line, line == LEVELS
    if isinstance(expects, Normalize):
        return _of_normalize(expects), False
    if expects is not None:
        raise fail(
            "check_model(expects=)", expects, 'expected the name of a preset, such as "keras/resnet50", or a Normalize'
        )
    if hasattr(model, "pretrained_cfg"):
        return _of_normalize(Normalize.from_timm(model)), False
    layers = list(_layers(model))
    if any(map(_takes_levels, layers[:_NEAR])):
        return LEVELS, True
    for name in (str(getattr(part, "name", "")) for part in (model, *layers) if hasattr(part, "layers")):
        found = PRESETS.get("keras/" + re.sub(r"_[\d.]+_\d+$|[_-]", "", name.lower()))
        if found is not None and found != LEVELS:  # one that should normalize inside, and was built not to
            return found, False
    return None, False


def _layers(model: Any) -> Iterator[Any]:
    """The layers of a model of Keras, and of the models in it, in order."""
    for layer in cast("list[Any]", getattr(model, "layers", [])):
        yield layer
        yield from _layers(layer)


def _takes_levels(layer: Any) -> bool:
    """Whether a layer of Keras turns levels into a model's units. (Known by its name: nothing is imported for that.)"""
    if isinstance(getattr(layer, "pipeline", None), Pipeline):
        return True
    if type(layer).__name__ == "Rescaling":
        return float(np.abs(np.asarray(layer.scale)).max()) < 0.1
    # Of values from 0 to 1 the mean would be below 1.
    mean = getattr(layer, "mean", None) if type(layer).__name__ == "Normalization" else None
    return mean is not None and float(np.abs(np.asarray(mean)).max()) > 2.0


def _of_normalize(step: Normalize) -> Line:
    if step.mean is None or step.std is None:
        raise fail("check_model(expects=)", step, "expected one of a mean and a std")
    return Line(step.mean, step.std, step.order)


def _normalize(line: Line) -> Normalize:
    return Normalize(mean=line.mean, std=line.std, order=line.order)


# ------------------------------------------------------------------------------------------------ the pipeline


@dataclass(frozen=True, slots=True)
class _Line:
    """`value * scale + bias` of every channel, after red and blue are exchanged if `reverse`."""

    scale: Floats
    bias: Floats
    reverse: bool

    @classmethod
    def of(cls, units: list[Transform]) -> _Line | None:
        """What some steps do to levels; of values at every place, their mean. None for a whitening."""
        whole: ops.Normalize = ops.Normalize(scale=np.ones(1), bias=np.zeros(1))
        for step in units:
            for op in step.lower(Drawn(), (np.ones(1), np.ones(1)), np):
                fused = fuse(whole, op, np) if isinstance(op, ops.Normalize) else None
                if not isinstance(fused, ops.Normalize):
                    return None
                whole = fused
        scale, bias = (array.mean(axis=(0, 1)) if array.ndim == 3 else array for array in (whole.scale, whole.bias))
        return cls(np.asarray(scale), np.asarray(bias), whole.reverse)

    def __call__(self, pictures: Floats) -> Floats:
        return (pictures[..., ::-1] if self.reverse else pictures) * self.scale + self.bias


def _cut(pipeline: Pipeline) -> tuple[Pipeline, list[Transform]]:
    """The part of a pipeline that works on levels, and the part that leaves them."""
    pixels = [step for step in pipeline.steps if step.role not in ("units", "batch")]
    return Pipeline(pixels, training=False), [step for step in pipeline.steps if step.role == "units"]


# ------------------------------------------------------------------------------------------------ what is wrong


def _line(
    given: _Line, wanted: _Line | None, named: Line, inside: bool, pictures: Floats, units: list[Transform]
) -> Iterator[Finding]:
    """Whether the pipeline's line is that of the model."""
    if wanted is None:
        return
    expected, made = wanted(pictures), given(pictures)
    if _off(made, expected) < _TOLERANCE:
        return
    steps = ", ".join(map(repr, units)) or "no step that leaves the levels"
    shown = f"the pipeline gives {_span(made)} ({steps}), and the model expects {_span(expected)}"
    advice = f"end the pipeline in {_advice(named)}"
    if inside and np.ptp(made) < 0.1 * np.ptp(expected):
        problem = f"the model rescales inside itself, and is fed {_span(made)}"
        yield Finding(kind="rescaled twice", problem=problem, advice=f"take {steps} out of the pipeline")
    elif _off(made[..., ::-1], expected) < _TOLERANCE or _off(_exchanged(given)(pictures), expected) < _TOLERANCE:
        orders = ("blue, green, red", "red, green, blue")
        problem = f"the pipeline gives {orders[not given.reverse]}, and the model expects {orders[not wanted.reverse]}"
        yield Finding(kind="channel order", problem=problem, advice=advice)
    else:
        yield Finding(kind="range", problem=shown, advice=advice)


def _exchanged(line: _Line) -> _Line:
    return _Line(line.scale, line.bias, not line.reverse)


def _off(made: Floats, expected: Floats) -> float:
    """How far values are from those expected: the root of the mean square, over the expected deviation."""
    return float(np.sqrt(((made - expected) ** 2).mean()) / max(float(expected.std()), 1e-6))


def _advice(line: Line) -> str:
    if line == LEVELS:
        return "levels from 0 to 255, as floats: Normalize(mean=0.0, std=1.0), or nothing"
    name = next((name for name, preset in PRESETS.items() if preset == line), None)
    return f"Normalize.preset({name!r})" if name is not None else repr(_normalize(line))


def _statistics(units: list[Transform], given: _Line | None, pictures: Floats) -> Iterator[Finding]:
    """Whether what was measured is of pictures like these."""
    last = units[-1] if units else None
    if isinstance(last, Whiten):
        line = _Line.of(units[:-1])
        made = None if line is None else _centered(line(pictures), last.statistics)
    else:
        fitted = any(isinstance(step, Normalize) and _whole(step.statistics) for step in units)
        made = given(pictures) if given is not None and fitted else None
    if made is None:
        return
    axes = tuple(range(made.ndim - 1))
    mean, std = float(abs(made.mean(axis=axes)).max()), float(made.std())
    if mean < _MEAN and _STD[0] < std < _STD[1]:
        return
    problem = (
        f"normalized by their statistics, the pictures have a mean of up to {mean:.2g} and a deviation of {std:.2g}"
    )
    advice = "measure them again, on these pictures and by these steps: Statistics.fit(source, pipeline)"
    yield Finding(kind="statistics", problem=f"{problem}, not 0 and 1", advice=advice)


def _whole(statistics: Statistics | None) -> bool:
    return statistics is not None and statistics.mean is not None and statistics.std is not None


def _centered(values: Floats, statistics: Statistics) -> Floats | None:
    """What statistics that belong to these values would make of them: a mean of 0 and a deviation of 1."""
    mean, std = statistics.mean, statistics.std
    if mean is None or std is None or mean.shape != values.shape[1:]:
        return None
    return (values - mean) / np.where(std == 0.0, 1.0, std)


def _shape(model: Any, pictures: Floats) -> Iterator[Finding]:
    """Whether the pictures have the size and the channels that a model of Keras was built for."""
    shape: Any = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(cast("tuple[Any, ...]", shape)) != 4:
        return
    wanted, made = cast("tuple[Any, ...]", shape)[1:], pictures.shape[1:]
    if all(a is None or a == b for a, b in zip(wanted, made, strict=True)):
        return
    if wanted[0] == made[2] and wanted[0] in (1, 3):
        advice = 'use Loader(layout="nchw")'
    else:
        size, color = f"Resize(({wanted[0]}, {wanted[1]}))", f"color={_color(wanted[2])!r}"
        changes = {size: wanted[:2] != made[:2], color: wanted[2] != made[2]}
        advice = f"use {' and '.join(change for change, needed in changes.items() if needed)}"
    problem = f"the pipeline gives pictures of {_by(made)}, and the model takes {_by(wanted)}"
    yield Finding(kind="shape", problem=problem, advice=advice)


def _by(shape: tuple[Any, ...]) -> str:
    return "x".join("any" if n is None else str(n) for n in shape)


def _color(channels: Any) -> str:
    return "gray" if channels == 1 else "rgb"


def _span(values: Floats) -> str:
    low, high = np.quantile(values, (0.01, 0.99))
    return f"{low:.3g} to {high:.3g}"
