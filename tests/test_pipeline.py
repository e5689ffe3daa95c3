"""The description as a whole: pipelines, and transforms that are made of others."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

import imagefeed as feed
from imagefeed import Pipeline, SpecError, Transform
from imagefeed.plan import plan

STEPS = [
    feed.RandomResizedCrop((224, 224), scale=(0.35, 1.0)),
    feed.HorizontalFlip(),
    feed.Sometimes(feed.Rotate(degrees=(-10, 10)), probability=0.3),
    feed.Rescale(1 / 255),
    feed.Normalize(mean=(0.5, 0.5, 0.5), std=0.2),
]


def test_a_pipeline_is_a_value() -> None:
    pipeline = Pipeline(STEPS)
    assert list(pipeline) == STEPS
    assert len(pipeline) == 5
    assert pipeline == Pipeline(tuple(STEPS))
    assert pipeline != Pipeline(STEPS, training=False)
    assert hash(pipeline) == hash(Pipeline(STEPS))
    for one in (pipeline, pipeline.deterministic(), Pipeline([])):
        assert eval(repr(one), vars(feed)) == one
        assert pickle.loads(pickle.dumps(one)) == one


def test_the_list_that_was_given_is_not_kept() -> None:
    steps = list(STEPS)
    pipeline = Pipeline(steps)
    steps.clear()
    assert len(pipeline) == 5


def test_pipelines_are_joined() -> None:
    assert Pipeline(STEPS[:2]) + Pipeline(STEPS[2:]) == Pipeline(STEPS)
    assert not (Pipeline(STEPS[:2]) + Pipeline(STEPS[2:], training=False)).training
    with pytest.raises(TypeError):
        Pipeline(STEPS) + STEPS  # type: ignore[operator]


def test_what_is_random_vanishes_or_has_a_stand_in() -> None:
    def fixed(image: np.ndarray) -> np.ndarray:
        return image

    random = [
        feed.RandomCrop((9, 9), border="wrap"),
        feed.Brightness(factor=(0, 2)),
        feed.Apply(fixed, random=True),
    ]
    pipeline = Pipeline([*STEPS[:3], feed.Apply(fixed), *random, *STEPS[3:]])
    expected = [
        feed.Resize((224, 224), fit="cover"),
        feed.Apply(fixed),
        feed.CenterCrop((9, 9), border="wrap"),
        *STEPS[3:],
    ]
    assert pipeline.is_random
    assert pipeline.deterministic() == Pipeline(expected, training=False)
    assert not pipeline.deterministic().is_random
    assert pipeline.deterministic().deterministic() == pipeline.deterministic()


def test_a_resized_crop_keeps_its_kernel_at_validation() -> None:
    (form,) = feed.RandomResizedCrop((8, 9), interpolation="lanczos", antialias=False).deterministic()
    assert form == feed.Resize((8, 9), fit="cover", interpolation="lanczos", antialias=False)


def test_stages_end_with_a_python_function() -> None:
    apply = feed.Apply(np.copy)
    pipeline = Pipeline([feed.HorizontalFlip(), apply, apply, feed.VerticalFlip(), feed.Rescale(2)])
    numbers = [[step.number for step in stage.steps] for stage in pipeline.stages()]
    assert numbers == [[0, 1], [2], [3, 4]]
    assert [stage.scalable for stage in pipeline.stages()] == [True, False, False]
    assert [stage.numbers.tolist() for stage in pipeline.stages()] == [[0], [], [3]]
    assert [[s.number for s in stage.steps] for stage in Pipeline([apply]).stages()] == [[0]]
    assert [stage.steps for stage in Pipeline([]).stages()] == [()]


@pytest.mark.parametrize(
    ("pipeline", "scalable"),
    [
        (Pipeline(STEPS), True),
        (Pipeline(STEPS, training=False), False),
        (Pipeline(STEPS).deterministic(), False),
        (Pipeline(STEPS[3:]), False),
    ],
)
def test_only_random_views_in_training_may_be_scaled(pipeline: Pipeline, scalable: bool) -> None:
    assert [stage.scalable for stage in pipeline.stages()] == [scalable]


class NotADataclass(Transform):
    def lower(self, drawn, extent, xp):  # type: ignore[no-untyped-def]
        return ()


@dataclass
class NotFrozen(NotADataclass):
    pass


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (feed.HorizontalFlip(), r"Pipeline.steps: got HorizontalFlip\(\); expected a list of transforms"),
        (
            [STEPS[0], feed.HorizontalFlip],
            r"steps\[1\]: got <class .*>; this is the class; write HorizontalFlip\(",
        ),
        ([np.flipud], r"steps\[0\]: got <function.*>; wrap a function as Apply\(function\)"),
        ([STEPS[0], None], r"steps\[1\]: got None; expected a transform"),
        ([Pipeline(STEPS)], r"steps\[0\]: got 'a Pipeline'; join pipelines as first \+ second"),
        (
            [NotADataclass()],
            r"steps\[0\].NotADataclass: not a frozen dataclass; put @dataclass\(frozen=True\)",
        ),
        ([NotFrozen()], r"steps\[0\].NotFrozen: not a frozen dataclass"),
        (
            [feed.Rescale(2), feed.Rescale(2), feed.Rotate(degrees=(0, 1))],
            r"steps\[2\].Rotate: works on levels from 0 to 255, which steps\[1\].Rescale leaves; move",
        ),
        ([feed.Normalize(mean=1, std=1), feed.Apply(np.copy)], r"steps\[1\].Apply: works on levels"),
    ],
)
def test_a_wrong_step_is_named(steps: object, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Pipeline(steps)  # type: ignore[arg-type]


def test_training_is_a_bool() -> None:
    with pytest.raises(SpecError, match=r"Pipeline\.training: got 1; expected True or False"):
        Pipeline(STEPS, training=1)  # type: ignore[arg-type]


# ---------- transforms made of others


def draws(transform: Transform, count: int = 4000) -> dict[str, np.ndarray]:
    stage = Pipeline([transform]).stages()[0]
    result = plan(stage, np.full((count, 2), 9), np.arange(count), seed=0, epoch=0)
    return vars(result.drawn[0])


def test_sometimes_is_applied_with_its_probability() -> None:
    assert draws(feed.Sometimes(feed.VerticalFlip(), probability=0.3))["applied"].mean() == pytest.approx(0.3, abs=0.03)


def test_one_of_chooses_by_weight() -> None:
    flips = [feed.VerticalFlip(), feed.HorizontalFlip(), feed.VerticalFlip(probability=1)]
    choice = draws(feed.OneOf(flips, weights=(1, 0, 3)))["choice"]
    assert [(choice == k).mean() for k in range(3)] == pytest.approx([0.25, 0, 0.75], abs=0.03)


def test_inner_transforms_draw_after_the_outer_one() -> None:
    rotate = feed.Rotate(degrees=(-9, 9))
    names = {
        feed.Sometimes(rotate): ["applied", "transform.degrees"],
        feed.Sometimes(feed.Sometimes(rotate)): [
            "applied",
            "transform.applied",
            "transform.transform.degrees",
        ],
        feed.OneOf([rotate, feed.Translate()]): ["choice", "0.degrees", "1.x", "1.y"],
    }
    for transform, expected in names.items():
        assert list(transform.variables()) == expected


def test_one_of_does_to_each_record_what_was_chosen() -> None:
    branches = [
        feed.Resize((4, 5)),
        feed.Brightness(factor=(0, 2)),
        feed.CenterCrop((3, 2)),
        feed.VerticalFlip(probability=1),
    ]
    stage = Pipeline([feed.OneOf(branches)]).stages()[0]
    sizes, records = np.full((60, 2), 9), np.arange(60)
    result = plan(stage, sizes, records, seed=0, epoch=0)
    for row, choice in enumerate(result.drawn[0].choice.astype(int)):
        alone = Pipeline([branches[choice]]).stages()[0]
        expected = plan(alone, sizes[:1], records[:1], seed=0, epoch=0)
        assert result.sizes[row].tolist() == expected.sizes[0].tolist()
        one, other = result.passes[0].warp, expected.passes[0].warp
        matrix = np.eye(3) if other is None else other.matrix[0]
        assert one is not None
        np.testing.assert_allclose(one.matrix[row], matrix)
        factor = result.drawn[0].within("1").factor[row] if choice == 1 else 1.0
        assert result.passes[0].ops[0].matrix[row, 0, 0] == np.float32(factor)  # type: ignore[union-attr]


def test_one_of_has_a_deterministic_form_where_its_branches_agree() -> None:
    crops = [feed.RandomResizedCrop((8, 8)), feed.RandomResizedCrop((8, 8), scale=(0.5, 1.0))]
    assert feed.OneOf(crops).deterministic() == (feed.Resize((8, 8), fit="cover"),)
    assert feed.OneOf([feed.VerticalFlip(), feed.Rotate(degrees=(0, 1))]).deterministic() == ()
    with pytest.raises(SpecError, match=r"OneOf\(.*\): stands for .*CenterCrop.* or .*Resize.* at validation; write"):
        feed.OneOf([feed.RandomCrop((8, 8)), *crops]).deterministic()


@pytest.mark.parametrize("seed", [0, 2**53 - 1])
def test_a_random_function_is_seeded_by_its_draw(seed: int) -> None:
    step = feed.Apply(lambda image, rng: rng.integers(0, 9, image.shape, np.uint8), random=True)
    result = plan(Pipeline([step]).stages()[0], np.full((3, 2), 9), np.arange(3), seed=seed, epoch=0)
    assert result.host is not None
    image = np.zeros((2, 2, 3), np.uint8)
    pictures = [result.host(image, row) for row in range(3)]
    drawn = np.random.default_rng(int(result.drawn[0].seed[1])).integers(0, 9, image.shape, np.uint8)
    np.testing.assert_array_equal(pictures[1], drawn)
    assert (pictures[0] != pictures[1]).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: feed.Sometimes(feed.Rotate), r"Sometimes.transform: got <class .*; write Rotate\(\.\.\.\)"),
        (
            lambda: feed.Sometimes(feed.Rescale(2)),
            r"Sometimes.transform: got Rescale\(2\); put it at the end",
        ),
        (lambda: feed.Sometimes(feed.VerticalFlip(), probability=-1), "Sometimes.probability: got -1"),
        (lambda: feed.OneOf([]), r"OneOf.transforms: got \[\]; expected a list of at least one transform"),
        (lambda: feed.OneOf([np.flipud]), r"OneOf.transforms\[0\]: got .*wrap a function as Apply"),
        (
            lambda: feed.OneOf([feed.Apply(np.flipud, on="batch")]),
            r"OneOf.transforms\[0\]: got Apply\(flipud, on='batch'\); put it at the end: it works on whole batches",
        ),
        (
            lambda: feed.OneOf([feed.VerticalFlip()], weights=(1, 2)),
            r"OneOf.weights: got \(1, 2\); expected one for",
        ),
        (lambda: feed.Apply(3), "Apply.function: got 3; expected a function of one picture"),
        (lambda: feed.Apply(feed.VerticalFlip), "Apply.function: got .*; a transform is a step by itself"),
        (lambda: feed.Apply(np.flipud, random="yes"), "Apply.random: got 'yes'; expected True or False"),
        (lambda: feed.Rescale("1/255"), "Rescale.scale: got '1/255'; expected a number"),
        (lambda: feed.Rescale(1, offset=None), "Rescale.offset: got None; expected a number"),
        (
            lambda: feed.Normalize(mean=(1, 2), std=(1, 2, 3)),
            "Normalize.std: .*; expected 2 numbers, as in Norm",
        ),
        (lambda: feed.Normalize(mean=0, std=0), "Normalize.std: got 0; expected numbers above 0"),
        (
            lambda: feed.Normalize(mean=[1, 2], std=1),
            r"Normalize.mean: got \[1, 2\]; expected a number, or a tuple",
        ),
        (
            lambda: feed.Brightness(factor=(-1, 1)),
            r"Brightness.factor: got \(-1, 1\); both must be of at least 0",
        ),
        (lambda: feed.Contrast(factor=2), r"Contrast.factor: got 2; .* Contrast\(factor=\(1, 2\)\)"),
        (
            lambda: feed.Saturation(factor=(2, 1)),
            r"Saturation.factor: got \(2, 1\); low must not exceed high",
        ),
    ],
)
def test_errors_show_what_is_wrong_and_what_is_right(make, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()


def test_errors_can_be_pickled() -> None:
    for error in (
        feed.DecodeError("a.jpg", "no picture"),
        feed.SpecError("x"),
        feed.SourceError("y"),
        feed.PlanError("z"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))
        assert isinstance(error, feed.ImagefeedError)
    assert str(feed.DecodeError("a.jpg", "no picture")) == "a.jpg: no picture"
    assert feed.DecodeError("a.jpg", "no picture").path == "a.jpg"
