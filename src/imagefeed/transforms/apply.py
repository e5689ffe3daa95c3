"""A Python function in a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, get_args

from imagefeed.checks import check_bool, check_choice, fail
from imagefeed.ops import AppliedTo, Extent, Host, Op
from imagefeed.transforms.base import NO_VARIABLES, Drawn, Role, Transform
from imagefeed.transforms.choosing import is_transform_class
from imagefeed.types import Namespace
from imagefeed.variables import Integers, Variable


@dataclass(frozen=True, slots=True)
class Apply(Transform):
    """A Python function on each picture, on its masks, or on whole batches.

    It runs in threads, or with `Loader(processes=n)` in processes. On pictures and masks the function is called with
    one at a time, as it is at this step, and splits the native work in two: put it where the picture is small. On
    batches it must stand at the end of the pipeline, after the units: it is given what the batch would have been. No
    model can hold it: it is the `Loader`'s.

        >>> import numpy as np
        >>> from imagefeed import Loader, Mask, Pipeline, Resize, arrays
        >>> def merged(mask):
        ...     return np.minimum(mask, 1)
        >>> def summed(images, targets):
        ...     return images, {"mask": targets, "share": targets.mean(axis=(1, 2))}
        >>> source = arrays(np.zeros((2, 8, 8, 3), np.uint8), Mask(np.full((2, 8, 8), 7, np.uint8)))
        >>> pipeline = Pipeline([Apply(merged, on="mask"), Resize((4, 4)), Apply(summed, on="batch")])
        >>> images, targets = next(iter(Loader(source, pipeline)))
        >>> targets["share"].tolist()
        [1.0, 1.0]

    Attributes:
        function: Takes, and returns, what `on` says; and takes a generator last, if random. It must not write into the
            picture or the mask that it is given.
        on: "image": uint8 (height, width, channels), or float32 levels from 0 to 255 where pictures hold more than 8
            bits; what it returns may have another size, where no masks, boxes or points go with it. "mask": each `Mask`
            of a record, (height, width), whose size stays. "batch": images and targets, two arguments, as the loader
            would give them; it returns the two, with as many records, which may then depend on one another.
        random: Whether the function is given a numpy.random.Generator, seeded for this record (or batch) and step. A
            function without one must be deterministic, and is then part of the deterministic pipeline.
    """

    function: Callable[..., Any]
    _: KW_ONLY
    on: AppliedTo = "image"
    random: bool = False

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise fail("Apply.function", self.function, "expected a function of one picture")
        if isinstance(self.function, Transform) or is_transform_class(self.function):
            raise fail("Apply.function", self.function, "a transform is a step by itself")
        check_choice("Apply.on", self.on, get_args(AppliedTo))
        check_bool("Apply.random", self.random)

    @property
    def role(self) -> Role:
        return "batch" if self.on == "batch" else "host"

    def variables(self) -> Mapping[str, Variable]:
        if not self.random:
            return NO_VARIABLES
        # As many values as a uniform number has bits of precision.
        return {"seed": Integers(0, 2**53 - 1, per="batch" if self.on == "batch" else "sample")}

    def lower(self, drawn: Drawn, extent: Extent, xp: Namespace) -> tuple[Op, ...]:
        return (Host(function=self.function, on=self.on, seeds=drawn.seed if self.random else None),)

    def __repr__(self) -> str:
        """The call that makes this transform, where the function is known by its name."""
        name = getattr(self.function, "__qualname__", repr(self.function))
        on = "" if self.on == "image" else f", on={self.on!r}"
        return f"Apply({name}{on}{', random=True' if self.random else ''})"
