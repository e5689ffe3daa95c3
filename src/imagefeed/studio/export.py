"""A pipeline as Python, as JSON and as a safetensors file; and back."""

from __future__ import annotations

import tempfile
from pathlib import Path

from imagefeed import spec
from imagefeed.errors import SpecError
from imagefeed.pipeline import Pipeline
from imagefeed.studio.catalog import NAMES

FILE_NAME = "pipeline.safetensors"


def as_python(pipeline: Pipeline) -> str:
    """The text of a program that makes the pipeline; one that loads it, where it has arrays or functions in it."""
    if not _written_out(pipeline):
        return (
            "# It holds arrays or functions of yours: save it beside this program.\n"
            f'import imagefeed as feed\n\npipeline = feed.Pipeline.load("{FILE_NAME}")\n'
        )
    text = repr(pipeline)
    names = [name for name in (*NAMES, "Pipeline") if f"{name}(" in text]
    names = [name for name in names if _whole_word(name, text)]
    return f"from imagefeed import {', '.join(sorted(names))}\n\npipeline = {text}\n"


def as_file(pipeline: Pipeline, suffix: str) -> bytes:
    """The bytes of the file that `Pipeline.load` reads.

    Args:
        pipeline: What is in it.
        suffix: ".safetensors" or ".json".

    Raises:
        SpecError: It cannot be written; as JSON, since it holds arrays.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"pipeline{suffix}"
        pipeline.save(path)
        return path.read_bytes()


def from_bytes(content: bytes) -> Pipeline:
    """What `as_file` wrote.

    Raises:
        SpecError: It is something else.
    """
    # A safetensors file begins with the length of its header, which as text would be astronomically large.
    is_text = int.from_bytes(content[:8], "little") > len(content)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("pipeline.json" if is_text else FILE_NAME)
        path.write_bytes(content)
        try:
            return Pipeline.load(path)
        except SpecError as error:
            raise SpecError(str(error).replace(f"{path}: ", "")) from error


def _written_out(pipeline: Pipeline) -> bool:
    """Whether the pipeline's repr makes it again."""
    try:
        document = spec.encode(pipeline)
    except SpecError:
        return False
    return not document.tensors and '{"function":' not in document.text


def _whole_word(name: str, text: str) -> bool:
    import re

    return re.search(rf"(?<!\w){name}\(", text) is not None
