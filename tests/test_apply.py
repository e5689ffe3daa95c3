"""Python functions on pictures, on masks and on whole batches, in threads and in processes."""

import numpy as np
import pytest

import imagefeed as feed
from imagefeed.inmodel import InModel

COUNT = 11


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 12, 16, 3)).astype(np.uint8)


def raised(mask: np.ndarray) -> np.ndarray:
    return mask + np.uint8(3)


def noisy(mask: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return mask ^ generator.integers(0, 256, mask.shape, np.uint8)


def numbered(images: np.ndarray, targets: dict) -> tuple[np.ndarray, dict]:
    return images * 2, targets | {"count": np.full(len(images), len(images))}


def blended(images: np.ndarray, targets: object, generator: np.random.Generator) -> tuple[np.ndarray, object]:
    """A mix within the batch, as training scripts write it."""
    return images + images[generator.permutation(len(images))], targets


def loader(steps: list, targets: object = None, **options) -> feed.Loader:
    given = {"batch_size": 4, "shuffle": False, "seed": 3} | options
    return feed.Loader(feed.arrays(pictures(), targets), feed.Pipeline(steps), **given)


def masks(kind: str = "index") -> feed.Mask:
    return feed.Mask(pictures()[..., 0] // 8, kind=kind)


def test_a_mask_is_what_the_function_makes_of_it() -> None:
    steps = [feed.HorizontalFlip(), feed.Apply(raised, on="mask"), feed.VerticalFlip()]
    # The number of a step keys its draws: nothing is drawn by the second one.
    stand_in = [steps[0], feed.Apply(np.copy), steps[2]]
    other = list(loader(stand_in, {"a": masks(), "b": masks("soft"), "c": feed.Image(pictures())}))
    made = list(loader(steps, {"a": masks(), "b": masks("soft"), "c": feed.Image(pictures())}, threads=2))
    assert len(other) == len(made) == 3
    for (images, got), (expected, before) in zip(made, other, strict=True):
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(got["a"], before["a"] + 3)
        np.testing.assert_allclose(got["b"], before["b"] + 3 / 255, atol=1e-6)
        np.testing.assert_array_equal(got["c"], before["c"])


def test_masks_of_a_record_are_given_the_same_numbers() -> None:
    steps = [feed.Apply(noisy, on="mask", random=True)]
    whole = next(iter(loader(steps, {"a": masks(), "b": masks()}, batch_size=COUNT)))[1]
    np.testing.assert_array_equal(whole["a"], whole["b"])
    assert (whole["a"] != masks().pictures).mean() > 0.9
    parts = [targets["a"] for _, targets in loader(steps, {"a": masks(), "b": masks()}, threads=1)]
    np.testing.assert_array_equal(np.concatenate(parts), whole["a"])


def test_a_function_on_masks_in_sometimes_and_without_masks() -> None:
    steps = [feed.Sometimes(feed.Apply(raised, on="mask"))]
    targets = next(iter(loader(steps, masks(), batch_size=COUNT)))[1]
    change = targets - pictures()[..., 0] // 8
    assert set(change.reshape(COUNT, -1).min(axis=1).tolist()) == {0, 3}
    assert (change == change[:, :1, :1]).all()
    np.testing.assert_array_equal(
        feed.render(pictures()[0], feed.Pipeline([feed.Apply(raised, on="mask")]))[0], pictures()[0]
    )
    with pytest.raises(feed.SpecError, match=r"Apply\(raised\): works on masks, but there are none among the targets"):
        next(iter(loader(steps, np.arange(COUNT))))
    smaller = feed.Apply(lambda mask: mask[::2].copy(), on="mask")
    with pytest.raises(feed.SpecError, match=r"returned uint8 of shape \(6, 16\); expected uint8 of shape \(12, 16\)"):
        next(iter(loader([smaller], masks())))


def test_a_batch_is_what_the_function_makes_of_it() -> None:
    steps = [feed.Rescale(1 / 255), feed.Apply(numbered, on="batch"), feed.Apply(numbered, on="batch")]
    made = list(loader(steps, {"mask": masks()}))
    start = 0
    for images, targets in made:
        part = slice(start, start + len(images))
        np.testing.assert_allclose(images, pictures()[part] / 255 * 4, rtol=1e-6)
        np.testing.assert_array_equal(targets["mask"], pictures()[part, :, :, 0] // 8)
        assert targets["count"].tolist() == [len(images)] * len(images)
        start += len(images)
    assert [len(images) for images, _ in made] == [4, 4, 3]


def test_the_same_from_threads_and_processes() -> None:
    steps = [
        feed.Apply(noisy, on="mask", random=True),
        feed.HorizontalFlip(),
        feed.Rescale(1 / 255),
        feed.Apply(blended, on="batch", random=True),
    ]
    expected = list(loader(steps, masks(), threads=1))
    for options in ({"threads": 3}, {"processes": 2, "isolate": True}):
        for one, other in zip(loader(steps, masks(), **options), expected, strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])
    plain = next(iter(loader(steps[:3], masks())))[0]
    added = expected[0][0] - plain
    assert sorted(int(abs(plain - one).max(axis=(1, 2, 3)).argmin()) for one in added) == [0, 1, 2, 3]
    again = loader(steps, masks())
    list(again)
    assert not np.array_equal(next(iter(again))[0], expected[0][0])  # another epoch


def test_every_batch_has_numbers_of_its_own() -> None:
    def drawn(images: np.ndarray, targets: object, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return images, generator.integers(0, 1 << 40, len(images))

    step = feed.Apply(drawn, on="batch", random=True)
    numbers = np.concatenate([one[1] for one in loader([step])])
    assert len(set(numbers.tolist())) == COUNT


def test_what_a_function_of_batches_may_not_do() -> None:
    for function, message in (
        (lambda images, targets: images, "returned ndarray; expected a tuple of images, a NumPy array, and targets"),
        (lambda images, targets: (images[1:], targets), "returned 3 images; expected 4, as many as there were"),
    ):
        with pytest.raises(feed.SpecError, match=message):
            list(loader([feed.Apply(function, on="batch")]))
    with pytest.raises(feed.SpecError, match=r"steps\[1\].Resize: comes after .* works on whole batches; move it"):
        feed.Pipeline([feed.Apply(numbered, on="batch"), feed.Resize((4, 4))])
    with pytest.raises(feed.SpecError, match=r"Apply\.on: got 'pixel'; expected one of 'image', 'mask', 'batch'"):
        feed.Apply(numbered, on="pixel")
    with pytest.raises(feed.SpecError, match="a model cannot hold a Python function"):
        InModel(feed.Pipeline([feed.Apply(numbered, on="batch")]))


def test_where_else_a_function_of_batches_comes_or_does_not(tmp_path) -> None:
    step = feed.Apply(numbered, on="batch")
    pipeline = feed.Pipeline([feed.Resize((4, 4)), feed.Rescale(2.0), step])
    assert pipeline.deterministic().steps == pipeline.steps
    assert pipeline.levels().steps == pipeline.steps[:1]
    assert repr(step) == "Apply(numbered, on='batch')"
    feed.register(numbered)
    pipeline.save(tmp_path / "p.json")
    assert feed.Pipeline.load(tmp_path / "p.json") == pipeline
    with pytest.raises(feed.SpecError, match="works on batches, and files hold pictures"):
        feed.materialize(feed.arrays(pictures(), np.zeros(COUNT, int)), feed.Pipeline([step]), tmp_path / "out")
