"""Where a pipeline is cut in two by a cache: what is done before a picture is kept, and what after."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imagefeed.cache import Cache, Kind
from imagefeed.decode import Color
from imagefeed.errors import ImagefeedError
from imagefeed.footprint import shrink
from imagefeed.ops import Extent, Op, Warp
from imagefeed.pipeline import Pipeline, Stage, Step
from imagefeed.plan import Plan, plan
from imagefeed.transforms import Transform
from imagefeed.transforms.base import Drawn
from imagefeed.transforms.matrices import affine
from imagefeed.types import Namespace

_VERSION = 1
# What is kept beyond the least that the widest view of a random pipeline needs; narrower views use it. Not where room
# matters, which is what JPEG is for.
SURPLUS = 8 / 7
# A landscape to try pipelines on, and how far its corners may be off where a crop is rounded to whole pixels.
_TRIED = (300, 400)
_ROUNDING = 2.0


@dataclass(frozen=True, slots=True)
class _ShortSide(Transform):
    """Shrink a picture whose short side is longer; leave the others alone.

    Attributes:
        length: In pixels.
    """

    length: int

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        factor = xp.maximum(xp.minimum(extent[0], extent[1]) / self.length, xp.ones_like(extent[0]))
        height, width = xp.round(extent[0] / factor), xp.round(extent[1] / factor)
        matrix = affine(extent[1] / width, 0.0, 0.0, 0.0, extent[0] / height, 0.0, xp)
        size = xp.astype(xp.stack([height, width], axis=-1), xp.int64)
        return (Warp(matrix=matrix, size=size, interpolation="bilinear", border=None, antialias=True),)


@dataclass(frozen=True, slots=True, eq=False)
class CachePoint:
    """A pipeline in two parts.

    Attributes:
        before: What is done to a picture before it is kept.
        after: What is done to it every time.
        words: What is kept, for people.
    """

    before: Stage
    after: tuple[Stage, ...]
    words: str

    def digest(self, cache: Cache, kind: Kind, color: Color) -> bytes:
        """What a value depends on besides the stored picture."""
        steps = [repr(step.transform) for step in self.before.steps]
        parts = (_VERSION, steps, self.before.scalable, color, kind, cache.quality if kind == "jpeg" else None)
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()


def cache_point(pipeline: Pipeline, cache: Cache) -> CachePoint:
    """Where a pipeline is cut: after the steps before the first random one; where there are none, after a shrinking.

    A Python function ends what can be kept, since nobody knows when it changes; so does a step that leaves the levels.
    """
    count = 0
    for step in pipeline.steps:
        if step.role != "pixels" or step.variables():
            break
        count += 1
    if count:
        words = f"after {', '.join(type(step).__name__ for step in pipeline.steps[:count])}"
        steps = tuple(Step.of(number, step) for number, step in enumerate(pipeline.steps[:count]))
        return CachePoint(Stage.of(steps, scalable=False), pipeline.stages(count), words)
    side = cache.short_side or useful_short_side(pipeline, 1.0 if cache.store == "jpeg" else SURPLUS)
    return shrunk_point(pipeline, side, scalable=pipeline.training and pipeline.is_random)


def shrunk_point(pipeline: Pipeline, side: int | None, *, scalable: bool) -> CachePoint:
    """All of a pipeline is done after pictures are kept.

    Args:
        pipeline: What is done.
        side: The short side that larger pictures are shrunk to; None to keep them as they are.
        scalable: Whether they may be decoded at a fraction of their size for that.
    """
    if side is None:
        return CachePoint(Stage.of((), scalable=False), pipeline.stages(), "whole, as decoded")
    before = Stage.of((Step.of(-1, _ShortSide(side)),), scalable=scalable)
    return CachePoint(before, pipeline.stages(), f"whole, shrunk to a short side of {side} where it is longer")


def kept(pipeline: Pipeline, cache: Cache) -> tuple[Pipeline, int]:
    """What is done to a picture before a cache keeps it, as a pipeline; and how many of the steps that is."""
    before = [step.transform for step in cache_point(pipeline, cache).before.steps]
    return Pipeline(before, training=pipeline.training), sum(not isinstance(step, _ShortSide) for step in before)


def useful_short_side(pipeline: Pipeline, surplus: float = SURPLUS) -> int | None:
    """The short side that training can use, `surplus` times what the widest view needs; None where pictures must not be
    shrunk.

    They may be, where the first view is cut out of a picture by shares of its size and not by pixels: then a picture of
    twice the size gives the same view of it. That is tried out. The widest view is taken to be the deterministic one.
    """
    try:
        if not all(_is_scale_free(*pair) for pair in _tried(pipeline)):
            return None
        ((wide, _),) = _tried(pipeline.deterministic())
    except ImagefeedError:
        return None  # such a picture is not what the pipeline is for
    warp = wide.passes[0].warp
    if warp is None or warp.size is None or warp.interpolation is None:
        return None
    fewest = float(shrink(warp.matrix, warp.size).min())
    return round(surplus * min(_TRIED) / fewest) if fewest > 0 else None


def _tried(pipeline: Pipeline) -> Iterator[tuple[Plan, Plan]]:
    """The first stage, planned for some draws of a picture and of one twice as large."""
    stage = pipeline.stages()[0]
    keys = np.arange(16 if pipeline.is_random else 1)
    small = np.repeat([_TRIED], len(keys), axis=0)
    yield plan(stage, small, keys, seed=0, epoch=0), plan(stage, 2 * small, keys, seed=0, epoch=0)


def _is_scale_free(small: Plan, large: Plan) -> bool:
    one, two = small.passes[0].warp, large.passes[0].warp
    if one is None or two is None or one.size is None or two.size is None or (one.size != two.size).any():
        return False
    height, width = (float(side) for side in one.size.max(axis=0))
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]).T
    first, second = one.matrix @ corners, two.matrix @ corners
    seen = first[:, :2] / first[:, 2:], second[:, :2] / second[:, 2:]
    return bool((abs(seen[0] - seen[1] / 2) <= _ROUNDING).all())
