"""The native renderer against array_ops, which defines every op: the same pipelines, the same pictures.

The oracle computes in float64 and the renderer in float32, whose sums of up to a few hundred products of
levels and weights are off by less than TOLERANCE.

Where a value in between is a whole level (a table), such a sum may fall on the other side of a half, and a level is the
most that it is off by. "nearest" may take the pixel to either side where a place lies on their edge.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings, strategies as st

import imagefeed as feed
from imagefeed import Pipeline, Transform, _native, array_ops
from imagefeed.ops import ColorMatrix, Lut, Warp
from imagefeed.plan import Pass, Plan, plan
from imagefeed.program import program

TOLERANCE = 0.02
# Fixed-point sums are within 0.01 of a level of the exact ones (native/fixed.hpp), and a picture that is shrunk is
# first rounded to 1/128: of the levels that a table is then asked for, about one in 100 rounds the other way.
RARE = 0.02

BORDERS = st.sampled_from(["constant", "replicate", "reflect", "wrap"])
KERNELS = st.sampled_from(["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
SIZES = st.tuples(*[st.one_of(st.integers(1, 4), st.integers(5, 80))] * 2)


@dataclass(frozen=True, slots=True)
class Table(Transform):
    """A smooth table, so that a level to either side is a few levels away at most."""

    rows: int = 1

    def lower(self, drawn, extent, xp):
        bend = np.sin(np.arange(256) / 20.0)[:, None] * [20.0, -20.0, 5.0][: self.rows]
        return (Lut(table=np.clip(np.arange(256)[:, None] + bend, 0, 255).astype(np.uint8)[None]),)


@dataclass(frozen=True, slots=True)
class Mix(Transform):
    """A color matrix with every entry in use, and limits within 0 to 255."""

    def lower(self, drawn, extent, xp):
        rows = np.array(
            [[[0.3017, 0.8003, -0.2011, 9.07], [-0.1003, 0.6011, 0.4001, 0.0], [0.2003, -0.5011, 1.1, 30.0]]]
        )
        low, high = np.array([[10.0, 0.0, 3.0]]), np.array([[240.0, 255.0, 200.0]])
        return (ColorMatrix(matrix=rows, low=low, high=high, diagonal=False),)


@dataclass(frozen=True, slots=True)
class Turn(Transform):
    """A matrix as it is."""

    rows: tuple[tuple[float, ...], ...]
    size: tuple[int, int]
    border: str
    interpolation: str
    antialias: bool

    def lower(self, drawn, extent, xp):
        return (
            Warp(
                matrix=np.array([self.rows]),
                size=np.array([self.size]),
                interpolation=self.interpolation,
                border=self.border,
                fill=99.0,
                antialias=self.antialias,
            ),
        )


def between(low: float, high: float) -> st.SearchStrategy[tuple[float, float]]:
    return st.floats(low, high).map(lambda value: (round(value, 3),) * 2)


def options() -> dict[str, st.SearchStrategy]:
    return {
        "border": BORDERS,
        "fill": st.integers(0, 255),
        "interpolation": st.sampled_from(["bilinear", "bilinear", "nearest"]),
        "antialias": st.booleans(),
    }


GEOMETRY = st.one_of(
    st.builds(
        lambda size, kernel, antialias, fit, border: feed.Resize(
            size, interpolation=kernel, antialias=antialias, fit=fit, **({} if fit != "contain" else border)
        ),
        SIZES,
        KERNELS,
        st.booleans(),
        st.sampled_from(["stretch", "cover", "contain"]),
        st.fixed_dictionaries({"fill": st.integers(0, 255)}),
    ),
    st.builds(feed.RandomResizedCrop, SIZES, interpolation=KERNELS, antialias=st.booleans()),
    st.builds(feed.RandomCrop, SIZES, border=BORDERS),
    st.builds(feed.CenterCrop, SIZES, border=BORDERS),
    st.builds(feed.HorizontalFlip),
    st.builds(feed.VerticalFlip),
    st.builds(feed.Rotate, degrees=between(-360, 360), **options()),
    st.builds(feed.Translate, x=between(-1, 1), y=between(-1, 1), **options()),
    st.builds(feed.Zoom, factor=between(0.2, 5), **options()),
    st.builds(feed.Shear, x=between(-70, 70), y=between(-70, 70), **options()),
    st.builds(feed.Affine, degrees=between(-90, 90), x=between(-1, 1), zoom=between(0.3, 3), **options()),
    st.builds(feed.Perspective, st.floats(0, 0.45), **options()),
)
COLOR = st.one_of(
    st.builds(feed.Brightness, factor=between(0, 2)),
    st.builds(feed.Contrast, factor=between(0, 2)),
)
UNITS = st.sampled_from([(), (feed.Rescale(1 / 255),), (feed.Rescale(1 / 255), feed.Normalize(mean=0.4, std=0.2))])
STEPS = st.lists(st.one_of(GEOMETRY, GEOMETRY, COLOR), min_size=1, max_size=4)


def pictures(height: int, width: int, channels: int, dtype: type, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, channels), np.uint8)
    return image if dtype is np.uint8 else image + rng.random(image.shape, np.float32) - np.float32(0.5)


def planned(steps: tuple[Transform, ...], image: np.ndarray, seed: int, training: bool = True) -> Plan:
    stage = Pipeline(steps, training=training).stages()[0]
    return plan(stage, np.array([image.shape[:2]]), np.zeros(1, np.int64), seed=seed, epoch=0)


def rendered(result: Plan, image: np.ndarray | bytes, channels: int, dtype: str = "float32") -> np.ndarray:
    records = _native.Records(1)
    pool = _native.Pool(1)
    if isinstance(image, bytes):
        records.set_bytes(0, image)
        assert pool.fetch(records, [], 1 << 30).wait(10_000)
    else:
        records.set_array(0, image)
    native = program(result, color=channels == 3, dtype=dtype, layout="nhwc")
    out = np.empty((1, *result.sizes[0], channels), dtype)
    job = pool.render(records, native, 0, out)
    while not job.wait(1000):
        continue
    assert job.faults() == []
    return out[0]


def rounds(result: Plan) -> bool:
    """Whether a value in between is a whole level."""
    return any(isinstance(op, Lut) for one in result.passes for op in one.ops)


def oracles(result: Plan, image: np.ndarray) -> list[np.ndarray]:
    """What array_ops makes of it; several where "nearest" may take one pixel or the next."""
    nearest = [one.warp is not None and one.warp.interpolation == "nearest" for one in result.passes]
    made = []
    for x in (0.0, 1e-4, -1e-4) if any(nearest) else (0.0,):
        for y in (0.0, 1e-4, -1e-4) if any(nearest) else (0.0,):
            shift = np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
            passes = [
                replace(one, warp=replace(one.warp, matrix=shift @ one.warp.matrix)) if moved else one
                for one, moved in zip(result.passes, nearest, strict=True)
            ]
            made.append(array_ops.run(passes, image, 0, np.float64))
    return made


GAINS = {feed.Brightness: 2.0, feed.Contrast: 2.0, feed.Saturation: 2.3, Table: 2.0, Mix: 2.0}


def gain(steps: tuple[Transform, ...]) -> float:
    """By how much the steps may stretch a difference of a level."""
    stretched = 1.0
    for step in steps:
        stretched *= GAINS.get(type(step), 1.0)
    return stretched


def compare(steps: tuple[Transform, ...], image: np.ndarray, seed: int) -> None:
    result = planned(steps, image, seed)
    made = oracles(result, image)
    if any(one.warp is not None and one.warp.interpolation == "nearest" for one in result.passes[:-1]):
        # Where each pixel may be taken for itself, what blends them afterwards has too many right answers.
        assume(all(np.array_equal(one, made[0]) for one in made))
    ours = rendered(result, image, image.shape[2])
    unit = 1.0
    if isinstance(steps[-1], feed.Rescale):
        unit = 1 / 255
    elif isinstance(steps[-1], feed.Normalize):
        unit = 1 / 255 / 0.2
    off = np.min([abs(ours - theirs) for theirs in made], axis=0) / unit
    assert off.max() <= gain(steps) * (TOLERANCE + rounds(result))


@settings(max_examples=500, deadline=None)
@given(
    steps=STEPS,
    units=UNITS,
    size=SIZES,
    channels=st.sampled_from([1, 3, 4]),
    dtype=st.sampled_from([np.uint8, np.float32]),
    seed=st.integers(0, 99),
)
@example((feed.Resize((5, 1), interpolation="box"),), (), (5, 66), 3, np.uint8, 0)
def test_any_pipeline_is_that_of_array_ops(steps, units, size, channels, dtype, seed) -> None:
    compare((*steps, *units), pictures(*size, channels, dtype, seed), seed)


@settings(max_examples=150, deadline=None)
@given(
    before=st.lists(GEOMETRY, max_size=1),
    color=st.permutations([feed.Saturation(factor=(0.2, 1.9)), Table(), Mix(), feed.Contrast(factor=(0, 2))]),
    count=st.integers(1, 4),
    size=SIZES,
    channels=st.sampled_from([1, 3]),
    dtype=st.sampled_from([np.uint8, np.float32]),
    seed=st.integers(0, 99),
)
def test_any_color_work_is_that_of_array_ops(before, color, count, size, channels, dtype, seed) -> None:
    steps = (*before, *color[:count], feed.HorizontalFlip())
    compare(steps, pictures(*size, channels, dtype, seed), seed)


NUMBERS = st.floats(-3, 3).map(lambda value: round(value, 2))


@settings(max_examples=300, deadline=None)
@given(
    rows=st.tuples(*[st.tuples(NUMBERS, NUMBERS, st.floats(-90, 90))] * 2),
    depth=st.tuples(*[st.floats(-0.005, 0.005).map(lambda value: round(value, 4))] * 2),
    out=SIZES,
    size=SIZES,
    border=BORDERS,
    antialias=st.booleans(),
    channels=st.sampled_from([1, 3, 4]),
    dtype=st.sampled_from([np.uint8, np.float32]),
)
@example(((2.0, 0.0, 0.0), (0.0, 2.0, 0.0)), (0.0, 0.0), (8, 8), (16, 16), "reflect", True, 3, np.uint8)
@example(((-1.0, 0.0, 20.0), (0.0, -1.0, 10.0)), (0.0, 0.0), (10, 20), (10, 20), "wrap", False, 3, np.uint8)
def test_any_matrix_is_that_of_array_ops(rows, depth, out, size, border, antialias, channels, dtype) -> None:
    step = Turn((*rows, (*depth, 1.0)), out, border, "bilinear", antialias)
    compare((step,), pictures(*size, channels, dtype, 0), 0)


@pytest.mark.parametrize("columns", [1, 3])
def test_a_table_for_each_channel_is_that_of_array_ops(columns) -> None:
    compare((Table(columns),), pictures(20, 30, 3, np.uint8, 0), 0)


CHAIN = (
    feed.Brightness(factor=(0.3, 1.9)),
    feed.Saturation(factor=(0.2, 1.9)),
    feed.Contrast(factor=(0.3, 1.9)),
    feed.WhiteBalance(),
    Mix(),
    feed.ChannelShift(shift=(-60, 60)),
    feed.Hue(degrees=(-30, 30)),  # which is no such step
)


@pytest.mark.parametrize("count", range(1, len(CHAIN) + 1))
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (2, 16), (7, 41), (31, 64)])
def test_color_steps_of_levels_are_those_of_planes(count, size) -> None:
    """Levels that stay levels go through all steps in one pass, and nothing is rounded before its end."""
    image = pictures(*size, 3, np.uint8, 0)
    for seed in range(5):
        result = planned(CHAIN[:count], image, seed)
        ours, planes = rendered(result, image, 3, "uint8"), rendered(result, image, 3)
        np.testing.assert_array_equal(ours, np.rint(planes).clip(0, 255))


def test_eight_bit_output_is_the_rounded_oracle() -> None:
    steps = (feed.Resize((31, 17)), feed.Saturation(factor=(1.5, 1.5)))
    image = pictures(64, 48, 3, np.uint8, 0)
    result = planned(steps, image, 0)
    exact = array_ops.run(result.passes, image, 0, np.float64)
    ours = rendered(result, image, 3, "uint8")
    clear = abs(exact - np.floor(exact) - 0.5) > TOLERANCE  # neither side of a half is a mistake
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(ours[clear], array_ops.to_levels(exact, np)[clear])


@pytest.mark.parametrize("rows", [((1.7, 0.3, 9.1), (-0.4, 2.1, 70.3)), ((5.1, 3.2, -90), (-3.3, 4.9, 300))])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_level_is_rarely_rounded_the_other_way(rows, channels) -> None:
    image = pictures(600, 500, channels, np.uint8, 0)
    for border in ("constant", "replicate", "reflect", "wrap"):
        result = planned((Turn((*rows, (0, 0, 1)), (200, 220), border, "bilinear", True), Table()), image, 0)
        off = abs(rendered(result, image, channels) - array_ops.run(result.passes, image, 0, np.float64))
        assert (off > TOLERANCE).mean() < RARE


@pytest.fixture(scope="module")
def photograph(data) -> bytes:
    return (data("odd/exif_orientation") / "Landscape_1.jpg").read_bytes()


@pytest.mark.parametrize("seed", range(12))
def test_a_record_is_rendered_from_its_file_as_from_its_pixels(photograph, seed) -> None:
    """Only a region of the file is decoded; nothing changes by it where it is decoded at its full size."""
    pixels = feed.read(photograph)
    steps = (
        feed.RandomResizedCrop((64, 96), scale=(0.001, 0.5)),
        feed.Rotate(degrees=(-90, 90), border=("reflect", "wrap", "constant", "replicate")[seed % 4]),
    )
    result = planned(steps, pixels, seed, training=False)
    np.testing.assert_array_equal(rendered(result, photograph, 3), rendered(result, pixels, 3))


@pytest.mark.parametrize("seed", range(12))
def test_a_record_at_a_fraction_of_its_size_is_the_oracles(photograph, seed) -> None:
    pixels = feed.read(photograph)
    steps = (feed.RandomResizedCrop((64, 96), scale=(0.2, 1.0)), feed.Rotate(degrees=(-90, 90)))
    result = planned(steps, pixels, seed)
    denominator = int(result.denominator[0])
    assert denominator in (2, 4, 8)
    warp = result.passes[0].warp
    assert warp is not None
    small = replace(warp, matrix=np.diag([1 / denominator, 1 / denominator, 1.0]) @ warp.matrix)
    decoded = np.ascontiguousarray(_native.decode_jpeg(photograph, denominator=denominator)[0][..., :3])
    ours = rendered(result, photograph, 3)
    assert abs(ours - array_ops.run([Pass(small, ())], decoded, 0, np.float64)).max() < TOLERANCE
    # And it is the same picture: the two ways to make it smaller differ by less than neighboring pixels do.
    whole = rendered(planned(steps, pixels, seed, training=False), photograph, 3)
    assert abs(ours - whole).mean() < abs(np.diff(whole, axis=1)).mean()
