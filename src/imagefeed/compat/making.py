"""From pictures and draws to batches: one native render, then what Keras does in Python to levels and units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from imagefeed import _native
from imagefeed.compat.affine import BORDERS, FillMode, by_scipy, cast_like_scipy
from imagefeed.compat.defaults import DataFormat
from imagefeed.compat.draws import Draws, Floats, Ranges, draws, still
from imagefeed.compat.effects import brighten, shift_channels
from imagefeed.compat.geometry import continuous, cropped, flipped, identity, index_matrices
from imagefeed.compat.pictures import Ints, Pictures
from imagefeed.compat.standardize import Standardization
from imagefeed.compat.workers import wait, workers
from imagefeed.errors import DecodeError
from imagefeed.footprint import footprint
from imagefeed.ops import Warp

T = TypeVar("T")
Images = NDArray[Any]

_FLOAT32 = 2
# From how many bytes on a picture is worth a thread's while.
_LARGE = 1 << 16
_LAYOUTS: dict[str, int] = {"channels_last": 0, "channels_first": 1}
_BORDER_NAMES: dict[str, Any] = {"constant": "constant", "nearest": "replicate", "reflect": "reflect", "wrap": "wrap"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recipe:
    """All that a generator does to pictures.

    Attributes:
        ranges: What is drawn.
        augment: Whether it is drawn; otherwise pictures stay as they are.
        fill_mode: What lies outside of a picture.
        cval: The value for "constant".
        order: Of the interpolating spline.
        crop: (height, width) of a crop, or None.
        standardization: What is done last.
        data_format: Where batches have their channels.
        dtype: Of the batches.
        fixed: Whether the faults of Keras's generator are mended.
    """

    ranges: Ranges
    augment: bool = True
    fill_mode: FillMode = "nearest"
    cval: float = 0.0
    order: int = 1
    crop: tuple[int, int] | None = None
    standardization: Standardization
    data_format: DataFormat = "channels_last"
    dtype: np.dtype[Any]
    fixed: bool = False

    @property
    def moves(self) -> bool:
        """Whether any pixel may go elsewhere."""
        drawn = self.ranges
        return self.crop is not None or (self.augment and (drawn.warp or drawn.horizontal_flip or drawn.vertical_flip))

    @property
    def interpolates(self) -> bool:
        """Whether a warp may read between pixels."""
        return self.augment and self.ranges.warp

    @property
    def exact(self) -> bool:
        """Whether fractions are cut off afterwards, so that the last bit of a pixel decides about a level."""
        return self.interpolates and (self.ranges.brightness is not None or self.dtype.kind in "iu")

    @property
    def has_python(self) -> bool:
        """Whether something is done picture by picture in Python."""
        brightness = self.augment and self.ranges.brightness is not None
        return self.spline or brightness or self.standardization.function is not None

    @property
    def spline(self) -> bool:
        """Whether SciPy interpolates."""
        return self.interpolates and self.order > 1 and not self.fixed


def make(recipe: Recipe, pictures: Pictures, indices: Sequence[Ints], numbers: Sequence[Floats]) -> list[Images]:
    """Some batches.

    Args:
        recipe: What is done.
        pictures: Where the pictures come from.
        indices: The pictures of each batch, (b,).
        numbers: What was drawn for each batch, (b, columns).

    Returns:
        A batch for each, (b, height, width, channels) or channels first.
    """
    rows = np.concatenate(numbers)
    size = pictures.size
    drawn = draws(recipe.ranges, rows, *size) if recipe.augment else still(recipe.ranges, len(rows))
    everything = np.concatenate(indices)
    records = pictures.records(everything)
    matrix = _matrix(recipe, drawn, size) if recipe.moves else None
    native = _program(recipe, pictures, records, matrix)
    # Whether something stands between the pixels and their standardization.
    shifted = drawn.channel_shift is not None or drawn.brightness is not None
    between = recipe.spline or shifted or recipe.dtype != np.float32
    line = None if between else _line(recipe, pictures.channels)
    native.store(_FLOAT32, _LAYOUTS[recipe.data_format], *(line or ([1.0], [0.0])))
    rendered = _render(recipe, pictures, records, native, [len(one) for one in indices], everything)
    batches: list[Images] = []
    first = 0
    for batch in rendered:
        part = slice(first, first + len(batch))
        batches.append(
            _finish(recipe, batch, drawn, part, None if matrix is None else matrix[part], done=line is not None)
        )
        first += len(batch)
    return batches


def _matrix(recipe: Recipe, drawn: Draws, size: tuple[int, int]) -> Floats:
    """From output to input indices of pictures of `size`: float64 (n, 2, 3)."""
    matrix = identity(len(drawn.theta))
    if recipe.interpolates:
        matrix = index_matrices(drawn, *size, exchanged=not recipe.fixed)
    matrix = flipped(matrix, drawn, *size)
    if recipe.crop is None:
        return np.ascontiguousarray(matrix)
    room = size[0] - recipe.crop[0], size[1] - recipe.crop[1]
    return np.ascontiguousarray(cropped(matrix, drawn, room))


def _program(recipe: Recipe, pictures: Pictures, records: _native.Records, matrix: Floats | None) -> _native.Program:
    if recipe.fixed:
        return _one_resample(recipe, pictures, records, matrix)
    native = pictures.program(records, resize=True)
    native.begin_pass()
    if matrix is not None and not recipe.spline:
        size = np.array([recipe.crop or pictures.size], np.int64)
        linear = recipe.order > 0 or not recipe.interpolates
        native.affine(matrix, size, linear, BORDERS[recipe.fill_mode], [recipe.cval], recipe.exact)
    return native


def _one_resample(
    recipe: Recipe, pictures: Pictures, records: _native.Records, matrix: Floats | None
) -> _native.Program:
    """Resize, warp, flip and crop as one antialiased warp, which reads only what it needs of a file."""
    boxes = pictures.boxes(records)
    matrix = identity(len(records)) if matrix is None else matrix
    size = np.array([recipe.crop or pictures.size], np.int64)
    warp = Warp(
        matrix=continuous(matrix, boxes, pictures.size),
        size=np.repeat(size, len(records), axis=0),
        interpolation="bilinear" if recipe.order else "nearest",
        # Flips and crops never look outside; without a border, edges are those of Pillow's resize.
        border=_BORDER_NAMES[recipe.fill_mode] if recipe.interpolates else None,
        fill=recipe.cval,
    )
    native = pictures.program(records, resize=False)
    region, denominator = footprint(warp, records.sizes(), scalable=recipe.interpolates and recipe.order > 0)
    native.region(np.ascontiguousarray(region), np.ascontiguousarray(denominator))
    native.begin_pass()
    border = BORDERS[recipe.fill_mode] if recipe.interpolates else 0
    native.warp(warp.matrix, size, 2 if recipe.order else 0, border, [recipe.cval], True)
    return native


def _line(recipe: Recipe, channels: int) -> tuple[list[float], list[float]] | None:
    """The scale and bias of the store, where they do the whole standardization."""
    last = recipe.standardization
    if last.scale and last.std is not None and not (recipe.augment and recipe.ranges.between_pixels):
        return None  # a division gives other last bits than a product; they are Keras's where no pixel was interpolated
    return last.line(channels, 0 if recipe.data_format == "channels_first" else 2)


def _render(
    recipe: Recipe,
    pictures: Pictures,
    records: _native.Records,
    native: _native.Program,
    counts: Sequence[int],
    indices: Ints,
) -> list[Images]:
    height, width = pictures.size if recipe.crop is None or recipe.spline else recipe.crop
    shape = (height, width, pictures.channels)
    if recipe.data_format == "channels_first":
        shape = (pictures.channels, height, width)
    shared = workers()
    jobs: list[_native.Job] = []
    batches: list[Images] = []
    first = 0
    for count in counts:
        batch = np.empty((0, *shape), np.float32)
        if count:
            batch = shared.memory.take(4 * count * int(np.prod(shape))).view(np.float32).reshape(count, *shape)
            jobs.append(shared.pool.render(records, native, first, batch))
        batches.append(batch)
        first += count
    for job in jobs:
        wait(job)
    first = 0
    for job, count in zip(jobs, filter(None, counts), strict=True):
        for row, _, message in job.faults():
            raise DecodeError(pictures.name(int(indices[first + row])), message)
        first += count
    return batches


def _finish(recipe: Recipe, batch: Images, drawn: Draws, part: slice, matrix: Floats | None, *, done: bool) -> Images:
    """What is left to do for a rendered batch: the rows `part` of the draws."""
    if recipe.dtype.kind == "f":
        batch = batch.astype(recipe.dtype, copy=False)
    if matrix is not None and recipe.spline:
        batch = _splines(recipe, batch, matrix)
    if drawn.channel_shift is not None:
        shift_channels(batch, drawn.channel_shift[part])
    if drawn.brightness is not None:
        batch = _shift_brightness(recipe, batch, drawn.brightness[part])
    if recipe.standardization.function is not None:
        batch = _call(recipe.standardization.function, batch)
    if not done:
        _standardize(recipe.standardization, batch)
    return batch if batch.dtype == recipe.dtype else cast_like_scipy(batch, recipe.dtype)


def _splines(recipe: Recipe, batch: Images, matrices: Floats) -> Images:
    size = recipe.crop or (batch.shape[1:3] if recipe.data_format == "channels_last" else batch.shape[2:4])

    def warp(k: int) -> Images:
        image = _channels_last(recipe, batch[k])
        if recipe.crop is None and np.array_equal(matrices[k], np.eye(2, 3)):
            return batch[k]
        done = by_scipy(image, matrices[k], size=size, fill_mode=recipe.fill_mode, cval=recipe.cval, order=recipe.order)
        return done if recipe.data_format == "channels_last" else done.transpose(2, 0, 1)

    return np.stack(_each(warp, range(len(batch)), batch)) if len(batch) else batch


def _shift_brightness(recipe: Recipe, batch: Images, factors: Floats) -> Images:
    if len(batch) == 0 or batch[:1].nbytes < _LARGE:
        return brighten(batch, factors, recipe.data_format) if len(batch) else batch

    def shift(k: int) -> Images:
        return brighten(batch[k : k + 1], factors[k : k + 1], recipe.data_format)

    return np.concatenate(_each(shift, range(len(batch)), batch))


def _call(function: Callable[[Images], Any], batch: Images) -> Images:
    """A user's function on every picture; all that it returns must have one shape, which may be another than before."""
    if len(batch) == 0:
        return batch
    made = [np.asarray(one) for one in _each(function, batch, batch)]
    other = next((one for one in made if one.shape != made[0].shape), None)
    if other is not None:
        raise ValueError(
            "preprocessing_function: returned pictures of different shapes in one batch, "
            f"{made[0].shape} and {other.shape}; expected one shape"
        )
    return np.stack(made).astype(batch.dtype, copy=False)


def _standardize(last: Standardization, batch: Images) -> None:
    if last.whitens or batch[:1].nbytes < _LARGE:
        last.apply(batch)
    else:
        _each(lambda k: last.apply(batch[k : k + 1]), range(len(batch)), batch)


def _channels_last(recipe: Recipe, image: Images) -> Images:
    return image if recipe.data_format == "channels_last" else image.transpose(1, 2, 0)


def _each(function: Callable[[Any], T], items: Any, batch: Images) -> list[T]:
    """The function of every item, in order; by the threads for Python where the pictures of a batch are worth it."""
    if batch[:1].nbytes < _LARGE:
        return [function(item) for item in items]
    return list(workers().python.map(function, items))
