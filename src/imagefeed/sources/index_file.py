"""What sources keep in files of their own: arrays, and what is to be known about them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.errors import SourceError

Arrays = dict[str, NDArray[Any]]


def read_index(file: Path, kind: str) -> tuple[dict[str, Any], Arrays] | None:
    """The metadata and the arrays of a file that `write_index` wrote; None where there is no file.

    Raises:
        SourceError: The file is of another kind: it is not ours, so it is not written over either.
    """
    safetensors = _safetensors()
    if not file.exists():
        return None
    try:
        with safetensors.safe_open(str(file), framework="np") as opened:
            metadata: dict[str, str] = opened.metadata() or {}
            if metadata.get("imagefeed") == kind:
                return json.loads(metadata["about"]), {name: opened.get_tensor(name) for name in list(opened.keys())}
    except (safetensors.SafetensorError, OSError) as error:
        raise _not_ours(file, kind) from error
    raise _not_ours(file, kind)


def write_index(file: Path, kind: str, about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a file, whole or not at all: another process sees the old one or the new one."""
    safetensors = _safetensors()
    metadata = {"imagefeed": kind, "about": json.dumps(about)}
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.unfinished")
    try:
        safetensors.numpy.save_file(
            {name: np.ascontiguousarray(value) for name, value in arrays.items()}, str(unfinished), metadata
        )
        os.replace(unfinished, file)
    except (safetensors.SafetensorError, OSError) as error:
        raise SourceError(f"{file}: the index cannot be written ({error}); choose another place for it") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _safetensors() -> Any:
    """The package, not before it is needed. It has no types, which a type checker is spared."""
    import_module("safetensors.numpy")
    return import_module("safetensors")


def _not_ours(file: Path, kind: str) -> SourceError:
    return SourceError(f"{file}: is not a {kind}; delete it, or name another file for the index")
