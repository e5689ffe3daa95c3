"""The conformance suite: what every public transform must hold. A new one needs an example here."""

import pickle
from dataclasses import FrozenInstanceError, fields

import array_api_strict
import numpy as np
import pytest

import imagefeed as feed
from imagefeed import Transform
from imagefeed.ops import Host, Op, Warp, extent_after
from imagefeed.transforms import Drawn

PUBLIC = sorted(
    (cls for name in feed.__all__ if isinstance(cls := getattr(feed, name), type) and issubclass(cls, Transform)),
    key=lambda cls: cls.__name__,
)

EXAMPLES: list[Transform] = [
    feed.Affine(degrees=(-9, 9), x=(-0.1, 0.1), y=(0, 0.2), shear_x=(-5, 5), shear_y=(0, 3), zoom=(0.8, 1.2)),
    feed.Apply(np.flipud),
    feed.Apply(np.flipud, random=True),
    feed.Brightness(factor=(0.5, 1.5)),
    feed.CenterCrop((5, 7)),
    feed.Contrast(factor=(0.5, 1.5)),
    feed.HorizontalFlip(),
    feed.HorizontalFlip(probability=1.0),
    feed.Normalize(mean=(1.0, 2.0, 3.0), std=2.0),
    feed.OneOf([feed.RandomCrop((5, 7), border="wrap"), feed.Brightness(factor=(0, 2))], weights=(1.0, 3.0)),
    feed.OneOf([feed.Shear(x=(-9, 9)), feed.Zoom(factor=(0.5, 2)), feed.Saturation(factor=(0, 1))]),
    feed.Perspective(0.3, border="constant", fill=7),
    feed.RandomCrop((50, 70), border="constant", fill=3),
    feed.RandomResizedCrop((5, 7), scale=(0.2, 0.8), interpolation="bicubic"),
    feed.Rescale(1 / 255),
    feed.Rescale(1 / 127.5, offset=-1),
    feed.Resize((5, 7), fit="contain", fill=100),
    feed.Resize((5, 7), fit="cover", interpolation="lanczos", antialias=False),
    feed.Resize((5, 7)),
    feed.Rotate(degrees=(-30, 30), interpolation="nearest"),
    feed.Saturation(factor=(0, 2)),
    feed.Shear(x=(-20, 20), y=(-10, 10)),
    feed.Sometimes(feed.Resize((5, 7)), probability=0.5),
    feed.Sometimes(feed.Apply(np.flipud, random=True)),
    feed.Sometimes(feed.Sometimes(feed.Rotate(degrees=(5, 5)))),
    feed.Translate(x=(-0.5, 0.5), y=(-0.1, 0.3), border="replicate"),
    feed.VerticalFlip(),
    feed.Normalize(feed.Statistics(count=9, mean=[[[1.0, 2.0, 3.0]]], std=[[[4.0, 5.0, 0.0]]]), order="bgr"),
    feed.Whiten(
        feed.Statistics(
            count=9,
            mean=[[[1.0], [2.0]]],
            covariance=feed.Covariance(basis=[[0.6, 0.8], [0.8, -0.6]], variances=[4.0, 1.0], method="pca"),
        ),
        epsilon=0.5,
    ),
    feed.Zoom(factor=(0.5, 2)),
    feed.Zoom(factor=(0.5, 2), keep_ratio=False),
]

ROWS = 6
HEIGHTS, WIDTHS = np.array([40.0, 30, 1, 7, 99, 40]), np.array([31.0, 50, 1, 2, 5, 31])

every = pytest.mark.parametrize("transform", EXAMPLES, ids=repr)
# A batch has one unit, so what changes the unit cannot be applied to some records.
every_partial = pytest.mark.parametrize("transform", [t for t in EXAMPLES if t.role != "units"], ids=repr)


# Arrays that all records share, without an axis for them.
SHARED = ("scale", "bias", "analysis", "synthesis")


def uniforms(transform: Transform) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    numbers = {name: rng.random((ROWS, variable.count)) for name, variable in transform.variables().items()}
    for array in numbers.values():
        array.flags.writeable = False
    return numbers


def lowered(transform: Transform, rows: slice = slice(None), xp: object = np) -> tuple[Op, ...]:
    variables, numbers = transform.variables(), uniforms(transform)
    drawn = {n: variables[n].sample(xp.asarray(numbers[n][rows]), xp) for n in variables}  # type: ignore[attr-defined]
    extent = xp.asarray(HEIGHTS[rows]), xp.asarray(WIDTHS[rows])  # type: ignore[attr-defined]
    return transform.lower(Drawn(**drawn), extent, xp)


def arrays(op: Op) -> dict[str, np.ndarray]:
    """The arrays of an op by name, each with an axis for the records if it has one."""
    values = {field.name: getattr(op, field.name) for field in fields(op)}
    return {name: np.asarray(value) for name, value in values.items() if hasattr(value, "__array_namespace__")}


def options(op: Op) -> dict[str, object]:
    values = {field.name: getattr(op, field.name) for field in fields(op)}
    return {name: value for name, value in values.items() if name not in arrays(op)}


def test_there_is_an_example_of_every_public_transform() -> None:
    assert {type(example) for example in EXAMPLES} == set(PUBLIC) - {Transform}
    assert len(PUBLIC) > 20


@pytest.mark.parametrize("cls", [cls for cls in PUBLIC if cls is not Transform])
def test_is_documented(cls: type[Transform]) -> None:
    assert cls.__doc__ is not None
    for field in fields(cls):  # type: ignore[arg-type]
        assert f"\n        {field.name}: " in cls.__doc__ + str(cls.__mro__[1].__doc__), field.name


@every
def test_is_a_value(transform: Transform) -> None:
    names = vars(feed) | {"flipud": np.flipud}
    copies = [eval(repr(transform), names), pickle.loads(pickle.dumps(transform))]
    for copy in copies:
        assert copy == transform
        assert hash(copy) == hash(transform)
        assert repr(copy) == repr(transform)
    for field in fields(transform):  # type: ignore[arg-type]
        with pytest.raises(FrozenInstanceError):
            setattr(transform, field.name, None)


def test_differing_transforms_differ() -> None:
    assert len(set(EXAMPLES)) == len({repr(example) for example in EXAMPLES}) == len(EXAMPLES)


@every
def test_lowering_is_pure_and_knows_no_batch(transform: Transform) -> None:
    HEIGHTS.flags.writeable = WIDTHS.flags.writeable = False
    whole, again = lowered(transform), lowered(transform)
    for op, same in zip(whole, again, strict=True):
        assert options(op) == options(same)
    for row in range(ROWS):
        alone = lowered(transform, slice(row, row + 1))
        assert [type(op) for op in alone] == [type(op) for op in whole]
        for op, one in zip(whole, alone, strict=True):
            for name, array in arrays(op).items():
                part = array if name in SHARED or len(array) == 1 else array[row : row + 1]
                np.testing.assert_array_equal(part, arrays(one)[name])


@every
def test_lowering_uses_the_array_api_standard_alone(transform: Transform) -> None:
    for op, strict in zip(lowered(transform), lowered(transform, xp=array_api_strict), strict=True):
        assert options(op) == options(strict)
        assert arrays(op).keys() == arrays(strict).keys()
        for name, array in arrays(op).items():
            assert isinstance(getattr(strict, name), type(array_api_strict.asarray(0)))
            np.testing.assert_allclose(arrays(strict)[name], array, atol=1e-12)


@every
def test_arrays_have_a_row_for_every_record_or_one_for_all(transform: Transform) -> None:
    extent = HEIGHTS, WIDTHS
    for op in lowered(transform):
        for name, array in arrays(op).items():
            assert np.isfinite(array).all()
            assert name in SHARED or len(array) in (1, ROWS)
        extent = extent_after(op, extent, np)
        if isinstance(op, Warp):
            assert op.matrix.shape[1:] == (3, 3)
            assert op.size is None or op.size.dtype == np.int64
        if transform.role == "pixels":
            assert not isinstance(op, Host)
    size = getattr(transform, "size", None)
    assert size is None or (set(extent[0]), set(extent[1])) == ({size[0]}, {size[1]})


@every
def test_the_deterministic_form_draws_nothing(transform: Transform) -> None:
    forms = transform.deterministic() if not isinstance(transform, feed.OneOf) else ()
    for form in forms:
        assert not form.variables()
        assert form.deterministic() == (form,)
        assert getattr(form, "size", None) == getattr(transform, "size", None)
    if not transform.variables():
        assert forms == (transform,)


@every_partial
def test_nothing_is_done_where_the_probability_is_zero(transform: Transform) -> None:
    for op in lowered(feed.Sometimes(transform, probability=0.0)):
        if isinstance(op, Warp):
            assert (op.matrix == np.eye(3)).all()
            assert op.size is None or (op.size == np.stack([HEIGHTS, WIDTHS], axis=1)).all()
        elif isinstance(op, Host):
            assert op.mask is not None
            assert not op.mask.any()
        else:
            assert (arrays(op)["matrix"] == np.eye(3, 4)).all()


@every_partial
def test_everything_is_done_where_the_probability_is_one(transform: Transform) -> None:
    variables, numbers = transform.variables(), uniforms(transform)
    drawn = {name: variables[name].sample(numbers[name], np) for name in variables}
    plain = transform.lower(Drawn(**drawn), (HEIGHTS, WIDTHS), np)
    inner = {f"transform.{name}": value for name, value in drawn.items()} | {"applied": np.ones(ROWS, bool)}
    for op, always in zip(plain, feed.Sometimes(transform).lower(Drawn(**inner), (HEIGHTS, WIDTHS), np), strict=True):
        for name, array in arrays(op).items():
            np.testing.assert_array_equal(*np.broadcast_arrays(arrays(always)[name], array))
