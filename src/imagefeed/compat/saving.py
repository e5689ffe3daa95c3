"""A generator in a file: its arguments as JSON, its statistics as tensors, no code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from imagefeed.errors import SpecError
from imagefeed.statistics import Statistics

ARGUMENTS = (
    "featurewise_center", "samplewise_center", "featurewise_std_normalization", "samplewise_std_normalization",
    "zca_whitening", "zca_epsilon", "rotation_range", "width_shift_range", "height_shift_range", "brightness_range",
    "shear_range", "zoom_range", "channel_shift_range", "fill_mode", "cval", "horizontal_flip", "vertical_flip",
    "rescale", "data_format", "validation_split", "interpolation_order", "dtype", "mode", "random_crop",
)  # fmt: skip
_KIND = "imagefeed.ImageDataGenerator"
_VERSION = 1


def save(
    path: str | os.PathLike[str],
    arguments: dict[str, Any],
    function: Callable[..., Any] | None,
    statistics: Statistics | None,
) -> None:
    """Write a generator.

    Args:
        path: A file's name.
        arguments: The constructor's, but for the function.
        function: Of which only the name is written.
        statistics: What was measured, or None.
    """
    content = {
        "kind": _KIND,
        "version": _VERSION,
        "arguments": {name: _plain(value) for name, value in arguments.items()},
        "function": None if function is None else getattr(function, "__qualname__", repr(function)),
        "count": 0 if statistics is None else statistics.count,
    }
    tensors = (
        {} if statistics is None else {name: np.ascontiguousarray(array) for name, array in statistics.arrays.items()}
    )
    _safetensors().save_file(tensors, os.fspath(path), metadata={"imagefeed": json.dumps(content)})


def load(path: str | os.PathLike[str], function: Callable[..., Any] | None) -> tuple[dict[str, Any], Statistics | None]:
    """What `save` wrote: the arguments, and the statistics if there were any.

    Raises:
        SpecError: The file is of another kind or version, or needs a function that was not given.
    """
    from safetensors import safe_open  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

    with cast(Any, safe_open)(os.fspath(path), framework="np") as file:
        metadata: dict[str, str] = file.metadata() or {}
        content: dict[str, Any] = json.loads(metadata.get("imagefeed", "{}"))
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    if content.get("kind") != _KIND or content.get("version") != _VERSION:
        found = f"{content.get('kind')} version {content.get('version')}"
        raise SpecError(
            f"{os.fspath(path)}: holds {found}; expected {_KIND} version {_VERSION}, as generator.save writes it"
        )
    unknown = content["arguments"].keys() - set(ARGUMENTS)
    if unknown or arrays.keys() - {"mean", "std", "whitening"}:
        raise SpecError(f"{os.fspath(path)}: has unknown entries {sorted(unknown)}; a later imagefeed wrote it")
    if content["function"] is not None and function is None:
        raise SpecError(
            f"{os.fspath(path)}: was saved with preprocessing_function {content['function']}, which no file can hold; "
            "pass it as ImageDataGenerator.load(path, preprocessing_function=...)"
        )
    arguments = content["arguments"]
    for name in ("zoom_range", "brightness_range", "random_crop"):
        arguments[name] = tuple(arguments[name]) if arguments[name] is not None else None
    return arguments, Statistics(count=content["count"], **arrays) if content["count"] else None


def _safetensors() -> Any:
    try:
        from safetensors import numpy as safetensors_numpy  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
    except ImportError as error:
        raise ImportError(
            "generator.save and ImageDataGenerator.load need safetensors: pip install safetensors"
        ) from error
    return cast(Any, safetensors_numpy)


def _plain(value: Any) -> Any:
    """A value as JSON has it: NumPy's numbers and arrays as Python's."""
    if isinstance(value, np.generic | np.ndarray):
        return cast(Any, value).tolist()
    return [_plain(one) for one in cast("list[Any]", value)] if isinstance(value, tuple | list) else value
