"""The deterministic part of a pipeline as an ONNX file."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import numpy as np

from imagefeed._version import __version__
from imagefeed.adapters.onnx_namespace import OPSET, Graph, OnnxNamespace, Tensor
from imagefeed.errors import SpecError
from imagefeed.inmodel import InFramework
from imagefeed.pipeline import Pipeline
from imagefeed.types import Layout, Size
from imagefeed.writing import written

onnx: Any = import_module("onnx")


def to_onnx(
    pipeline: Pipeline, path: str | os.PathLike[str], *, layout: Layout, size: Size | None, channels: int
) -> None:
    """Write the file: see `Pipeline.to_onnx`."""
    form = InFramework(pipeline.deterministic())
    if form.count:
        raise SpecError("to_onnx: what stands for the pipeline at serving draws random numbers, which a file cannot")
    graph = Graph()
    xp = OnnxNamespace(graph)
    height, width = (None, None) if size is None else size
    pictures = Tensor(graph, "pictures", np.uint8, (None, height, width, channels))
    result = form(pictures, None, xp)
    if layout == "nchw":
        result = xp.permute_dims(result, (0, 3, 1, 2))
    # A node of its own, so that the result has its name even if nothing is done.
    graph.nodes.append(onnx.helper.make_node("Identity", [result.name], ["prepared"]))
    after = form.size_after(size) or (None, None)
    sizes = (*after, channels) if layout == "nhwc" else (channels, *after)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "imagefeed",
            [_value("pictures", onnx.TensorProto.UINT8, ("n", height or "height", width or "width", channels))],
            [_value("prepared", onnx.TensorProto.FLOAT, ("n", *sizes))],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=8,  # what goes with this opset; the package writes its newest otherwise
        producer_name="imagefeed",
        producer_version=__version__,
    )
    onnx.checker.check_model(model, full_check=True)
    with written(path) as partial:
        onnx.save(model, partial, format="protobuf")


def _value(name: str, kind: int, shape: tuple[Any, ...]) -> Any:
    return onnx.helper.make_tensor_value_info(name, kind, list(shape))
