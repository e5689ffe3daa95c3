"""A pipeline as a pure function: the same pictures as a plan, whatever is traced and whatever is known beforehand."""

import array_api_strict
import numpy as np
import pytest

import imagefeed as feed
from imagefeed import PlanError, SpecError, array_ops, rng
from imagefeed.inmodel import InFramework, InModel
from imagefeed.plan import plan

SIZE = (60, 50)

PIPELINES = {
    "resize": [feed.Resize((24, 20))],
    "contain": [feed.Resize((24, 20), fit="contain", fill=9), feed.Rescale(1 / 255)],
    "crop": [feed.RandomResizedCrop((24, 20)), feed.HorizontalFlip()],
    "bicubic": [feed.RandomResizedCrop((24, 20), interpolation="bicubic")],
    "lanczos": [feed.Resize((70, 20), interpolation="lanczos"), feed.VerticalFlip()],
    "turned": [feed.Resize((24, 20)), feed.Rotate(degrees=(-30, 30)), feed.Brightness(factor=(0.5, 1.5))],
    "shrunk": [feed.Rotate(degrees=(-30, 30)), feed.Zoom(factor=(0.3, 1.5)), feed.CenterCrop((40, 40))],
    "sometimes": [feed.Sometimes(feed.Rotate(degrees=(10, 30)), probability=0.5), feed.Resize((20, 20))],
    "one of": [feed.OneOf([feed.Zoom(factor=(0.3, 2)), feed.Rotate(degrees=(5, 9)), feed.Saturation(factor=(0, 2))])],
    "perspective": [feed.Perspective(0.4, border="constant", fill=30), feed.Resize((32, 30))],
    "nearest": [feed.Rotate(degrees=(-30, 30), interpolation="nearest"), feed.RandomCrop((64, 40))],
    "units": [feed.HorizontalFlip(), feed.Normalize.preset("caffe")],
    **{
        f"far, {border}": [feed.Zoom(factor=(0.1, 1.5), border=border), feed.Translate(x=(-0.9, 0.9), border=border)]
        for border in ("constant", "replicate", "reflect", "wrap")
    },
}


def pictures(count: int = 5, size: tuple[int, int] = SIZE, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, *size, channels), np.uint8)


def numbers(pipeline: feed.Pipeline, count: int) -> np.ndarray | None:
    stage = pipeline.stages()[0]
    return rng.uniform(7, 0, stage.numbers, stage.counts, np.arange(count)) if pipeline.is_random else None


def planned(pipeline: feed.Pipeline, images: np.ndarray, dtype: type = np.float32) -> np.ndarray:
    """What the plan of every record makes of it, one after another."""
    sizes = np.tile(np.array(images.shape[1:3]), (len(images), 1))
    result = plan(pipeline.stages()[0], sizes, np.arange(len(images)), seed=7, epoch=0)
    return np.stack([array_ops.run(result.passes, image, k, dtype) for k, image in enumerate(images)])


@pytest.mark.parametrize("name", PIPELINES)
def test_a_batch_is_what_its_records_are(name: str) -> None:
    pipeline, images = feed.Pipeline(PIPELINES[name]), pictures()
    ours = InModel(pipeline)(images, numbers(pipeline, len(images)), np)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, planned(pipeline, images), atol=1e-3)


@pytest.mark.parametrize("name", PIPELINES)
def test_nothing_beyond_the_standard_is_used_nor_known_sizes_needed(name: str) -> None:
    """With the routes for any size, and every number an array of a library that has the standard and nothing else."""
    pipeline, images = feed.Pipeline(PIPELINES[name]), pictures()
    form = InModel(pipeline)
    form.prepare = lambda size: InModel.prepare(form, None)
    drawn = numbers(pipeline, len(images))
    traced = None if drawn is None else array_api_strict.asarray(drawn)
    ours = form(array_api_strict.asarray(images), traced, array_api_strict)
    np.testing.assert_allclose(np.asarray(ours), planned(pipeline, images), atol=1e-3)


def test_what_is_the_same_for_all_records_is_known_beforehand() -> None:
    fixed = InModel(feed.Pipeline([feed.Resize((24, 20)), feed.Contrast(factor=(0.5, 1.5)), feed.Rescale(1 / 255)]))
    (one,) = fixed.prepare(SIZE)
    assert one.constant == (True, False, True)
    assert one.way is not None
    assert one.way.aligned is True
    assert fixed.prepare(None)[0].constant == (False, False, True)


def test_what_is_rare_is_not_overlooked() -> None:
    rare = feed.Sometimes(feed.Rotate(degrees=(5, 5)), probability=1e-9)
    (one,) = InModel(feed.Pipeline([rare])).prepare(SIZE)
    assert one.constant == (False,)
    assert one.way is not None
    assert one.way.aligned is None
    choice = feed.OneOf([feed.Rotate(degrees=(5, 5)), feed.HorizontalFlip()], weights=(1e-9, 1.0))
    assert InModel(feed.Pipeline([choice])).prepare(SIZE)[0].way.aligned is None


def test_the_size_that_comes_out() -> None:
    assert InModel(feed.Pipeline([feed.Resize((24, 20))])).size_after(None) == (24, 20)
    assert InModel(feed.Pipeline([feed.Rotate(degrees=(0, 9))])).size_after(None) is None
    assert InModel(feed.Pipeline([feed.Rotate(degrees=(0, 9))])).size_after((8, 9)) == (8, 9)


def test_statistics_can_be_given() -> None:
    form = InModel(feed.Pipeline([feed.Normalize(mean=10.0, std=2.0)]))
    assert {name: array.tolist() for name, array in form.statistics.items()} == {"scale": [0.5], "bias": [-5.0]}
    given = {"scale": np.float32([2.0]), "bias": np.float32([1.0])}
    images = pictures(1, (2, 2))
    np.testing.assert_array_equal(form(images, None, np, given), images * 2.0 + 1.0)


def test_whitening() -> None:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (300, 3, 4, 3), np.uint8)
    statistics = feed.Statistics.fit(feed.arrays(images), feed.Pipeline([]), whiten="zca")
    pipeline = feed.Pipeline([feed.HorizontalFlip(probability=0.0), feed.Whiten(statistics)])
    form = InModel(pipeline)
    assert set(form.statistics) == {"scale", "bias", "analysis"}
    ours = form(images, numbers(pipeline, 300), np).reshape(300, -1)
    np.testing.assert_allclose(np.cov(ours.T, bias=True), np.eye(36), atol=0.05)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([feed.Apply(np.copy)], "a model cannot hold a Python function"),
        ([feed.Sometimes(feed.Resize((9, 9)))], "these steps give 9x9 and 60x50; end the geometry with Resize"),
    ],
)
def test_what_a_model_cannot_do(steps: list[feed.Transform], message: str) -> None:
    with pytest.raises((SpecError, PlanError), match=message):
        InModel(feed.Pipeline(steps)).prepare(SIZE)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (feed.JpegCompression(quality=(20, 90)), "made into files"),
        (feed.Sometimes(feed.JpegCompression(quality=(20, 90)), probability=0.1), "made into files"),
        (feed.AugMix(), "chains of ops"),
    ],
)
def test_what_only_a_loader_does_is_refused_by_name(step: feed.Transform, reason: str) -> None:
    with pytest.raises(SpecError) as caught:
        InFramework(feed.Pipeline([feed.HorizontalFlip(), step]))
    assert str(caught.value).startswith(f"steps[1].{step!r}: no model can do this, since ")
    assert reason in str(caught.value)


def test_statistics_of_other_channels_are_refused() -> None:
    with pytest.raises(PlanError, match="its statistics are of 3 channels, but the pictures have 1"):
        InModel(feed.Pipeline([feed.Normalize.preset("imagenet")]))(pictures(channels=1), None, np)


def test_an_onnx_file_is_written_whole_or_not_at_all(tmp_path) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*none' to write to; make it first"):
        feed.Pipeline([feed.Resize((8, 8))]).to_onnx(tmp_path / "none" / "p.onnx")
    feed.Pipeline([feed.Resize((8, 8))]).to_onnx(tmp_path / "p.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["p.onnx"]
