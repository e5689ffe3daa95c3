"""The primitive pixel operations, as values.

An op holds what is to be done to a group of n records: its arrays have a leading axis of n, or of 1 where all
records share the value. Arrays belong to whatever array API library lowered them. docs/architecture.md states
what each op means to the pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.checks import is_tuple
from imagefeed.errors import PlanError, SpecError
from imagefeed.types import Array, Border, Interpolation, Namespace, Sampling

AppliedTo: TypeAlias = Literal["image", "mask", "batch"]
"""What a Python function works on."""

Extent: TypeAlias = tuple[Array, Array]
"""(height, width) of n pictures: two float arrays of shape (n,) or (1,)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Warp:
    """Geometry: a new picture whose every pixel is taken from a place in the old one.

    Attributes:
        matrix: Float (n, 3, 3); maps output points (x, y, 1) to input points, in continuous coordinates.
        size: Integers (n, 2): height and width of the result; None where it is that of the input.
        interpolation: None where the matrix moves whole pixels to whole pixels.
        border: What lies outside the picture; None where that is never read.
        fill: The level, 0 to 255, of a constant border.
        antialias: Whether to average over all the pixels that fall into one, where the warp shrinks.
    """

    matrix: Array
    size: Array = None
    interpolation: Interpolation | None
    border: Border | None
    fill: float = 0.0
    antialias: bool = True

    def masked(self, mask: Array, extent: Extent, xp: Namespace) -> Warp:
        """The same warp, which leaves the records where `mask` (n,) is false at their size `extent`."""
        identity = xp.asarray([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]], dtype=self.matrix.dtype)
        size = self.size
        if size is not None:
            before = xp.astype(xp.stack(xp.broadcast_arrays(*extent), axis=-1), size.dtype)
            size = xp.where(mask[:, None], size, before)
        return replace(self, matrix=xp.where(mask[:, None, None], self.matrix, identity), size=size)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColorMatrix:
    """`clip(matrix[:, :3] @ rgb + matrix[:, 3], low, high)`, in levels from 0 to 255.

    Attributes:
        matrix: Float (n, 3, 4).
        low: Float (n, 3), at least 0.
        high: Float (n, 3), at most 255.
        diagonal: Whether every channel depends on itself alone.
    """

    matrix: Array
    low: Array
    high: Array
    diagonal: bool

    def masked(self, mask: Array, extent: Extent, xp: Namespace) -> ColorMatrix:
        """The same op, which does nothing to the records where `mask` (n,) is false."""
        identity = xp.asarray(
            [[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]], dtype=self.matrix.dtype
        )
        return replace(
            self,
            matrix=xp.where(mask[:, None, None], self.matrix, identity),
            low=xp.where(mask[:, None], self.low, 0.0),
            high=xp.where(mask[:, None], self.high, 255.0),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lut:
    """`table[round(level)]`, channel by channel.

    Attributes:
        table: uint8 (n, 256, C); C is 1 where the channels share a table.
    """

    table: Array

    def masked(self, mask: Array, extent: Extent, xp: Namespace) -> Lut:
        """The same op, which only rounds the records where `mask` (n,) is false."""
        identity = xp.astype(xp.arange(256), self.table.dtype)[None, :, None]
        return replace(self, table=xp.where(mask[:, None, None], self.table, identity))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Normalize:
    """`value * scale + bias`: from levels to a model's units. Only another of its kind, or a Whiten, may follow.

    Attributes:
        scale: Float (C,), or (height, width, C) for a value at every place; C is 1 where the channels share it.
        bias: Float, of the same kinds.
        reverse: Whether the channels are first put in reverse order, from RGB to BGR; a gray picture has but one.
    """

    scale: Array
    bias: Array
    reverse: bool = False

    def masked(self, mask: Array, extent: Extent, xp: Namespace) -> Normalize:
        """Raises SpecError: a batch has one unit."""
        raise SpecError("Normalize: a batch has one unit; put it at the end of the pipeline")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whiten:
    """`rest * v + (v @ analysis) @ synthesis`, where v is a picture as one row of d values. Nothing may follow.

    Attributes:
        shape: (height, width, channels) of the pictures, of d values together.
        analysis: Float (d, k).
        synthesis: Float (k, d); None for `v @ analysis` itself, followed by d - k zeros.
        rest: What all that lies outside of the k directions is multiplied by; 0 without a synthesis.
    """

    shape: tuple[int, int, int]
    analysis: Array
    synthesis: Array | None = None
    rest: float = 0.0

    def masked(self, mask: Array, extent: Extent, xp: Namespace) -> Whiten:
        """Raises SpecError: a batch has one unit."""
        raise SpecError("Whiten: a batch has one unit; put it at the end of the pipeline")


def dtypes(**dtypes: type[np.generic]) -> Mapping[str, type[np.generic]]:
    """What `Effect.DTYPES` holds."""
    return MappingProxyType(dtypes)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effect:
    """What all effects share.

    Attributes:
        active: bool (n,): the records it is done to; None for all. The others are left as they are, unrounded.
        DTYPES: The array fields, and the dtypes that they have in a plan.
    """

    active: Array | None = None
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = dtypes()

    def masked(self, mask: Array, extent: Extent, xp: Namespace) -> Effect:
        """The same op, which does nothing to the records where `mask` (n,) is false."""
        return replace(self, active=mask if self.active is None else self.active & mask)

    def add_to(self, program: _native.Program) -> None:
        """Add it to the pass of a native program that was begun last.

        Raises:
            PlanError: It has no native form.
        """
        raise PlanError(f"{type(self).__name__} has no native form")

    def in_plan(self, as_array: Any) -> Effect:
        """The same op, its arrays as a plan promises them: `as_array(array, dtype)` makes each."""
        arrays = {name: as_array(getattr(self, name), dtype) for name, dtype in self.DTYPES.items()}
        active = None if self.active is None else as_array(self.active, np.bool_)
        return replace(self, active=active, **arrays)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Remap(Effect):
    """Geometry that no matrix describes: every place is read from a little beside it.

    Attributes:
        field: Float (n, gh, gw, 2): by how many pixels, (x, y), the place that is read lies beside each node of a grid.
            The nodes are spread evenly, the outermost on the picture's edges.
        smooth: Whether a uniform cubic B-spline runs over the nodes, or else planes between them.
        interpolation: How pixels are read.
        border: What lies outside the picture.
        fill: The level, 0 to 255, of a constant border.
    """

    field: Array
    smooth: bool
    interpolation: Sampling = "bilinear"
    border: Border = "reflect"
    fill: float = 0.0
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = dtypes(field=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blend(Effect):
    """A weighted sum of the picture and of what several chains of ops make of it. None may change its size.

    Attributes:
        branches: The ops of each chain; in a plan, its passes.
        weights: Float (n, 1 + k): of the picture itself, and of each of the k chains.
    """

    branches: tuple[tuple[Any, ...], ...]
    weights: Array
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = dtypes(weights=np.float32)

    def masked(self, mask: Array, extent: Extent, xp: Namespace) -> Blend:
        """The same op, which leaves the records where `mask` (n,) is false as they are."""
        own = xp.where(mask[:, None], self.weights[:, :1], 1.0)
        chains = xp.where(mask[:, None], self.weights[:, 1:], 0.0)
        return replace(self, weights=xp.concat([own, chains], axis=1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Host:
    """A user's Python function on one rendered picture, on each mask of a record, or on a whole batch.

    Attributes:
        function: Takes what it works on, and a numpy Generator if there are seeds. A picture is an array (height,
            width, channels), a mask (height, width): uint8; float32 levels from 0 to 255 where they hold more than 8
            bits. A batch is its images and its targets.
        on: What it works on.
        seeds: Integers (n,), or None for a function without randomness.
        mask: bool (n,): which records it is called for; None for all.
    """

    function: Callable[..., Any]
    on: AppliedTo = "image"
    seeds: Array | None = None
    mask: Array | None = None

    def masked(self, mask: Array, extent: Extent, xp: Namespace) -> Host:
        """The same op, which is not called for the records where `mask` (n,) is false."""
        return replace(self, mask=mask if self.mask is None else self.mask & mask)

    @property
    def name(self) -> str:
        """The step, for messages."""
        return f"Apply({getattr(self.function, '__qualname__', repr(self.function))})"

    def row(self, row: int) -> Host:
        """The same op for one record, as its row 0."""
        seeds, mask = (None if one is None else one[row : row + 1] for one in (self.seeds, self.mask))
        return replace(self, seeds=seeds, mask=mask)

    def __call__(self, given: Any, row: int) -> Any:
        """Call the function for one row.

        Args:
            given: A picture (height, width, channels); the masks of a record, a list of (height, width); or a batch, a
                tuple of images and targets.
            row: Which of the n records it is; 0 for a batch.

        Returns:
            The same kind of thing.

        Raises:
            SpecError: The function returned something that is not of this kind.
        """
        if self.mask is not None and not self.mask[row]:
            return given
        if self.on == "image":
            return self._checked(self._result(row, given), given)
        if self.on == "mask":
            return [self._checked(self._result(row, mask), mask) for mask in given]
        return self._checked_batch(self._result(row, *given), len(given[0]))

    def _result(self, row: int, *given: Any) -> Any:
        if self.seeds is None:
            return self.function(*given)
        # Every mask of a record has the same numbers.
        return self.function(*given, np.random.default_rng(int(self.seeds[row])))

    def _checked(self, result: Any, given: NDArray[Any]) -> NDArray[Any]:
        if type(result) is not np.ndarray:
            raise self._wrong(type(result).__name__, "a NumPy array")
        array: NDArray[Any] = result
        fits = array.ndim == 3 and 0 not in array.shape if self.on == "image" else array.shape == given.shape
        if array.dtype != given.dtype or not fits:
            shape = "(height, width, channels)" if self.on == "image" else f"of shape {given.shape}, as the mask is"
            raise self._wrong(f"{array.dtype} of shape {array.shape}", f"{given.dtype} {shape}")
        return np.ascontiguousarray(array)

    def _checked_batch(self, result: Any, count: int) -> tuple[NDArray[Any], Any]:
        if not is_tuple(result) or len(result) != 2 or type(result[0]) is not np.ndarray:
            raise self._wrong(type(result).__name__, "a tuple of images, a NumPy array, and targets")
        if len(result[0]) != count:
            raise self._wrong(f"{len(result[0])} images", f"{count}, as many as there were")
        return result[0], result[1]

    def _wrong(self, got: str, expected: str) -> SpecError:
        return SpecError(f"{self.name}: returned {got}; expected {expected}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mix:
    """One picture from the pictures of k records: layers, of which each later one lies on those before.

    The first layer is the record's own picture. It ends a stage, and is no `Op`: it works across records.

    Attributes:
        size: Integers (n, 2) or (1, 2), height and width of the result; None for those of the first layer.
        matrix: Float (n, k, 3, 3); maps points of the result to points of each layer's picture.
        place: Float (n, k, 4), whole numbers: the part (y0, x0, y1, x1) of the result where each layer is.
        weight: Float (n, k), how much is seen there of each layer: 1 all, 0 nothing, and then it is never read.
        share: Float (n, k), how much each layer counts for the labels; 1 altogether.
        blends: Whether a weight can lie between 0 and 1.
        union: bool (n,), or one for all: whether several labels of a record become those that any layer has, or their
            shares are added.
        pasted: bool (n, 256), which numbers of a mask are laid over the first layer; None for whole layers.
        through: The name of that mask among the targets.
        ids: The attribute by which boxes belong to the mask's numbers; None for their labels.
        antialias: Whether to average over all the pixels that fall into one, where a layer shrinks.
    """

    size: Array = None
    matrix: Array
    place: Array
    weight: Array
    share: Array
    blends: bool = False
    union: Array = False
    pasted: Array = None
    through: str = ""
    ids: str | None = None
    antialias: bool = True

    def masked(self, mask: Array, extent: Extent, xp: Namespace) -> Mix:
        """The same, which leaves the records where `mask` (n,) is false as they are, of their `extent` (n, k)."""
        layers = self.weight.shape[1]
        first = xp.arange(layers) == 0
        height, width = extent[0][:, :1], extent[1][:, :1]
        whole = xp.stack([height * 0.0, width * 0.0, height, width], axis=-1)
        size = self.size
        if size is not None:
            own = xp.astype(xp.concat([height, width], axis=1), size.dtype)
            size = xp.where(mask[:, None], size, own)
        identity = xp.eye(3, dtype=self.matrix.dtype)
        alone = xp.astype(first, self.weight.dtype)[None, :]
        return replace(
            self,
            size=size,
            matrix=xp.where(mask[:, None, None, None], self.matrix, identity),
            place=xp.where(mask[:, None, None], self.place, xp.where(first[None, :, None], whole, 0.0)),
            weight=xp.where(mask[:, None], self.weight, alone),
            share=xp.where(mask[:, None], self.share, alone),
        )


def one_of(mixes: Sequence[Mix], chosen: Sequence[Array], extent: Extent, xp: Namespace) -> Mix:
    """The mix that is one of several for each record.

    Args:
        mixes: Of the same records, with as many layers as each has. None pastes things.
        chosen: bool (n,) for each: which records it is for; no record is in two, and one in none gets any of them.
        extent: Height and width of all layers' pictures, (n, k), k being the most layers that a mix has.
        xp: The array API namespace.

    Raises:
        SpecError: They sample differently.
    """
    if len({mix.antialias for mix in mixes}) > 1:
        raise SpecError("some of these mixes have antialias=True, others False; give all the same")
    layers, own = extent[0].shape[1], xp.stack([extent[0][:, 0], extent[1][:, 0]], axis=-1)
    every = [_with_layers(mix, layers, own, xp) for mix in mixes]
    result = every[0]
    for mix, here in zip(every[1:], chosen[1:], strict=True):
        result = replace(
            result,
            size=xp.where(here[:, None], mix.size, result.size),
            matrix=xp.where(here[:, None, None, None], mix.matrix, result.matrix),
            place=xp.where(here[:, None, None], mix.place, result.place),
            weight=xp.where(here[:, None], mix.weight, result.weight),
            share=xp.where(here[:, None], mix.share, result.share),
            union=xp.where(here, mix.union, result.union),
            blends=result.blends or mix.blends,
        )
    return replace(result, size=None) if all(mix.size is None for mix in mixes) else result


def _with_layers(mix: Mix, layers: int, own: Array, xp: Namespace) -> Mix:
    """The same mix, with a size, and with more layers, of which nothing is seen."""
    count, more = own.shape[0], layers - mix.weight.shape[1]
    nothing = xp.zeros((count, more), dtype=mix.weight.dtype)
    empty = xp.zeros((count, more, 4), dtype=mix.place.dtype)
    identity = xp.broadcast_to(xp.eye(3, dtype=mix.matrix.dtype), (count, more, 3, 3))
    size = xp.astype(own, xp.int64) if mix.size is None else xp.broadcast_to(mix.size, (count, 2))
    return replace(
        mix,
        size=size,
        matrix=xp.concat([mix.matrix, identity], axis=1),
        place=xp.concat([mix.place, empty], axis=1),
        weight=xp.concat([mix.weight, nothing], axis=1),
        share=xp.concat([mix.share, nothing], axis=1),
        union=xp.broadcast_to(xp.asarray(mix.union), (count,)),
    )


Op: TypeAlias = Warp | ColorMatrix | Lut | Normalize | Whiten | Host | Effect


def extent_after(op: Op, extent: Extent, xp: Namespace) -> Extent:
    """The extent of pictures of a given extent once `op` is done."""
    if not isinstance(op, Warp) or op.size is None:
        return extent
    size = xp.astype(op.size, op.matrix.dtype)
    return size[:, 0], size[:, 1]
