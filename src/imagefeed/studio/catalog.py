"""Which steps there are, and what can be set in each: read from the dataclasses themselves.

The kinds of fields come from their annotations, limits from asking the class what it accepts, and words from its
docstring. So a new transform is on the page as soon as it exists.
"""

from __future__ import annotations

import inspect
import json
import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from functools import cache
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from imagefeed import spec, transforms
from imagefeed.errors import ImagefeedError
from imagefeed.pipeline import Pipeline
from imagefeed.statistics import Statistics
from imagefeed.transforms import Transform

Kind = Literal["range", "size", "number", "integer", "flag", "choice", "step", "steps", "value"]

NAMES: tuple[str, ...] = tuple(cast(Any, transforms).__all__)
"""Of every transform. They are imported when they are first used, which a type checker does not see through."""

_DARKER = transforms.Brightness(factor=(0.5, 0.8))
_PALER = transforms.Saturation(factor=(0.0, 0.3))

# What a step begins with where the defaults of its class change nothing, or nothing says what would be sensible.
STARTERS: dict[str, Callable[[], Transform]] = {
    "Affine": lambda: transforms.Affine(degrees=(-15.0, 15.0), x=(-0.1, 0.1), y=(-0.1, 0.1), zoom=(0.9, 1.1)),
    "GaussianBlur": lambda: transforms.GaussianBlur(sigma=(0.5, 3.0)),
    "GaussianNoise": lambda: transforms.GaussianNoise(std=(5.0, 20.0)),
    "JpegCompression": lambda: transforms.JpegCompression(quality=(20, 80)),
    "MotionBlur": lambda: transforms.MotionBlur(length=(5.0, 15.0)),
    "Normalize": lambda: transforms.Normalize.preset("imagenet"),
    "OneOf": lambda: transforms.OneOf((_DARKER, _PALER)),
    "Perspective": lambda: transforms.Perspective(0.3),
    "PoissonNoise": lambda: transforms.PoissonNoise(photons=(10.0, 50.0)),
    "Posterize": lambda: transforms.Posterize(bits=(2, 6)),
    "RandomOrder": lambda: transforms.RandomOrder((_DARKER, _PALER)),
    "Rescale": lambda: transforms.Rescale(1 / 255),
    "ResizeLongestSide": lambda: transforms.ResizeLongestSide(SHOWN_SIZE[0]),
    "ResizeShortestSide": lambda: transforms.ResizeShortestSide(SHOWN_SIZE[0]),
    "SaltAndPepper": lambda: transforms.SaltAndPepper(share=(0.0, 0.05)),
    "Saturation": lambda: transforms.Saturation(factor=(0.5, 1.5)),
    "Shear": lambda: transforms.Shear(x=(-15.0, 15.0)),
    "Solarize": lambda: transforms.Solarize(threshold=(128.0, 256.0)),
    "SomeOf": lambda: transforms.SomeOf((_DARKER, _PALER), count=1),
    "Sometimes": lambda: transforms.Sometimes(_PALER),
    "Translate": lambda: transforms.Translate(x=(-0.1, 0.1), y=(-0.1, 0.1)),
}
SHOWN_SIZE = (224, 224)
FAR = 1e6  # beyond it nothing is asked for a limit
STEPS = 200  # of a slider, at least


def catalog() -> list[dict[str, Any]]:
    """Every transform that the page can add, as plain values: name, group, words, fields and what it begins with.

    A transform is left out where no value of it can be made without more than numbers: a function, statistics.
    """
    return [entry for name in NAMES if (entry := _entry(name)) is not None]


@cache
def _entry(name: str) -> dict[str, Any] | None:
    cls: Any = getattr(transforms, name)
    if not (inspect.isclass(cls) and issubclass(cls, Transform)) or inspect.isabstract(cls):
        return None
    start = starter(cls)
    if start is None:
        return None
    words, docs = described(cls)
    return {
        "type": name,
        "group": cls.__module__.rpartition(".")[2],
        "role": start.role,
        "doc": words.replace("`", ""),
        "fields": [_field(cls, start, field, docs.get(field.name, "")) for field in _own_first(cls)],
        "starter": plain(start),
    }


def _own_first(cls: type) -> list[Field[Any]]:
    """The fields of a class, before those that many classes have, such as a border."""
    return sorted(fields(cast(Any, cls)), key=lambda field: field.name not in cls.__annotations__)


def plain(transform: Transform) -> dict[str, Any]:
    """A transform as JSON has it. Arrays are left to the file that they are in."""
    content = json.loads(spec.encode(Pipeline([transform])).text)
    return content["value"]["steps"][0]


def starter(cls: type[Transform]) -> Transform | None:
    """A value of a transform from which to go on, or None where there is none."""
    make: Callable[[], Transform] | None = STARTERS.get(cls.__name__)
    try:
        if make is not None:
            return make()
        hints = get_type_hints(cls)
        given: dict[str, Any] = {}
        for field in fields(cast(Any, cls)):
            if field.default is MISSING and field.default_factory is MISSING:
                given[field.name] = _guess(cls, field.name, hints[field.name], given)
        return cls(**given)
    except (ImagefeedError, TypeError, LookupError):
        return None


def _guess(cls: type[Transform], name: str, hint: Any, given: Mapping[str, Any]) -> Any:
    """A value for a field that has no default."""
    kind, _ = kind_of(hint)
    if kind == "size":
        return SHOWN_SIZE
    if kind == "flag":
        return True
    for candidate in _candidates(kind):
        try:
            cls(**given, **{name: candidate})
        except ImagefeedError:
            continue
        except TypeError:  # another field is still missing
            return candidate
        return candidate
    raise LookupError(name)


def _candidates(kind: Kind) -> Sequence[Any]:
    """From what fits angles and factors to what fits shares."""
    if kind == "range":
        return ((-15.0, 15.0), (0.8, 1.25), (0.1, 0.3), (0.0, 0.5), (1.0, 3.0), (-0.1, 0.1))
    if kind == "integer":
        return (4, 3, 2, 1, 128)
    return (0.3, 1.0, 2.0, 0.05, 10.0) if kind == "number" else ()


def kind_of(hint: Any) -> tuple[Kind, tuple[Any, ...]]:
    """What sort of control an annotation asks for, and the choices, if there are any."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "choice", arguments
    if origin is tuple and arguments == (float, float):
        return "range", ()
    if origin is tuple and arguments == (int, int):
        return "size", ()
    if hint is Transform:
        return "step", ()
    if origin is not None and origin not in (Union, types.UnionType) and arguments[:1] == (Transform,):
        return "steps", ()
    simple: dict[Any, Kind] = {float: "number", int: "integer", bool: "flag"}
    return simple.get(hint, "value"), ()


def _field(cls: type[Transform], start: Transform, field: Field[Any], doc: str) -> dict[str, Any]:
    hint = get_type_hints(cls)[field.name]
    kind, choices = kind_of(hint)
    result: dict[str, Any] = {
        "name": field.name,
        "kind": kind,
        "doc": doc.replace("`", ""),
        "choices": list(choices),
        "common": field.name not in cls.__annotations__,
        "measured": Statistics in get_args(hint),
    }
    if kind in ("range", "number", "integer"):
        value = getattr(start, field.name)
        limits = _limits(start, field.name, kind, value)
        result["least"], result["most"] = limits
        result |= _slider(kind, value, limits)
    return result


def _limits(start: Transform, name: str, kind: Kind, value: Any) -> tuple[float | None, float | None]:
    """The least and the largest number that a field accepts; None where there is no limit."""
    given = {field.name: getattr(start, field.name) for field in fields(cast(Any, start)) if field.init}

    def accepts(number: float) -> bool:
        one: Any = (number, number) if kind == "range" else math.floor(number) if kind == "integer" else number
        try:
            type(start)(**given | {name: one})
        except (ImagefeedError, ArithmeticError, ValueError, TypeError):
            return False
        return True

    middle = float(sum(value) / 2 if kind == "range" else value)
    if not accepts(middle):
        return None, None
    low, high = _edge(accepts, middle, -FAR), _edge(accepts, middle, FAR)
    if kind == "integer":  # 5.99... is asked about as 5
        return low, None if high is None else math.floor(high)
    return low, high


def _edge(accepts: Callable[[float], bool], inside: float, outside: float) -> float | None:
    if accepts(outside):
        return None
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if accepts(middle) else (inside, middle)
    # What a person wrote as a limit has few digits.
    near = (round(inside, digits) for digits in range(9))
    return next((one for one in near if abs(one - inside) <= 1e-6 * max(1.0, abs(inside)) and accepts(one)), inside)


def _slider(kind: Kind, value: Any, limits: tuple[float | None, float | None]) -> dict[str, float]:
    """The ends and the step of a slider: the limits where they are near, and else a span around the value."""
    numbers: Sequence[float] = value if kind == "range" else (value,)
    large = max(abs(number) for number in numbers)
    span = 30 * large or math.inf
    low, high = limits
    low = -2 * large - 1 if low is None or low < -span else low
    high = 2 * large + 1 if high is None or high > span else high
    step = 10 ** math.floor(math.log10((high - low) / STEPS))
    step = next(step * factor for factor in (5, 2, 1) if (high - low) / (step * factor) >= STEPS)
    return {"low": low, "high": high, "step": max(1.0, step) if kind == "integer" else step}


def described(cls: type) -> tuple[str, dict[str, str]]:
    """The first paragraph of a class's docstring, and what it and its bases say about their attributes."""
    attributes: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        text = inspect.cleandoc(vars(one).get("__doc__") or "")
        section = text.partition("Attributes:\n")[2]
        for name, words in re.findall(r"^ {4}(\w+): ((?:.*\n?)(?: {8}.*\n?)*)", section, re.MULTILINE):
            attributes[name] = " ".join(words.split())
    first = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0]
    return " ".join(first.split()), attributes
