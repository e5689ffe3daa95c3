"""How the targets of a group of records follow its plans.

Points are moved here, in NumPy; masks and second pictures are rendered by the native core, by the geometry of the
plan of the pictures that they go with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.checks import fail
from imagefeed.decode import CHANNELS, Color, png_form
from imagefeed.errors import DecodeError, SpecError
from imagefeed.ops import ColorMatrix, Lut, Mix, Normalize, Op, Remap, Warp
from imagefeed.plan import Pass, Plan
from imagefeed.program import PLAIN, store
from imagefeed.stored import LevelsDtype, levels_dtype, stage
from imagefeed.targets import (
    Bend,
    Boxes,
    Cut,
    Image,
    Keypoints,
    Label,
    Layers,
    Mask,
    Motion,
    Move,
    Moving,
    MovingBoxes,
    Numbers,
    PictureTarget,
    Plain,
    Projection,
    TargetLike,
    Targets,
    Value,
    named,
    renamed,
)
from imagefeed.types import Dtype, Layout

Ints = NDArray[np.int64]

# The size of a picture that could not be read, within which every box lies.
BOUNDLESS = 2**30

_UNKNOWN_THING = 255
_MOST_THINGS = 254
# What is not 0 is 1.
_BINARY = Lut(table=np.minimum(np.arange(256), 1).astype(np.uint8)[None, :, None])
# Sums of weights may exceed the levels by a rounding.
_CLIP = ColorMatrix(
    matrix=np.eye(3, 4, dtype=np.float32)[None],
    low=np.zeros((1, 3), np.float32),
    high=np.full((1, 3), 255.0, np.float32),
    diagonal=True,
)
_SHARE = Normalize(scale=np.full(1, 1 / 255, np.float32), bias=np.zeros(1, np.float32))


@dataclass(slots=True)
class Companion:
    """The masks or second pictures of a group of records, under one name.

    Attributes:
        name: Of the target.
        target: For all records of the group.
        records: As the native core holds them.
        job: Which reads them.
        counts: Of a mask of things, how many each record's numbers go up to, int64 (n,); None where nobody said.
        shift: What gives the things of mixed pictures numbers of their own.
    """

    name: str
    target: Mask | Image
    records: _native.Records
    job: _native.Job
    counts: Ints | None = None
    shift: Lut | None = None

    @property
    def color(self) -> Color:
        """What encoded ones become."""
        return _color(self.target)

    @property
    def channels(self) -> int:
        """How many channels they have."""
        first = self.target.pictures[0]
        if isinstance(first, np.ndarray):
            return int(first[0, 0].size)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        return CHANNELS[self.color]

    @property
    def levels_dtype(self) -> LevelsDtype:
        """What holds their levels while they are made."""
        first = self.target.pictures[0]
        if isinstance(first, np.ndarray):
            return levels_dtype(first.dtype)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        return "float32" if self.color == "gray16" else "uint8"


class Following:
    """The targets of a group of records, from reading them to their place in batches."""

    def __init__(self, pool: _native.Pool, targets: Targets, most_pixels: int, classes: int) -> None:
        """
        Args:
            pool: Which reads the masks and second pictures.
            targets: What the source gave.
            most_pixels: The limit on a picture's width times height.
            classes: How many the source has; the numbers of which a bare array is taken to hold.
        """
        self._targets = targets
        self._named = named(targets)
        self._classes = classes
        self._moving: dict[str, Moving] | None = None
        self._made = False  # whether the pictures have been made by a plan, and are no longer what is stored
        self.companions = [
            _fetched(pool, name, target, most_pixels)
            for name, target in self._named.items()
            if isinstance(target, Mask | Image)
        ]

    @property
    def has_targets(self) -> bool:
        """Whether anything goes with the pictures."""
        return bool(self._named)

    def name(self, part: int, row: int, of: str) -> str:
        """What messages call part 1, 2, ... of a record: what goes with the picture called `of`, which is part 0."""
        return of if part == 0 else self.companions[part - 1].target.name(row, of)

    @property
    def moves(self) -> bool:
        """Whether anything depends on where a picture's pixels go."""
        return any(isinstance(target, PictureTarget | Boxes | Keypoints) for target in self._named.values())

    def mismatched(self, sizes: Ints, names: Sequence[str]) -> dict[int, DecodeError]:
        """What is not of the size of the picture that it goes with, by its row."""
        result: dict[int, DecodeError] = {}
        for companion in self.companions:
            theirs = companion.records.sizes()
            for row in np.flatnonzero((theirs != sizes).any(axis=1)).tolist():
                (h, w), (height, width) = theirs[row].tolist(), sizes[row].tolist()
                reason = f"is {h}x{w}, but its picture, {names[row]}, is {height}x{width}; they must have one size"
                result.setdefault(row, DecodeError(companion.target.name(row, names[row]), reason))
        return result

    def begin(self, sizes: Ints, names: Callable[[], Sequence[str]], bad: Sequence[int]) -> None:
        """Get ready what consists of points, in pictures of these sizes, int64 (n, 2). Only the first call counts.

        Args:
            sizes: Of the pictures as they are stored.
            names: Gives what they are called.
            bad: Those that could not be read.

        Raises:
            SourceError: A box or a point lies outside its picture.
        """
        if self._moving is not None:
            return
        self._moving = {}
        points = {k: v for k, v in self._named.items() if isinstance(v, Boxes | Keypoints)}
        if points:
            limits, known = sizes.copy(), names()
            limits[list(bad)] = BOUNDLESS
            self._moving = {name: target.begin(limits, known) for name, target in points.items()}

    def move(self, plan: Plan) -> None:
        """Move what consists of points as a plan says."""
        if self._moving:
            ops = [op for one in plan.passes for op in (one.warp, *one.ops)]
            motion = motion_of(ops, plan.sources, made=self._made)
            self._moving = {name: one.moved(motion) for name, one in self._moving.items()}
        self._made = True

    def hulls(self, ops: Sequence[Op], sizes: Ints) -> NDArray[np.float64]:
        """Where all boxes of each picture lie after some ops: left, top, right, bottom, (n, 4).

        Args:
            ops: What is done to the pictures.
            sizes: int64 (n, 2), of the pictures before.

        Returns:
            The middle of a picture that has none.

        Raises:
            SpecError: There are no boxes among the targets.
        """
        boxes = [one for one in (self._moving or {}).values() if isinstance(one, MovingBoxes)]
        if not boxes:
            raise SpecError("keeps boxes, but there are none among the targets; use RandomResizedCrop without them")
        motion = motion_of(ops, sizes, made=self._made)
        after = reduce(lambda size, op: _size_after(op, size), ops, sizes)
        every = np.stack([one.moved(motion).hulls(after) for one in boxes])
        hull = np.concatenate([every[..., :2].min(axis=0), every[..., 2:].max(axis=0)], axis=1)
        empty = (hull[:, 2:] < hull[:, :2]).any(axis=1, keepdims=True)
        return np.where(empty, np.tile(after[:, ::-1] * 0.5, 2), hull)

    def cut_out_by(self, mix: Mix) -> int | None:
        """Which of the companions says what is pasted; None where whole layers are mixed.

        Raises:
            SpecError: There is no such mask, or a mask cannot be mixed in this way.
        """
        for one in self.companions:
            if mix.blends and isinstance(one.target, Mask) and one.target.kind != "soft":
                kind = repr(one.target.kind)
                raise SpecError(f"MixUp: a Mask of kind {kind} cannot be blended; use CutMix or Mosaic, or kind='soft'")
        if mix.pasted is None:
            return None
        for number, one in enumerate(self.companions):
            if one.name == mix.through and isinstance(one.target, Mask) and one.target.is_numbered:
                return number
        names = ", ".join(map(repr, self._named)) or "none"
        raise fail(
            "CopyPaste.mask",
            mix.through,
            f"expected the name of a Mask of kind 'instance' or 'index' among the targets: {names}",
        )

    def renumber(self, mix: Mix) -> None:
        """Give the things of all records that are mixed into one picture numbers that no other of them has.

        Raises:
            SpecError: Nobody said how many there are, or there are more than a mask can hold.
        """
        masks = [one for one in self.companions if isinstance(one.target, Mask) and one.target.kind == "instance"]
        if len(masks) > 1:
            names = " and ".join(repr(one.name) for one in masks)
            raise SpecError(f"{names} are masks of things, but where pictures are mixed there can be one")
        for one in masks:
            offsets = _offsets(one, mix)
            self._moving = {
                name: moving.renumbered(offsets) if isinstance(moving, MovingBoxes) else moving
                for name, moving in (self._moving or {}).items()
            }

    def mix(self, plan: Plan, mix: Mix, laid: Sequence[NDArray[np.bool_]] | None) -> None:
        """Make the targets of several records those of one, as a plan mixes the pictures.

        Args:
            plan: Of the layers; `move` has been called with it.
            mix: What it ends in.
            laid: The pixels of each picture that are pasted; None where whole layers are.

        Raises:
            SpecError: A target cannot be mixed.
        """
        layers = Layers(
            place=mix.place,
            weight=mix.weight,
            share=mix.share,
            union=mix.union,
            pasted=mix.pasted,
            ids=mix.ids,
            laid=laid,
        )
        self._moving = {name: one.mixed(plan.sizes, layers) for name, one in (self._moving or {}).items()}
        for name, target in self._named.items():
            if isinstance(target, np.ndarray):
                self._named[name] = _numbers(target, self._classes).mixed(layers).values
            elif isinstance(target, Numbers):
                self._named[name] = target.mixed(layers)

    def finish(self, sizes: Ints) -> None:
        """Nothing moves from here on: pictures have come to their final sizes, int64 (n, 2)."""
        for name, one in (self._moving or {}).items():
            self._named[name] = one.finished(sizes)

    def batch(self, rows: Ints, rendered: dict[str, NDArray[Any]]) -> Any:
        """What a batch of some rows of the group holds; `rendered` are its masks and second pictures."""
        result: dict[str, Plain] = {}
        for name, target in self._named.items():
            result[name] = _shaped(target, rendered[name]) if name in rendered else _plain(target, rows)
        return renamed(result, self._targets)


def motion_of(ops: Sequence[Op | None], sizes: Ints, *, made: bool) -> Motion:
    """Where some ops move points.

    Args:
        ops: In order; what is None does nothing.
        sizes: int64 (n, 2), of the pictures before.
        made: Whether these were made by a plan before, and have lost what lies outside of them.
    """
    moves: list[Move] = []
    for op in ops:
        if not isinstance(op, Warp | Remap):
            continue
        if made:
            moves.append(Cut(sizes))
        made = True
        if isinstance(op, Remap):
            moves.append(Bend(op.field, op.smooth, sizes, op.active))
            continue
        backward: NDArray[np.float64] = op.matrix
        forward: NDArray[Any] = np.linalg.inv(backward / backward[:, 2:, 2:])
        moves.append(Projection(np.broadcast_to(forward, (len(sizes), 3, 3))))
        sizes = _size_after(op, sizes)
    return Motion(moves)


def _size_after(op: Op | None, sizes: Ints) -> Ints:
    """The sizes of pictures, int64 (n, 2), after an op."""
    return np.broadcast_to(op.size, sizes.shape) if isinstance(op, Warp) and op.size is not None else sizes


# ------------------------------------------------------------------------------------------------ pictures


def companion_program(
    plan: Plan | None,
    target: PictureTarget,
    count: int,
    *,
    dtype: Dtype,
    layout: Layout,
    last: bool,
    shift: Lut | None = None,
) -> _native.Program:
    """The native program by which a mask or a second picture follows a plan.

    Args:
        plan: Of the pictures; None for nothing but storing.
        target: What follows.
        count: How many records there are.
        dtype: What is stored.
        layout: How it is stored.
        last: Whether this is what the batch holds, or still what is stored.
        shift: What becomes of the numbers of a mask.
    """
    passes = [PLAIN] if plan is None else [_following(one, target) for one in plan.passes]
    if shift is not None:
        passes[-1] = Pass(passes[-1].warp, (shift,))
    if last and isinstance(target, Mask) and not target.is_numbered:
        end = (_BINARY,) if target.kind == "binary" else (_CLIP, _SHARE)
        passes[-1] = Pass(passes[-1].warp, (*passes[-1].ops, *end))
    color = isinstance(target, Image) and target.color == "rgb"
    native = store(passes, count, color=color, dtype=dtype, layout=layout)
    if plan is not None:
        native.region(np.ascontiguousarray(plan.region), np.ones(1, np.int64))
    return native


def batch_form(target: PictureTarget, dtype: Dtype, layout: Layout) -> tuple[Dtype, Layout]:
    """The dtype and layout of what a batch holds of a mask or a second picture."""
    if not isinstance(target, Mask):
        return dtype, layout
    return ("uint8", "nhwc") if target.is_numbered else ("float32", layout)


def _following(one: Pass, target: PictureTarget) -> Pass:
    """A pass over a picture, as what goes with it follows it."""
    if isinstance(target, Image) and target.follow == "everything":
        return one
    warp, bends = one.warp, [op for op in one.ops if isinstance(op, Remap)]
    if target.nearest:
        warp = None if warp is None else replace(warp, interpolation="nearest", antialias=False)
        bends = [replace(bend, interpolation="nearest") for bend in bends]
    if isinstance(target, Mask):
        warp = None if warp is None else replace(warp, fill=target.fill)
        bends = [replace(bend, fill=target.fill) for bend in bends]
    return Pass(warp, tuple(bends))


def _fetched(pool: _native.Pool, name: str, target: Mask | Image, most_pixels: int) -> Companion:
    records = _native.Records(len(target))
    files = stage(records, target.stored())
    counts = target.counts if isinstance(target, Mask) else None
    job = pool.fetch(records, files, most_pixels, png_form(_color(target)))
    return Companion(name, target, records, job, counts)


def _color(target: Mask | Image) -> Color:
    if isinstance(target, Image):
        return target.color
    return "gray" if target.kind == "soft" else "index"


def _offsets(one: Companion, mix: Mix) -> Ints:
    """By how much the numbers of each record's things rise, int64 (n·k,), which is noted in the companion."""
    if one.counts is None:
        raise SpecError(
            f"the mask {one.name!r} numbers the things of each picture from 1; for a picture made of several, it must "
            "say how many there are: Mask(..., counts=...)"
        )
    seen = np.where(mix.weight.T > 0, one.counts.reshape(mix.weight.T.shape), 0)  # (k, n)
    total = seen.sum(axis=0)
    if total.max(initial=0) > _MOST_THINGS:
        raise SpecError(f"a mixed picture has {total.max()} things, but a mask can number {_MOST_THINGS} of them")
    offsets = (np.cumsum(seen, axis=0) - seen).reshape(-1)
    numbers = np.arange(256)
    known = (numbers > 0) & (numbers <= one.counts[:, None])
    table = np.where(known, numbers + offsets[:, None], np.where(numbers == 0, 0, _UNKNOWN_THING))
    one.counts, one.shift = total, Lut(table=table.astype(np.uint8)[..., None])
    return offsets


def _numbers(array: NDArray[Any], classes: int) -> Numbers:
    """What a bare array holds: the classes of the source, or any numbers."""
    is_label = array.ndim == 1 and array.dtype.kind in "iu"
    return Label(array, classes=classes or None) if is_label else Value(array)


def _shaped(target: TargetLike, rendered: NDArray[Any]) -> NDArray[Any]:
    """Class numbers have no axis of channels."""
    return rendered[..., 0] if isinstance(target, Mask) and target.is_numbered else rendered


def _plain(target: TargetLike, rows: Ints) -> Any:
    if isinstance(target, Numbers | Boxes | Keypoints):
        return target.take(rows).batch()
    return target[rows] if isinstance(target, np.ndarray) else None
