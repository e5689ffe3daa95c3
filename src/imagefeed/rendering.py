"""Pictures at prediction time, without a source or an epoch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed.decode import Color, check_color
from imagefeed.loader import Loader
from imagefeed.memory import available_cores
from imagefeed.pipeline import Pipeline
from imagefeed.sources import Files
from imagefeed.stored import PictureLike
from imagefeed.types import Dtype, Layout


def render(
    pictures: PictureLike | Sequence[PictureLike],
    pipeline: Pipeline,
    *,
    dtype: Dtype | None = None,
    layout: Layout = "nhwc",
    color: Color = "rgb",
) -> NDArray[Any]:
    """A batch of some pictures, as the deterministic form of a pipeline makes them: what a model predicts from.

        >>> from imagefeed import Pipeline, Rescale, Resize, render
        >>> render(tiny_jpeg, Pipeline([Resize((32, 32)), Rescale(1 / 255)])).shape
        (1, 32, 32, 3)

    Args:
        pictures: One picture or several: a path, the bytes of a file, or an array (height, width, channels)
            each, as for `arrays`.
        pipeline: What is done; its random steps are left out.
        dtype: As for `Loader`.
        layout: As for `Loader`.
        color: What encoded pictures become.

    Returns:
        (n, height, width, channels), or channels first; n is 1 for one picture.

    Raises:
        DecodeError: A picture cannot be read.
        PlanError: They do not come out in one size.
    """
    check_color("render(color=)", color)
    one = isinstance(pictures, str | bytes | os.PathLike | np.ndarray)
    source = Files([pictures] if one else list(pictures), color=color)
    threads = min(len(source), available_cores())
    loader = Loader(
        source, pipeline.deterministic(), batch_size=len(source), dtype=dtype, layout=layout, threads=threads
    )
    return next(iter(loader))
