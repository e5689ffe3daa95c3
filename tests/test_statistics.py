"""Statistics: against NumPy on the whole array, and scikit-learn's and NumPy's whitening; merges, memory, errors."""

import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import imagefeed as feed
from imagefeed import Covariance, Loader, Pipeline, Rescale, Resize, SpecError, Statistics, Whiten, fitting, sums

CLOSE = 1e-6  # relative


def images(
    count: int = 37, size: tuple[int, int, int] = (7, 9, 3), dtype: type = np.uint8, seed: int = 0
) -> np.ndarray:
    """Pictures whose values vary together, as those of photographs do."""
    rng = np.random.default_rng(seed)
    values = int(np.prod(size))
    mixed = (
        rng.normal(size=(count, values))
        * (60 * np.arange(1, values + 1) ** -0.7)
        @ np.linalg.qr(rng.normal(size=(values,) * 2))[0]
    )
    return np.clip(mixed + 120, 0, 255).reshape(count, *size).astype(dtype)


def assert_same(ours: Statistics, other: Statistics) -> None:
    for name, array in ours.arrays.items():
        np.testing.assert_allclose(array, other.arrays[name], rtol=CLOSE)
    assert (ours.count, ours.values) == (other.count, other.values)


# ------------------------------------------------------------------------------------------------ moments


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_they_are_numpys_on_the_whole_array(dtype, channels) -> None:
    whole = images(size=(7, 9, channels), dtype=dtype)
    exact = whole.astype(np.float64)
    ours = Statistics.fit(whole)
    assert ours.mean is not None
    assert ours.std is not None
    assert ours.mean.dtype == np.float64
    np.testing.assert_allclose(ours.mean, exact.mean(axis=(0, 1, 2)).reshape(1, 1, -1), rtol=CLOSE)
    np.testing.assert_allclose(ours.std, exact.std(axis=(0, 1, 2)).reshape(1, 1, -1), rtol=CLOSE)
    assert (ours.count, ours.values) == (37, 37 * 63)
    ours = Statistics.fit(whole, per="pixel")
    assert ours.mean is not None
    np.testing.assert_allclose(ours.mean, exact.mean(axis=0), rtol=CLOSE)
    np.testing.assert_allclose(ours.std, exact.std(axis=0), rtol=CLOSE)
    assert (ours.count, ours.values) == (37, 37)


@pytest.mark.parametrize("per", ["channel", "pixel"])
def test_neither_chunks_nor_order_nor_threads_matter(per) -> None:
    whole = images(101)
    expected = Statistics.fit(whole, per=per, batch_size=101)
    for batch_size, threads in ((1, 1), (7, 3), (64, 2)):
        assert_same(Statistics.fit(whole, per=per, batch_size=batch_size, threads=threads), expected)
    assert_same(Statistics.fit(whole[np.random.default_rng(0).permutation(101)], per=per, batch_size=10), expected)


def test_a_large_mean_costs_no_digits() -> None:
    whole = (images(500, (3, 3, 1)) / 255 + 10_000).astype(np.float32)
    exact = whole.astype(np.float64)
    ours = Statistics.fit(whole, batch_size=3)
    assert ours.std is not None
    np.testing.assert_allclose(ours.std.item(), exact.std(), rtol=CLOSE)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(1, 36), per=st.sampled_from(["channel", "pixel"]), again=st.integers(1, 36))
def test_parts_merged_are_the_whole(cut, per, again) -> None:
    whole = images()
    expected = Statistics.fit(whole, per=per)
    parts = [part for part in np.split(whole, sorted({cut, again})) if len(part)]
    merged = Statistics.fit(parts[0], per=per)
    for part in parts[1:]:
        merged = merged + Statistics.fit(part, per=per)
    assert_same(merged, expected)


def test_they_are_those_of_what_the_pipeline_makes(data) -> None:
    """A model is fed values of mean 0 and deviation 1, whatever the steps before are."""
    source = feed.folder(data("cats_dogs/validation"))
    steps = Pipeline([Resize((32, 32), interpolation="bicubic"), Rescale(1 / 255)])
    statistics = Statistics.fit(source, steps)
    assert statistics.mean is not None
    assert 0.3 < statistics.mean.mean() < 0.7
    for per in ("channel", "pixel"):
        statistics = Statistics.fit(source, steps, per=per)  # type: ignore[arg-type]
        normalized = steps + Pipeline([feed.Normalize(statistics)])
        made = np.concatenate([x for x, _ in Loader(source, normalized.deterministic(), batch_size=60)])
        axes = (0, 1, 2) if per == "channel" else 0
        np.testing.assert_allclose(made.mean(axis=axes, dtype=np.float64), 0, atol=1e-5)
        np.testing.assert_allclose(made.std(axis=axes, dtype=np.float64), 1, atol=1e-5)


def test_random_steps_are_measured_as_often_as_asked_for() -> None:
    whole = images(30)
    pipeline = Pipeline([feed.Brightness(factor=(0.2, 0.8))])
    plain, drawn = Statistics.fit(whole, pipeline), Statistics.fit(whole, pipeline, draws=4, seed=3)
    assert (plain.count, drawn.count) == (30, 120)
    np.testing.assert_allclose(plain.mean, Statistics.fit(whole).mean)
    assert drawn.mean is not None
    assert plain.mean is not None
    np.testing.assert_allclose(drawn.mean, plain.mean * 0.5, rtol=0.1)
    loader = Loader(feed.arrays(whole), pipeline, shuffle=False, seed=3, dtype="float32")
    made = np.concatenate([batch for _ in range(4) for batch in loader]).astype(np.float64)
    np.testing.assert_allclose(drawn.mean.ravel(), made.mean(axis=(0, 1, 2)), rtol=CLOSE)


# ------------------------------------------------------------------------------------------------ whitening


def whitened(whole: np.ndarray, statistics: Statistics, epsilon: float) -> np.ndarray:
    pipeline = Pipeline([Whiten(statistics, epsilon=epsilon)])
    return np.concatenate(list(Loader(feed.arrays(whole), pipeline, shuffle=False))).reshape(len(whole), -1)


def test_zca_is_numpys() -> None:
    whole = images(400, (4, 5, 3))
    rows = whole.reshape(400, -1).astype(np.float64)
    vectors, values, _ = np.linalg.svd(np.cov(rows, rowvar=False, bias=True))
    exact = (rows - rows.mean(axis=0)) @ (vectors / np.sqrt(values + 0.1)) @ vectors.T
    statistics = Statistics.fit(whole, whiten="zca", batch_size=37)
    assert abs(whitened(whole, statistics, 0.1) - exact).max() < 1e-3
    assert statistics.covariance is not None
    np.testing.assert_allclose(statistics.covariance.variances, values, rtol=1e-6)
    assert statistics.covariance.explained == 1.0


def test_pca_is_scikit_learns() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition", reason="scikit-learn is not installed")
    whole = images(400, (4, 5, 3))
    theirs = decomposition.PCA(whiten=True, svd_solver="full").fit_transform(whole.reshape(400, -1).astype(np.float64))
    ours = whitened(whole, Statistics.fit(whole, whiten="pca"), 0.0)
    signs = np.sign((ours * theirs).sum(axis=0))
    # Theirs divides by n - 1.
    assert abs(ours * signs - theirs * np.sqrt(400 / 399)).max() < 1e-3


@pytest.mark.parametrize("method", ["zca", "pca"])
def test_the_whitened_covariance_is_the_identity(method) -> None:
    whole = images(900, (4, 5, 3))
    made = whitened(whole, Statistics.fit(whole, whiten=method), 0.0)
    assert abs(np.cov(made, rowvar=False, bias=True) - np.eye(60)).max() < 1e-3
    assert abs(made.mean(axis=0)).max() < 1e-4


def test_halves_merged_whiten_as_the_whole() -> None:
    whole = images(400, (4, 5, 3))
    expected = Statistics.fit(whole, whiten="zca")
    merged = Statistics.fit(whole[:150], whiten="zca") + Statistics.fit(whole[150:], whiten="zca")
    assert_same(merged, expected)
    assert merged.covariance is not None
    assert expected.covariance is not None
    np.testing.assert_allclose(merged.covariance.variances, expected.covariance.variances, rtol=1e-6)
    assert abs(whitened(whole, merged, 0.01) - whitened(whole, expected, 0.01)).max() < 1e-3


def test_a_sketch_finds_the_largest_directions() -> None:
    """What it holds is nearly what the best directions hold, and it says exactly how much that is."""
    whole = images(800, (12, 12, 3), np.float32)
    rows = whole.reshape(800, -1).astype(np.float64)
    values = np.linalg.eigvalsh(np.cov(rows, rowvar=False, bias=True))[::-1]
    statistics = Statistics.fit(whole, whiten="zca", rank=60, memory=2_000_000, batch_size=90)
    held = statistics.covariance
    assert held is not None
    assert held.basis.shape == (432, 60)
    np.testing.assert_allclose(held.basis.T @ held.basis, np.eye(60), atol=1e-5)
    best = values[:60].sum() / values.sum()
    assert best - 0.01 < held.explained <= best + 1e-9
    np.testing.assert_allclose(held.variances[:20], values[:20], rtol=0.05)
    projected = (rows - rows.mean(axis=0)) @ held.basis
    np.testing.assert_allclose(held.variances, (projected**2).mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(
        held.explained, (projected**2).sum() / ((rows - rows.mean(axis=0)) ** 2).sum(), rtol=1e-6
    )
    made = whitened(whole, statistics, 0.0) @ held.basis
    assert abs(np.cov(made, rowvar=False, bias=True) - np.eye(60)).max() < 2e-3
    assert_same(statistics, Statistics.fit(whole, per="pixel"))


def test_a_sketch_of_everything_is_exact(monkeypatch) -> None:
    whole = images(300, (4, 5, 3), np.float32)
    exact = Statistics.fit(whole, whiten="zca")
    monkeypatch.setattr(fitting, "_BYTES_EXACT", 1 << 40)
    sketch = Statistics.fit(whole, whiten="zca")
    assert sketch.covariance is not None
    assert sketch.covariance.basis.dtype == np.float32  # it was one
    assert abs(whitened(whole, sketch, 0.5) - whitened(whole, exact, 0.5)).max() < 2e-3


def test_sketches_merge() -> None:
    whole = images(800, (12, 12, 3), np.float32)
    options = {"whiten": "zca", "rank": 60, "memory": 2_000_000}
    expected = Statistics.fit(whole, **options).covariance  # type: ignore[arg-type]
    first, second = (Statistics.fit(part, **options) for part in (whole[:300], whole[300:]))  # type: ignore[arg-type]
    merged = (first + second).covariance
    assert merged is not None
    assert expected is not None
    np.testing.assert_allclose(merged.basis.T @ merged.basis, np.eye(60), atol=1e-5)
    np.testing.assert_allclose(merged.explained, expected.explained, rtol=0.03)
    np.testing.assert_allclose(merged.variances[:15], expected.variances[:15], rtol=0.05)
    total = [float(c.variances.sum() + c.rest * (432 - 60)) for c in (merged, expected)]
    np.testing.assert_allclose(*total, rtol=1e-4)


def test_whitening_large_pictures_stays_within_its_memory(tmp_path) -> None:
    """96x96x3 has 27,648 values: a covariance of 6.1 GB. The peak does not grow with the number of pictures."""
    code = (
        "import numpy as np, resource, imagefeed as feed\n"
        "whole = np.random.default_rng(0).integers(0, 256, (1000, 96, 96, 3), np.uint8)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = feed.Statistics.fit(whole, whiten='zca', rank=64, memory=1 << 30)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, found.covariance.basis.shape)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300).stdout
    peak, shape = out.split(maxsplit=1)
    assert shape.strip() == "(27648, 64)"
    assert int(peak) * 1024 < 1 << 30


@pytest.mark.parametrize("kind", ["channel", "pixel", "scatter", "sketch", "projected"])
def test_sums_over_parts_that_have_travelled_are_those_over_all(kind) -> None:
    """What several machines sum up, each over some batches, is what one sums up over all of them."""
    rows = images(90, (6, 6, 3), np.float32)
    directions = np.linalg.qr(np.random.default_rng(1).normal(size=(108, 20)))[0].astype(np.float32)
    make = {
        "channel": lambda: sums.MomentSum("channel"),
        "pixel": lambda: sums.MomentSum("pixel"),
        "scatter": lambda: sums.ScatterSum(108),
        "sketch": lambda: sums.SketchSum(rows[0].ravel(), 20, seed=3),
        "projected": lambda: sums.ProjectedSum(rows.mean(axis=0).ravel(), directions),
    }[kind]
    batches = np.split(rows.transpose(0, 3, 1, 2) if kind == "channel" else rows, 9)
    whole, total = make(), make()
    for batch in batches:
        whole.add(batch)
    for part in (batches[6:], batches[:2], batches[2:6]):
        elsewhere = make()
        for batch in part:
            elsewhere.add(batch)
        total.merge(pickle.loads(pickle.dumps(elsewhere)))
    for name in ("matrix", "sketch"):
        if hasattr(whole, name):
            np.testing.assert_allclose(getattr(total, name), getattr(whole, name), rtol=1e-11, atol=1e-6)
    if kind == "scatter":
        expected = np.cov(rows.reshape(90, -1).astype(np.float64), rowvar=False, bias=True)
        np.testing.assert_allclose(total.matrix / 90, expected, rtol=1e-9, atol=1e-9)
    if kind != "projected":
        assert total.moments.count == (90 * 36 if kind == "channel" else 90)
        axes = (0, 1, 2) if kind == "channel" else 0
        np.testing.assert_allclose(total.moments.mean, rows.mean(axis=axes, dtype=np.float64).ravel(), rtol=1e-12)
        np.testing.assert_allclose(total.moments.std, rows.std(axis=axes, dtype=np.float64).ravel(), rtol=1e-9)


def test_what_does_not_fit_is_refused_with_its_size() -> None:
    whole = np.zeros((2, 64, 64, 3), np.uint8)
    words = (
        r"64x64x3 have 12288 values, whose covariance takes 5.6 GiB and a sketch of its 2 .* 12.8 MiB, but .*=1.0 MiB"
    )
    with pytest.raises(SpecError, match=words):
        Statistics.fit(whole, whiten="zca", memory=1 << 20)


# ------------------------------------------------------------------------------------------------ the value


def test_it_is_a_value() -> None:
    one = Statistics(count=2, mean=np.zeros((1, 1, 3)), std=np.ones((1, 1, 3)))
    same = Statistics(count=2, mean=np.zeros((1, 1, 3)), std=np.ones((1, 1, 3)))
    assert one == same
    assert hash(one) == hash(same)
    assert one != Statistics(count=3, mean=np.zeros((1, 1, 3)), std=np.ones((1, 1, 3)))
    assert one != Statistics(count=2, mean=np.zeros((1, 1, 3)), std=np.full((1, 1, 3), 2.0))
    assert one != Statistics(count=2, mean=np.zeros((1, 1, 3)))
    assert one != "statistics"
    assert one.mean is not None
    with pytest.raises(ValueError, match="read-only"):
        one.mean[0] = 1
    assert repr(Statistics(count=2, mean=np.zeros((7, 9, 3)))) == "Statistics(count=2, mean=<7x9x3>)"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: Statistics(count=0), r"Statistics.count: got 0"),
        (lambda: Statistics(count=True), r"Statistics.count: got True"),
        (lambda: Statistics(count=1, mean=[np.nan]), r"Statistics.mean: got float64 of shape \(1\); expected finite"),
        (lambda: Statistics(count=1, mean=["a"]), r"Statistics.mean: got <U1"),
        (lambda: Statistics(count=1, mean=[[1.0], [1.0, 2.0]]), r"Statistics.mean: .*expected an array of numbers"),
        (lambda: Statistics(count=1, std=[-1.0]), r"Statistics.std: got -1.0"),
        (lambda: Statistics(count=1, whitening=np.zeros((2, 3))), r"Statistics.whitening: got \(2, 3\)"),
        (lambda: Statistics(count=1, covariance=np.eye(2)), r"expected a Covariance"),
        (lambda: Covariance(basis=np.zeros((2, 3)), variances=np.zeros(3)), r"Covariance.basis: got \(2, 3\)"),
        (lambda: Covariance(basis=np.eye(2), variances=np.zeros(3)), r"Covariance.variances: got \(3,\)"),
        (lambda: Covariance(basis=np.eye(2), variances=np.zeros(2), method="lda"), r"Covariance.method: got 'lda'"),
        (lambda: Statistics.fit(images(), per="row"), r"fit\(per=\): got 'row'"),
        (lambda: Statistics.fit(images(), whiten="lda"), r"fit\(whiten=\): got 'lda'"),
        (lambda: Statistics.fit(images(), whiten="zca", per="channel"), r"leave per out"),
        (lambda: Statistics.fit(images(), rank=3), r"only a whitening has one"),
        (lambda: Statistics.fit(images(), draws=-1), r"fit\(draws=\): got -1"),
        (lambda: Statistics.fit(images(), batch_size=0), r"fit\(batch_size=\): got 0"),
        (lambda: Statistics(count=1, mean=[1.0]) + Statistics(count=1), r"measured in one of the two only"),
        (lambda: Statistics(count=1, mean=[1.0]) + Statistics(count=1, mean=[1.0, 2.0]), r"cannot be added"),
    ],
)
def test_errors(made, words) -> None:
    with pytest.raises(SpecError, match=words):
        made()


def test_a_bar_is_shown_where_there_is_a_terminal(monkeypatch) -> None:
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        Statistics.fit(images(), batch_size=5)
        stderr.flush()
        shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", os.read(ours, 100_000).decode())
    os.close(ours)
    assert "measuring" in shown
    assert "/37" in shown
