"""Normalize and Whiten: the native store against array_ops, against NumPy, and for every layout and instruction set."""

import numpy as np
import pytest

import imagefeed as feed
from imagefeed import Covariance, Loader, Normalize, PlanError, SpecError, Statistics, Whiten, _native

SIZE = (6, 10)


def pictures(count: int = 11, channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 256, (count, *SIZE, channels))
    return values.astype(dtype)


def batch(images: np.ndarray, *steps: feed.Transform, **options: object) -> np.ndarray:
    """All of them in one batch, by the loader."""
    options = {"batch_size": len(images), "shuffle": False, "threads": 2} | options
    return next(iter(Loader(feed.arrays(images), feed.Pipeline(steps), **options)))  # type: ignore[arg-type]


def each(channels: int, seed: int = 1) -> Statistics:
    rng = np.random.default_rng(seed)
    shape = (*SIZE, channels)
    return Statistics(count=9, mean=rng.uniform(80, 160, shape), std=rng.uniform(20, 60, shape))


def covariance(values: int, rank: int, method: str = "zca") -> Covariance:
    basis = np.linalg.qr(np.random.default_rng(2).normal(size=(values, rank)))[0]
    variances = np.geomspace(4000.0, 1.0, rank)
    return Covariance(basis=basis, variances=variances, rest=0.0 if rank == values else 0.5, method=method)  # type: ignore[arg-type]


def whitened(images: np.ndarray, statistics: Statistics, epsilon: float) -> np.ndarray:
    """In double precision, by the matrix."""
    assert statistics.covariance is not None
    assert statistics.mean is not None
    held = statistics.covariance
    factors = 1 / np.sqrt(held.variances + epsilon)
    rows = (images.astype(np.float64) - statistics.mean).reshape(len(images), -1)
    coordinates = rows @ held.basis * factors
    if held.method == "pca":
        rest = np.zeros((len(rows), rows.shape[1] - len(factors)))
        return np.concatenate([coordinates, rest], axis=1).reshape(images.shape)
    others = rows - rows @ held.basis @ held.basis.T
    return (coordinates @ held.basis.T + others / np.sqrt(held.rest + epsilon)).reshape(images.shape)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_a_value_at_every_place(layout, channels, order) -> None:
    if order == "bgr" and channels == 4:
        return
    images, statistics = pictures(channels=channels), each(channels)
    ours = batch(images, Normalize(statistics, order=order), layout=layout)
    exact = images[..., ::-1] if order == "bgr" else images
    exact = (exact - statistics.mean) / statistics.std
    exact = exact if layout == "nhwc" else exact.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(ours, exact, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_red_and_blue_are_exchanged(layout) -> None:
    images = pictures()
    ours = batch(images, Normalize.preset("caffe"), layout=layout)
    exact = images[..., ::-1] - np.array([103.939, 116.779, 123.68])
    exact = exact if layout == "nhwc" else exact.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(ours, exact, atol=1e-5)
    twice = batch(images, Normalize(mean=0.0, std=1.0, order="bgr"), Normalize(mean=1.0, std=1.0, order="bgr"))
    np.testing.assert_array_equal(twice, images - 1.0)
    first = Normalize(mean=(1.0, 2.0, 3.0), std=(1.0, 2.0, 4.0))
    np.testing.assert_allclose(
        batch(images, first, Normalize(mean=5.0, std=2.0, order="bgr")),
        ((images - [1.0, 2.0, 3.0]) / [1.0, 2.0, 4.0])[..., ::-1] / 2.0 - 2.5,
        atol=1e-5,
    )


def test_a_gray_picture_has_one_order() -> None:
    images = pictures(channels=1)
    np.testing.assert_array_equal(batch(images, Normalize(mean=0.0, std=1.0, order="bgr")), images)
    with pytest.raises(PlanError, match=r"1 or 3 channels, but the picture has 4"):
        batch(pictures(channels=4), Normalize(mean=0.0, std=1.0, order="bgr"))


def test_statistics_per_channel_are_numbers() -> None:
    images = pictures()
    statistics = Statistics(count=3, mean=[[[1.0, 2.0, 3.0]]], std=[[[4.0, 5.0, 0.0]]])
    ours = batch(images, Normalize(statistics))
    exact = (images - np.array([1.0, 2.0, 3.0])) / [4.0, 5.0, 1.0]  # what never varied is only centered
    np.testing.assert_allclose(ours, exact, atol=1e-5)
    only_mean = Statistics(count=3, mean=[[[1.0, 2.0, 3.0]]])
    np.testing.assert_array_equal(batch(images, Normalize(only_mean)), images - [1.0, 2.0, 3.0])


@pytest.mark.parametrize("rank", [180, 120, 20, 7])
@pytest.mark.parametrize("method", ["zca", "pca"])
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_whitening_is_that_of_the_matrix(rank, method, layout) -> None:
    images = pictures()
    statistics = Statistics(count=9, mean=each(3).mean, covariance=covariance(180, rank, method))
    ours = batch(images, Whiten(statistics, epsilon=0.01), layout=layout)
    exact = whitened(images, statistics, 0.01)
    exact = exact if layout == "nhwc" else exact.transpose(0, 3, 1, 2)
    assert abs(ours - exact).max() < 2e-6 * 180  # sums of that many float32 products of a level and about one


def test_whitening_after_rescaling() -> None:
    images = pictures()
    mean = np.asarray(each(3).mean)
    levels = Statistics(count=9, mean=mean, covariance=covariance(180, 180))
    held = covariance(180, 180)
    unit = Statistics(
        count=9, mean=mean / 255, covariance=Covariance(basis=held.basis, variances=held.variances / 255**2)
    )
    ours = batch(images, feed.Rescale(1 / 255), Whiten(unit, epsilon=0.01 / 255**2))
    assert abs(ours - whitened(images, levels, 0.01)).max() < 2e-6 * 180


@pytest.mark.parametrize("count", [1, 7, 8, 9, 33])
def test_whitening_knows_no_batch_and_no_threads(count) -> None:
    images = pictures(40)
    step = Whiten(Statistics(count=9, mean=each(3).mean, covariance=covariance(180, 180)), epsilon=0.01)
    alone = np.concatenate([batch(image[None], step, threads=1) for image in images[:count]])
    np.testing.assert_array_equal(batch(images[:count], step, threads=3), alone)


@pytest.mark.parametrize("rank", [180, 40])
def test_every_instruction_set_gives_the_same_bytes(rank) -> None:
    images, best = pictures(), _native.simd()
    step = Whiten(Statistics(count=9, mean=each(3).mean, covariance=covariance(180, rank)), epsilon=0.01)
    made = {}
    try:
        for name in ("portable", "avx2", "avx512"):
            if _native.select_simd(name):
                made[name] = batch(images, step).tobytes(), batch(images, Normalize(each(3))).tobytes()
    finally:
        _native.select_simd(best)
    assert len(set(made.values())) == 1


def test_a_given_matrix_whitens() -> None:
    images, mean = pictures(), np.asarray(each(3).mean)
    matrix = np.random.default_rng(3).normal(size=(180, 180)) / 27
    ours = batch(images, Whiten(Statistics(count=9, mean=mean, whitening=matrix)))
    exact = ((images - mean).reshape(len(images), -1) @ matrix).reshape(images.shape)
    assert abs(ours - exact).max() < 2e-6 * 180


def test_what_does_not_fit_is_said() -> None:
    images = pictures()
    with pytest.raises(PlanError, match=r"pictures of 6x10, but record 0 becomes 5x5.*Statistics.fit"):
        batch(images, feed.Resize((5, 5)), Normalize(each(3)))
    whiten = Whiten(Statistics(count=9, mean=each(3).mean, covariance=covariance(180, 7)))
    with pytest.raises(PlanError, match="pictures of 6x10, but record 0 becomes 5x5"):
        batch(images, feed.Resize((5, 5)), whiten)
    with pytest.raises(PlanError, match="6x10x3, but this one comes out as 6x10x4"):
        batch(pictures(channels=4), Normalize(each(3)))
    with pytest.raises(PlanError, match="of 180 values, but this one comes out as 6x10x4"):
        batch(pictures(channels=4), whiten)
    with pytest.raises(SpecError, match="comes after Whiten, which must be the last"):
        batch(images, whiten, feed.Rescale(1.0))
    with pytest.raises(SpecError, match="they have no covariance; measure it"):
        Whiten(each(3))
    with pytest.raises(SpecError, match=r"expected \(height, width, channels\) of 180 values"):
        Whiten(Statistics(count=9, mean=[[[1.0, 2.0, 3.0]]], covariance=covariance(180, 7)))
    with pytest.raises(SpecError, match=r"Normalize\(mean=, std=\)"):
        Normalize((1.0, 2.0, 3.0))  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="give one or the other"):
        Normalize(each(3), mean=1.0, std=1.0)
    with pytest.raises(SpecError, match="expected both, or statistics"):
        Normalize(mean=1.0)


@pytest.mark.parametrize(
    "step", [Normalize(each(3)), Whiten(Statistics(count=9, mean=each(3).mean, covariance=covariance(180, 7)))]
)
def test_a_batch_has_one_unit(step) -> None:
    with pytest.raises(SpecError, match="a batch has one unit"):
        feed.Sometimes(step)


def test_a_bad_record_leaves_the_others_of_its_group(tmp_path, data) -> None:
    good = sorted(data("cats_dogs/validation/cats").glob("*.jpg"))[:9]
    (tmp_path / "bad.jpg").write_bytes(good[0].read_bytes()[:300])
    for k, file in enumerate(good):
        (tmp_path / f"{k}.jpg").write_bytes(file.read_bytes())
    source = feed.folder(tmp_path, labels=None)
    step = Whiten(Statistics(count=9, mean=each(3).mean, covariance=covariance(180, 7)))
    pipeline = feed.Pipeline([feed.Resize(SIZE), step])
    loader = Loader(source, pipeline, batch_size=10, shuffle=False, on_error="skip", max_bad=0.5)
    (images,) = loader
    assert len(images) == 9
    np.testing.assert_array_equal(images, feed.render(good, pipeline))


def test_explain_names_the_units() -> None:
    images = pictures()
    steps = [Normalize.preset("caffe"), Whiten(Statistics(count=9, mean=each(3).mean, covariance=covariance(180, 7)))]
    text = Loader(feed.arrays(images), feed.Pipeline(steps)).explain(0)
    assert "red and blue exchanged, value * " in text
    assert "whitening by 7 of 180 directions" in text
