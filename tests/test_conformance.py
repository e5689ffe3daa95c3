"""What every public transform must hold, with every kind of picture.

The transforms are found, not listed: every class that the package exports, by the calls that its docstring shows as
examples. A new transform without such an example fails here.
"""

import inspect
import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace

import array_api_strict
import numpy as np
import pytest
from found_transforms import EXAMPLES, PUBLIC, examples

import imagefeed as feed
from imagefeed import Pipeline, Transform, _native, array_ops
from imagefeed.decode import CHANNELS
from imagefeed.errors import ImagefeedError
from imagefeed.ops import Host, Op, Warp, extent_after
from imagefeed.plan import Plan, plan
from imagefeed.program import program
from imagefeed.stored import DTYPES, MOST_CHANNELS, levels_of
from imagefeed.transforms import Drawn

# What keeps boxes has to know where they are; tests/test_boxes_kept.py is about it.
PIXELS = [example for example in EXAMPLES if example.role == "pixels" and not example.sees_boxes]
# The step that works in Python, and those that change the units, are each tested by themselves.
# What these do, a single picture does not show: tests/test_units.py and tests/test_mixing.py are about them.
WITHOUT_EXAMPLE = {feed.Transform, feed.Apply, feed.Normalize, feed.Whiten}
WITHOUT_EXAMPLE |= {feed.MixUp, feed.CutMix, feed.Mosaic, feed.CopyPaste}

# Every dtype that an array of pictures may have, with as many channels as files give, and with the fewest and the most
# that are none of these.
CHANNEL_COUNTS = sorted({*CHANNELS.values(), 2, MOST_CHANNELS})
KINDS = {
    f"{dtype}, {channels} channels": (dtype, (12, 19, channels) if channels < 8 else (6, 9, channels))
    for dtype in DTYPES
    for channels in CHANNEL_COUNTS
} | {
    "color": (np.uint8, (21, 34, 3)),
    "one pixel": (np.uint8, (1, 1, 3)),
    "one row": (np.uint8, (1, 40, 3)),
    "one column": (np.uint8, (40, 1, 1)),
}

every = pytest.mark.parametrize("transform", EXAMPLES, ids=repr)
every_of_pixels = pytest.mark.parametrize("transform", PIXELS, ids=repr)

# Float32 sums, and fixed-point ones, are this close to the exact ones, in levels.
TOLERANCE = 0.02
# Where a value in between is a whole level, it may be rounded the other way: a level away then, and more only rarely.
RARE = 0.03
# A table follows from how often a picture has each level: one of them may move what many pixels are, by a level.
SOME = 0.25


def picture(kind: str) -> np.ndarray:
    """Levels of a picture that is smooth enough for a misplaced sample to be small, and has all levels."""
    dtype, (height, width, channels) = KINDS[kind]
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    values = 127.5 + 127 * np.sin(x / 9.0 + c) * np.cos(y / 7.0 - c / 3)
    values = values * 257 if dtype == "uint16" else values
    values = values if dtype == "float32" else np.rint(values)
    return np.ascontiguousarray(levels_of(values.astype(dtype)))


def test_kinds_are_all_there_are() -> None:
    assert {"uint8, 1 channels", "uint8, 4 channels", "uint16, 3 channels", "float32, 32 channels"} <= set(KINDS)
    assert len(KINDS) == 4 + 3 * 5
    for dtype in ("uint32", "int16", "float64", "bool"):
        with pytest.raises(feed.SourceError):
            feed.arrays(np.zeros((1, 4, 4, 3), dtype))
    assert picture("uint16, 4 channels").dtype == np.float32
    assert np.unique(picture("uint16, 4 channels")).size > 300  # more than 8 bits


def planned(steps: tuple[Transform, ...], image: np.ndarray, seed: int) -> Plan:
    stage = Pipeline(steps).stages()[0]
    return plan(stage, np.array([image.shape[:2]]), np.zeros(1, np.int64), seed=seed, epoch=0)


def rendered(result: Plan, image: np.ndarray, dtype: str = "float32") -> np.ndarray:
    """What the native core makes of a picture. Raises ValueError with its words where it refuses to."""
    channels = image.shape[2]
    records, pool = _native.Records(1), _native.Pool(1)
    records.set_array(0, image)
    out = np.empty((1, *result.sizes[0], channels), dtype)
    job = pool.render(records, program(result, color=channels == 3, dtype=dtype, layout="nhwc"), 0, out)
    while not job.wait(1000):
        continue
    if job.faults():
        raise ValueError(job.faults()[0][2])
    return out[0]


def planned_or_refused(transform: Transform, image: np.ndarray, seed: int = 0) -> Plan | None:
    """The plan; None where the transform says that it does not take this kind of picture."""
    result = planned((transform,), image, seed)
    try:
        array_ops.run(result.passes, image, 0, np.float64)
    except ImagefeedError as error:
        if "1 or 3 channels, but the picture has" not in str(error) or image.shape[2] in (1, 3):
            raise
        return None
    return result


def test_every_public_transform_shows_an_example() -> None:
    assert {cls for cls in PUBLIC if not examples(cls)} - {
        c for c in PUBLIC if c.__abstractmethods__
    } <= WITHOUT_EXAMPLE
    assert len(PUBLIC) > 60
    assert len(set(EXAMPLES)) == len({repr(example) for example in EXAMPLES}) == len(EXAMPLES)


@pytest.mark.parametrize("cls", [getattr(feed, name) for name in feed.__all__ if name != "__version__"])
def test_every_field_is_told_of_where_help_looks_for_it(cls) -> None:
    told = inspect.getdoc(cls) or ""
    names = [one.name for one in fields(cls)] if isinstance(cls, type) and is_dataclass(cls) else []
    assert [name for name in names if f"\n    {name}: " not in told] == []


@every
def test_is_a_value(transform: Transform) -> None:
    names = {name: getattr(feed, name) for name in feed.__all__}
    saved = feed.Pipeline([transform]).save
    assert callable(saved)
    for copy in (eval(repr(transform), names), pickle.loads(pickle.dumps(transform)), replace(transform)):
        assert copy == transform
        assert hash(copy) == hash(transform)
        assert repr(copy) == repr(transform)
    for field in fields(transform):  # type: ignore[arg-type]
        with pytest.raises(FrozenInstanceError):
            setattr(transform, field.name, None)


@every
def test_is_saved_and_loaded(transform: Transform, tmp_path) -> None:
    pipeline = Pipeline([transform])
    pipeline.save(tmp_path / "one.safetensors")
    assert Pipeline.load(tmp_path / "one.safetensors") == pipeline


@pytest.mark.parametrize("cls", [cls for cls in PUBLIC if cls is not Transform])
def test_every_field_is_documented(cls: type[Transform]) -> None:
    documented = " ".join(base.__doc__ or "" for base in cls.__mro__)
    for field in fields(cls):  # type: ignore[arg-type]
        assert f"\n        {field.name}: " in documented, field.name


@every_of_pixels
@pytest.mark.parametrize("kind", KINDS)
def test_native_is_array_ops(transform: Transform, kind: str) -> None:
    image = picture(kind)
    image.flags.writeable = False
    result = planned_or_refused(transform, image)
    if result is None:
        with pytest.raises(ValueError, match="1 or 3 channels, but the picture has"):
            rendered(planned((transform,), image, 0), image)
        return
    exact = array_ops.run(result.passes, image, 0, np.float64)
    ours = rendered(result, image)
    off = abs(ours - exact)
    if rounds_between(result):
        assert (off > 1 + TOLERANCE).mean() <= (RARE if off.size > 300 else 1.0)  # of a tiny picture, a pixel is much
        assert (off > TOLERANCE).mean() <= SOME
    else:
        assert off.max() <= TOLERANCE
    levels = rendered(result, image, "uint8")
    np.testing.assert_array_equal(levels, array_ops.to_levels(ours, np))


def rounds_between(result: Plan) -> bool:
    """Whether a value in between is made a whole level, or a place a whole pixel."""
    kinds = {type(op).__name__ for one in result.passes for op in one.ops}
    warps = [one.warp for one in result.passes if one.warp is not None]
    whole = any(
        (warp.antialias and warp.interpolation == "bilinear") or warp.interpolation == "nearest" for warp in warps
    )
    return whole or bool(kinds & {"Lut", "Histogram", "LocalHistogram", "Median", "Jpeg", "Noise", "Erase"})


@every_of_pixels
def test_the_same_bytes_from_every_instruction_set(transform: Transform) -> None:
    image = picture("color")
    result = planned((transform,), image, 3)
    tables = [name for name in ("portable", "avx2", "avx512") if feed._native.select_simd(name)]
    made = []
    for name in tables:
        feed._native.select_simd(name)
        made.append((rendered(result, image), rendered(result, image, "uint8")))
    for one in made[1:]:
        np.testing.assert_array_equal(one[0], made[0][0])
        np.testing.assert_array_equal(one[1], made[0][1])


@every_of_pixels
def test_the_same_pictures_for_any_threads_and_batches(transform: Transform) -> None:
    pictures = np.stack([picture("color")] * 5)
    before = pictures.copy()
    steps = [transform, feed.Resize((20, 24))]
    made = []
    smaller = 5 if Pipeline(steps).shares_draws else 2
    for threads, batch_size in ((1, 5), (3, smaller)):
        loader = feed.Loader(
            feed.arrays(pictures), Pipeline(steps), batch_size=batch_size, threads=threads, seed=5, shuffle=False
        )
        made.append(np.concatenate(list(loader)))
    np.testing.assert_array_equal(*made)
    np.testing.assert_array_equal(pictures, before)


@every_of_pixels
def test_sometimes_does_it_or_leaves_the_picture(transform: Transform) -> None:
    image = picture("color")
    for probability in (0.0, 1.0):
        step = feed.Sometimes(transform, probability=probability)
        result = planned((step,), image, 2)
        ours = rendered(result, image)
        if probability == 0.0:
            np.testing.assert_array_equal(ours, image)


ROWS = 6
HEIGHTS, WIDTHS = np.array([40.0, 30, 1, 7, 99, 40]), np.array([31.0, 50, 1, 2, 5, 31])


def uniforms(transform: Transform) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    numbers = {name: rng.random((ROWS, variable.count)) for name, variable in transform.variables().items()}
    for array in numbers.values():
        array.flags.writeable = False
    return numbers


def lowered(transform: Transform, rows: slice = slice(None), xp: object = np) -> tuple[Op, ...]:
    variables, numbers = transform.variables(), uniforms(transform)
    drawn = {n: variables[n].sample(xp.asarray(numbers[n][rows]), xp) for n in variables}  # type: ignore[attr-defined]
    if transform.sees_boxes:
        boxes = np.stack([WIDTHS * 0.2, HEIGHTS * 0.3, WIDTHS * 0.6, HEIGHTS * 0.5], axis=-1)
        drawn["boxes"] = xp.asarray(boxes[rows])  # type: ignore[attr-defined]
    extent = xp.asarray(HEIGHTS[rows]), xp.asarray(WIDTHS[rows])  # type: ignore[attr-defined]
    return transform.lower(Drawn(**drawn), extent, xp)


def arrays(op: Op) -> dict[str, np.ndarray]:
    """The arrays of an op by name, each with an axis for the records if it has one."""
    values = {field.name: getattr(op, field.name) for field in fields(op)}
    return {name: np.asarray(value) for name, value in values.items() if hasattr(value, "__array_namespace__")}


@every
def test_lowering_is_pure_and_knows_no_batch(transform: Transform) -> None:
    HEIGHTS.flags.writeable = WIDTHS.flags.writeable = False
    whole, again = lowered(transform), lowered(transform)
    for k, op in enumerate(whole):
        for name, array in arrays(op).items():
            np.testing.assert_array_equal(array, arrays(again[k])[name])
            if type(op).__name__ in ("Normalize", "Whiten"):
                continue
            for row in range(ROWS):
                alone = arrays(lowered(transform, slice(row, row + 1))[k])[name]
                np.testing.assert_allclose(alone[0], array[row if len(array) > 1 else 0], rtol=1e-12, atol=1e-12)


@every
def test_lowering_keeps_to_the_array_standard(transform: Transform) -> None:
    """Nothing beyond the standard is used, so that any library of it can trace it."""
    for op, same in zip(lowered(transform), lowered(transform, xp=array_api_strict), strict=True):
        for name, array in arrays(op).items():
            np.testing.assert_allclose(array, arrays(same)[name], rtol=1e-9, atol=1e-9)


@every_of_pixels
def test_masking_keeps_the_size_of_what_is_left_alone(transform: Transform) -> None:
    extent = HEIGHTS, WIDTHS
    mask = np.array([True, False] * (ROWS // 2))
    for op in lowered(transform):
        masked = op.masked(mask, extent, np)
        assert not isinstance(op, Host)
        if isinstance(masked, Warp) and masked.size is not None:
            np.testing.assert_array_equal(masked.size[~mask], np.stack(extent, axis=-1)[~mask])
        extent = extent_after(masked, extent, np)


@every
def test_its_deterministic_form_draws_nothing(transform: Transform) -> None:
    try:
        forms = transform.deterministic()
    except feed.SpecError as error:
        if "write that pipeline out" not in str(error):
            raise
        return
    assert not any(form.variables() for form in forms)
    assert forms == (transform,) or transform.variables()


@every
def test_no_records_are_planned_as_any_number(transform: Transform) -> None:
    stage = Pipeline([transform]).stages()[0]
    nothing = np.zeros((0, 2), np.int64)
    none = plan(stage, nothing, np.zeros(0, np.int64), seed=0, epoch=0, boxes=lambda _: np.zeros((0, 4)))
    assert none.sizes.shape[1] == 2


def test_every_one_is_in_the_gallery(project) -> None:
    page, pictures = (project / "docs" / "gallery.md").read_text("utf-8"), project / "docs" / "images" / "gallery"
    units = {feed.Normalize, feed.Rescale, feed.Whiten}
    for cls in PUBLIC:
        if cls.__abstractmethods__ or cls in units:
            continue
        shown = page.partition(f"\n### {cls.__name__}\n")[2].partition("\n### ")[0]
        assert "\nLowers to: " in shown, cls
        assert (pictures / f"{cls.__name__}.jpg").stat().st_size > 2000, cls
