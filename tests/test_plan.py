"""What a pipeline becomes for a group of records."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import imagefeed as feed
from imagefeed import Pipeline, PlanError, SpecError, Transform, array_ops
from imagefeed.footprint import shrink
from imagefeed.ops import ColorMatrix, Host, Lut, Normalize, Warp
from imagefeed.plan import Plan, plan

SIZES = np.array([[300, 400], [400, 300], [80, 90], [1000, 1500]])


def planned(*steps: Transform, sizes: np.ndarray = SIZES, seed: int = 3, training: bool = True) -> Plan:
    stage = Pipeline(steps, training=training).stages()[0]
    return plan(stage, sizes, np.arange(len(sizes)), seed=seed, epoch=0)


def only_warp(result: Plan) -> Warp:
    assert len(result.passes) == 1
    assert result.passes[0].warp is not None
    return result.passes[0].warp


README = (
    feed.RandomResizedCrop((224, 224), scale=(0.35, 1.0)),
    feed.HorizontalFlip(),
    feed.Rotate(degrees=(-15, 15)),
    feed.Rescale(1 / 255),
)


def test_a_usual_pipeline_is_one_pass() -> None:
    result = planned(*README)
    warp = only_warp(result)
    assert (warp.interpolation, warp.border, warp.antialias) == ("bilinear", "reflect", True)
    assert [type(op) for op in result.passes[0].ops] == [Normalize]
    assert (result.sizes == 224).all()
    assert result.host is None


def test_arrays_have_the_promised_form() -> None:
    steps = (
        feed.Resize((20, 30)),
        *README[1:3],
        feed.Saturation(factor=(0, 2)),
        feed.Brightness(factor=(1, 1)),
        README[3],
    )
    result = planned(*steps)
    arrays = {
        np.float64: [only_warp(result).matrix],
        np.int64: [only_warp(result).size, result.region, result.denominator, result.sizes],
        np.float32: [],
    }
    for op in result.passes[0].ops:
        assert isinstance(op, ColorMatrix | Normalize)
        arrays[np.float32] += [op.matrix, op.low, op.high] if isinstance(op, ColorMatrix) else [op.scale, op.bias]
    assert len(arrays[np.float32]) == 8
    for dtype, members in arrays.items():
        for array in members:
            assert array.dtype == dtype
            assert array.flags.c_contiguous
    assert only_warp(result).matrix.shape == (4, 3, 3)
    assert (result.region.shape, result.denominator.shape, result.sizes.shape) == ((4, 4), (4,), (4, 2))


def test_matrices_are_normalized_so_that_an_upright_one_is_known_as_such() -> None:
    op = Warp(matrix=2.0 * np.diag([3.0, 4.0, 1.0])[None], interpolation="bicubic", border=None)
    np.testing.assert_array_equal(only_warp(planned(Custom((op,)))).matrix, [np.diag([3.0, 4.0, 1.0])])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_record_is_planned_alike_in_any_group(count: int) -> None:
    stage = Pipeline(README).stages()[0]
    whole = plan(stage, SIZES, np.array([7, 5, 9, 2]), seed=3, epoch=1)
    part = plan(stage, SIZES[:count], np.array([7, 5, 9, 2])[:count], seed=3, epoch=1)
    np.testing.assert_array_equal(only_warp(part).matrix, only_warp(whole).matrix[:count])
    np.testing.assert_array_equal(part.region, whole.region[:count])
    np.testing.assert_array_equal(part.denominator, whole.denominator[:count])
    np.testing.assert_array_equal(part.sizes, whole.sizes[:count])


@pytest.mark.parametrize("change", [{"seed": 4}, {"epoch": 2}, {"records": np.array([8])}])
def test_draws_follow_seed_epoch_and_record(change: dict[str, object]) -> None:
    stage = Pipeline(README).stages()[0]
    key = {"seed": 3, "epoch": 1, "records": np.array([7])}
    first, same, other = (plan(stage, SIZES[:1], **k) for k in (key, key, key | change))  # type: ignore[arg-type]
    np.testing.assert_array_equal(only_warp(first).matrix, only_warp(same).matrix)
    assert (only_warp(first).matrix != only_warp(other).matrix).any()


def test_a_step_draws_by_its_number_in_the_whole_pipeline() -> None:
    pipeline = Pipeline([feed.Apply(np.copy), feed.Rotate(degrees=(-90, 90))])
    later = pipeline.stages()[1]
    both = plan(later, SIZES, np.arange(4), seed=3, epoch=0)
    np.testing.assert_array_equal(
        both.drawn[0].degrees, planned(feed.HorizontalFlip(), feed.Rotate(degrees=(-90, 90))).drawn[1].degrees
    )


def test_color_between_warps_makes_a_second_pass() -> None:
    result = planned(feed.CenterCrop((50, 60)), feed.Brightness(factor=(1, 2)), feed.HorizontalFlip())
    assert [one.warp is not None for one in result.passes] == [True, True]
    assert [len(one.ops) for one in result.passes] == [1, 0]
    second = result.passes[1].warp
    assert second is not None
    assert second.size.tolist() == [[50, 60]]
    assert result.sizes.tolist() == [[50, 60]] * 4


def test_color_alone_is_one_pass_over_the_whole_picture() -> None:
    result = planned(feed.Brightness(factor=(0.5, 2)), feed.Contrast(factor=(0.5, 2)))
    assert result.passes[0].warp is None
    assert len(result.passes) == len(result.passes[0].ops) == 1
    assert result.region.tolist() == [[0, 0, *size] for size in SIZES.tolist()]
    np.testing.assert_array_equal(result.sizes, SIZES)


def test_nothing_is_one_empty_pass() -> None:
    result = planned()
    assert (result.passes[0].warp, result.passes[0].ops, len(result.passes)) == (None, (), 1)
    assert result.denominator.tolist() == [1] * 4


def test_branches_of_a_choice_share_one_warp() -> None:
    branches = [feed.Brightness(factor=(0, 2)), feed.Rotate(degrees=(-9, 9)), feed.Zoom(factor=(0.5, 2))]
    result = planned(feed.RandomCrop((32, 32)), feed.OneOf(branches))
    assert only_warp(result).interpolation == "bilinear"
    assert len(result.passes[0].ops) == 1


# ---------- regions

BORDERS = st.sampled_from(["constant", "replicate", "reflect", "wrap"])
MOTIONS = st.one_of(
    st.builds(lambda b, d: feed.Rotate(degrees=(d, d), border=b), BORDERS, st.floats(-360, 360)),
    st.builds(lambda b, x, y: feed.Translate(x=(x, x), y=(y, y), border=b), BORDERS, *[st.floats(-1, 1)] * 2),
    st.builds(lambda b, f: feed.Zoom(factor=(f, f), border=b), BORDERS, st.floats(0.2, 5)),
    st.builds(
        lambda b, x, a: feed.Shear(x=(x, x), border=b, antialias=a),
        BORDERS,
        st.floats(-70, 70),
        st.booleans(),
    ),
    st.builds(lambda b, s: feed.Perspective(s, border=b), BORDERS, st.floats(0, 0.45)),
    st.builds(lambda b, d: feed.Rotate(degrees=(d, d), interpolation="nearest", border=b), BORDERS, st.floats(-9, 9)),
)
SIDES = st.integers(1, 40)
SIZE = st.tuples(SIDES, SIDES)
KERNELS = st.sampled_from(["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
CROPS = st.one_of(
    st.builds(
        lambda s, i, a, f: feed.Resize(s, interpolation=i, antialias=a, fit=f),
        *(SIZE, KERNELS, st.booleans(), st.sampled_from(["stretch", "cover", "contain"])),
    ),
    st.builds(lambda s, i: feed.RandomResizedCrop(s, interpolation=i), SIZE, KERNELS),
    st.builds(lambda s, b: feed.RandomCrop(s, border=b), SIZE, BORDERS),
    st.builds(lambda s, b: feed.CenterCrop(s, border=b), SIZE, BORDERS),
    st.just(feed.HorizontalFlip()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(CROPS, MOTIONS), min_size=1, max_size=3), SIZE, st.integers(0, 99))
def test_nothing_outside_the_region_is_read(steps: list[Transform], size: tuple[int, int], seed: int) -> None:
    result = planned(*steps, sizes=np.array([size]), seed=seed)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 1), np.uint8)
    y0, x0, y1, x1 = result.region[0]
    assert 0 <= y0 < y1 <= size[0]
    assert 0 <= x0 < x1 <= size[1]
    other = rng.integers(0, 256, image.shape, np.uint8)
    other[y0:y1, x0:x1] = image[y0:y1, x0:x1]
    np.testing.assert_array_equal(*(array_ops.run(result.passes, picture, 0) for picture in (image, other)))


@pytest.mark.parametrize(
    ("steps", "region"),
    [
        # The crop's own pixels, and two around them.
        ((feed.CenterCrop((20, 30)),), [138, 183, 162, 217]),
        # 300 rows to 20 are 15 each: a kernel of 15, as much again, and two; the columns are all read.
        ((feed.Resize((20, 400)),), [0, 0, 300, 400]),
        ((feed.Zoom(factor=(10, 10)),), [131, 176, 169, 224]),
        # Shifted by half, the left half is seen on the right, and its mirror image left of it.
        ((feed.Translate(x=(0.5, 0.5)),), [0, 0, 300, 204]),
        ((feed.Translate(x=(0.5, 0.5), border="constant"),), [0, 0, 300, 204]),
        ((feed.Translate(x=(0.5, 0.5), border="wrap"),), [0, 0, 300, 400]),
        # Mostly outside: the mirror image of what lies beyond one edge.
        ((feed.Translate(x=(0.9, 0.9)),), [0, 0, 300, 364]),
        ((feed.Translate(y=(-0.9, -0.9)),), [26, 0, 300, 400]),
        # Wholly outside: a pixel must be read even so.
        (
            (feed.Translate(x=(1, 1), border="constant"), feed.CenterCrop((300, 4), border="constant")),
            [0, 0, 300, 1],
        ),
    ],
)
def test_regions_are_tight(steps: tuple[Transform, ...], region: list[int]) -> None:
    found = planned(*steps, sizes=np.array([[300, 400]])).region[0]
    assert found.tolist() == region


# ---------- scales

TINY = feed.Sometimes(feed.HorizontalFlip(), probability=0.5)


@pytest.mark.parametrize(
    ("size", "denominator"),
    [
        ((300, 400), 1),
        ((151, 200), 1),
        ((150, 200), 2),
        ((150, 201), 1),
        ((76, 100), 2),
        ((75, 100), 4),
        ((37, 50), 8),
        ((3, 4), 8),
    ],
)
def test_the_scale_leaves_a_pixel_for_a_pixel(size: tuple[int, int], denominator: int) -> None:
    assert planned(feed.Resize(size), TINY, sizes=SIZES[:1]).denominator.tolist() == [denominator]


@pytest.mark.parametrize(
    ("steps", "training"),
    [
        ((feed.Resize((30, 40)),), True),
        ((feed.Resize((30, 40)), TINY), False),
        ((feed.Resize((30, 40), antialias=False), TINY), True),
        ((feed.Resize((30, 40), interpolation="nearest"), TINY), True),
        ((feed.CenterCrop((30, 40)), TINY), True),
        ((feed.Brightness(factor=(1, 2)), feed.Resize((30, 40))), True),
    ],
    ids=["deterministic", "not training", "no antialias", "nearest", "crop", "color first"],
)
def test_otherwise_a_picture_is_decoded_fully(steps: tuple[Transform, ...], training: bool) -> None:
    assert planned(*steps, training=training).denominator.tolist() == [1, 1, 1, 1]


def test_only_the_first_stage_decodes() -> None:
    stages = Pipeline([feed.Apply(np.copy), feed.Resize((30, 40)), TINY]).stages()
    assert [stage.scalable for stage in stages] == [True, False]
    assert plan(stages[1], SIZES, np.arange(4), seed=0, epoch=0).denominator.tolist() == [1] * 4


def places(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    mapped = matrix @ (x, y, 1.0)
    return mapped[:2] / mapped[2]


def test_a_turned_warp_shrinks_along_the_axes_of_the_source() -> None:
    rng = np.random.default_rng(0)
    matrix = np.stack([np.vstack([rng.normal(0, 3, (2, 3)), [0, 0, 1]]) for _ in range(5)])
    found = shrink(matrix, np.array([[8, 8]] * 5))
    for m, factor in zip(matrix, found, strict=True):
        right, down = (places(m, *step) - places(m, 0, 0) for step in ((1, 0), (0, 1)))
        np.testing.assert_allclose(factor, np.hypot(right, down))


def test_a_perspective_counts_where_it_shrinks_least() -> None:
    result = planned(feed.Resize((100, 100)), feed.Perspective(0.45), sizes=np.full((300, 2), 300))
    for matrix, denominator in zip(only_warp(result).matrix, result.denominator, strict=True):
        factors: list[float] = []
        for x, y in ((0, 0), (0, 100), (100, 0), (100, 100), (50, 50)):
            right, down = (
                (places(matrix, x + dx, y + dy) - places(matrix, x - dx, y - dy)) / 2e-4
                for dx, dy in ((1e-4, 0), (0, 1e-4))
            )
            factors += np.hypot(right, down).tolist()
        assert denominator == (2 if min(factors) >= 2 else 1)
    assert set(result.denominator.tolist()) == {1, 2}


def test_a_horizon_within_the_view_needs_the_whole_picture() -> None:
    matrix = np.array([[[1.0, 0, 0], [0, 1, 0], [-0.15, 0, 1]]])
    horizon = Warp(matrix=matrix, size=np.array([[8, 8]]), interpolation="bilinear", border="reflect")
    assert planned(Custom((horizon,))).region.tolist() == [[0, 0, *size] for size in SIZES.tolist()]
    matrix = np.array([[[1.0, 0, 0], [0, 1, 0], [-0.05, 0, 1]]])
    near = Warp(matrix=matrix, size=np.array([[8, 8]]), interpolation="bilinear", border="reflect")
    assert planned(Custom((near,))).region.max() < 20


# ---------- errors and words


@dataclass(frozen=True)
class Custom(Transform):
    """Lowers to whatever it is given."""

    ops: tuple

    def lower(self, drawn, extent, xp):  # type: ignore[no-untyped-def]
        return self.ops


def test_errors_name_the_step() -> None:
    normalize = Normalize(scale=np.ones(1), bias=np.zeros(1))
    with pytest.raises(SpecError, match=r"steps\[1\].Custom: Warp works on levels, but comes after Normalize"):
        planned(
            feed.HorizontalFlip(),
            Custom((normalize, Warp(matrix=np.eye(3)[None], interpolation=None, border=None))),
        )
    with pytest.raises(PlanError, match="an op has arrays for 2 records; expected 4, or 1 for all"):
        planned(Custom((Lut(table=np.zeros((2, 256, 1), np.uint8)),)))
    turn = np.array([[[0.0, 1, 0], [-1, 0, 9], [0, 0, 1]]])
    with pytest.raises(PlanError, match="interpolation 'bicubic' turns or slants the picture"):
        planned(Custom((Warp(matrix=turn, interpolation="bicubic", border=None),)))
    with pytest.raises(SpecError, match=r"steps\[0\].Custom: has a Python function before other ops"):
        planned(Custom((Host(function=np.copy), Lut(table=np.zeros((1, 256, 1), np.uint8)))))


def test_explain_says_what_was_drawn_and_what_follows() -> None:
    steps = (*README[:3], feed.Contrast(factor=(2, 2)), feed.Saturation(factor=(0, 0)), README[3])
    result = planned(*steps, sizes=np.array([[100, 120], [1000, 1200]]), seed=5)
    text, first = result.explain(1), result.drawn[0]
    assert text.splitlines()[0] == "record 1: 1000x1200"
    for words in (
        f": area ({first.area[1, 0]:.6g}, {first.area[1, 1]:.6g}, …, {first.area[1, 9]:.6g}), ratio (",
        f"steps[1] HorizontalFlip(): flip {result.drawn[1].flip[1]}",
        "steps[2] Rotate(degrees=(-15, 15)): degrees ",
        "steps[5] Rescale(",
        "read rows ",
        " at 1/2",
        "pass 1: warp to 224x224 (bilinear, antialiased; reflect outside) by [",
        "pass 1: color matrix [2 0 0 -127.5; 0 2 0 -127.5; 0 0 2 -127.5]",
        "pass 1: color matrix [0.299 0.587 0.114 0; ",
        "pass 1: value * 0.00392157 + 0",
    ):
        assert words in text


def test_explain_is_about_one_record() -> None:
    result = planned(feed.Rotate(degrees=(-90, 90)))
    for row in range(4):
        m = only_warp(result).matrix[row]
        assert f"degrees {result.drawn[0].degrees[row]:.6g}" in result.explain(row)
        assert f"by [{m[0, 0]:.6g} {m[0, 1]:.6g} {m[0, 2]:.6g}; " in result.explain(row)


def test_explain_mentions_a_python_function() -> None:
    stage = Pipeline([feed.Resize((5, 6), fit="contain", fill=9), feed.Apply(np.copy)]).stages()[0]
    text = plan(stage, SIZES, np.arange(4), seed=0, epoch=0).explain(0)
    assert "9 outside" in text
    assert text.endswith("then Python function copy")
