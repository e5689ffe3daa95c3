"""Keras trains on a loader as it is: on whichever backend KERAS_BACKEND names."""

import itertools
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable

import numpy as np
import pytest

import imagefeed as feed
from imagefeed import Loader, Pipeline
from imagefeed.order import shuffled

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install 'imagefeed[demo]'")

COUNT = 50
PIPELINE = Pipeline([feed.HorizontalFlip(), feed.Rescale(1 / 255)])


def pictures(count: int = COUNT) -> tuple[np.ndarray, np.ndarray]:
    """Dark ones and light ones; the number of each is in its top left pixel."""
    labels = np.arange(count) % 2
    images = np.full((count, 8, 8, 3), 60, np.uint8) + (labels * 120).astype(np.uint8)[:, None, None, None]
    images[:, 0, 0, 0] = images[:, 0, -1, 0] = np.arange(count)
    return images, labels


def loader_of(pipeline: Pipeline = PIPELINE, **options: object) -> Loader:
    return Loader(feed.arrays(*pictures()), pipeline, **({"batch_size": 8, "seed": 1} | options))


def small_model() -> "keras.Model":
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, "softmax")]
    )
    model.compile(keras.optimizers.Adam(0.3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def served(monkeypatch) -> list[tuple[int, list[int]]]:
    """The epoch and the records of each batch that is handed out, in order."""
    seen: list[tuple[int, list[int]]] = []
    original = Loader.batches

    def batches(self, epoch: int, *, start: int = 0):
        for batch in original(self, epoch, start=start):
            seen.append((epoch, batch.indices.tolist()))
            yield batch

    monkeypatch.setattr(Loader, "batches", batches)
    return seen


def test_keras_takes_a_loader_for_its_own() -> None:
    loader = loader_of()
    assert isinstance(loader, keras.utils.PyDataset)
    assert isinstance(loader, Loader)
    assert type(loader) is Loader
    assert loader.num_batches == len(loader) == 7


def test_fit_learns_and_validates() -> None:
    model = small_model()
    validation = loader_of(PIPELINE.deterministic())
    history = model.fit(loader_of(), validation_data=validation, epochs=8, verbose=0).history
    assert history["val_accuracy"][-1] == 1.0
    assert history["loss"][-1] < history["loss"][0] / 2
    assert len(history["val_loss"]) == 8


def trained(served: list[tuple[int, list[int]]], epoch: int) -> list[list[int]]:
    """The batches of an epoch that a model was trained on. Before the first epoch, Keras builds the model from
    batches that it then does not use."""
    return [indices for number, indices in served if number == epoch][-7:]


def expected(epoch: int) -> list[list[int]]:
    """The batches of an epoch, in the loader's own order."""
    order = shuffled(np.arange(COUNT), COUNT, seed=1, epoch=epoch).tolist()
    return [order[k : k + 8] for k in range(0, COUNT, 8)]


def test_every_record_is_trained_on_once_an_epoch_in_the_loaders_order(served) -> None:
    loader = loader_of()
    small_model().fit(loader, epochs=3, verbose=0)
    assert loader.epoch == 3
    assert 21 <= len(served) <= 21 + 4
    for epoch in range(3):
        assert trained(served, epoch) == expected(epoch)
        assert sorted(itertools.chain(*trained(served, epoch))) == list(range(COUNT))


def test_training_on_is_a_continuation(served) -> None:
    loader, model = loader_of(), small_model()
    model.fit(loader, epochs=2, verbose=0)
    served.clear()
    model.fit(loader, epochs=1, verbose=0)
    assert loader.epoch == 3
    assert trained(served, 2) == expected(2)


def test_keras_may_shuffle_or_not(served) -> None:
    for shuffle in (True, False):
        served.clear()
        small_model().fit(loader_of(), epochs=1, shuffle=shuffle, verbose=0)
        assert trained(served, 0) == expected(0)


def test_evaluate_counts_every_record() -> None:
    model = small_model()
    model.fit(loader_of(), epochs=8, verbose=0)
    loader = loader_of(PIPELINE.deterministic())
    images, labels = pictures()
    ours = model.evaluate(loader, verbose=0)
    theirs = model.evaluate(images.astype(np.float32) / 255, labels, verbose=0)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_predictions_stand_in_the_order_of_the_source() -> None:
    model = small_model()
    images, _ = pictures()
    theirs = model.predict(images.astype(np.float32) / 255, verbose=0)
    with_targets = loader_of(PIPELINE.deterministic())
    without = Loader(feed.arrays(images), PIPELINE.deterministic(), batch_size=8)
    for loader in (with_targets, without):
        for _ in range(2):
            np.testing.assert_allclose(model.predict(loader, verbose=0), theirs, atol=1e-6)


def test_class_weights_are_used() -> None:
    losses = []
    for weight in (1.0, 10.0):
        history = small_model().fit(loader_of(), class_weight={0: weight, 1: weight}, epochs=1, verbose=0).history
        losses.append(history["loss"][0])
    assert losses[1] > 3 * losses[0]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras's word on it, for any PyDataset
def test_more_steps_than_an_epoch_has_are_the_whole_epoch(served) -> None:
    loader = loader_of()
    history = small_model().fit(loader, epochs=2, steps_per_epoch=10, verbose=0).history
    assert len(history["loss"]) == 2
    assert loader.epoch == 2
    for epoch in range(2):
        assert sorted(itertools.chain(*trained(served, epoch))) == list(range(COUNT))


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_fewer_steps_than_an_epoch_has_are_records_of_their_own(served) -> None:
    loader = loader_of()
    history = small_model().fit(loader, epochs=3, steps_per_epoch=2, verbose=0).history
    assert len(history["loss"]) == 3
    assert loader.epoch == 3
    assert len({tuple(indices) for _, indices in served}) >= 6


def test_targets_may_be_one_hot_and_pictures_planes() -> None:
    images, labels = pictures()
    loader = Loader(feed.arrays(images, np.eye(2, dtype=np.float32)[labels]), PIPELINE, batch_size=8)
    model = small_model()
    model.compile("adam", "categorical_crossentropy")
    assert np.isfinite(model.fit(loader, verbose=0).history["loss"][0])


def test_an_error_in_an_epoch_reaches_whoever_called_fit(tmp_path) -> None:
    from PIL import Image

    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        for number in range(20):
            Image.new("RGB", (8, 8)).save(tmp_path / kind / f"{number}.png")
    (tmp_path / "b" / "7.png").write_bytes(b"")
    loader = Loader(feed.folder(tmp_path), PIPELINE, batch_size=4)
    with pytest.raises(Exception, match=r"7\.png: the file is empty"):  # TensorFlow wraps it in one of its own
        small_model().fit(loader, epochs=1, verbose=0)


def test_skipped_pictures_do_not_end_training(tmp_path) -> None:
    from PIL import Image

    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        for number in range(20):
            Image.new("RGB", (8, 8)).save(tmp_path / kind / f"{number}.png")
    (tmp_path / "b" / "7.png").write_bytes(b"")
    options = {"on_error": "skip", "max_bad": 0.1}
    for batch_size in (1, 4):
        loader = Loader(feed.folder(tmp_path), PIPELINE, batch_size=batch_size, **options)
        assert len(small_model().fit(loader, epochs=3, verbose=0).history["loss"]) == 3


# ---------------------------------------------------------------- in a process of its own


@pytest.fixture
def run(tmp_path) -> Callable[[str], str]:
    """What some lines print."""

    def run(lines: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(lines)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_a_loader_that_was_made_before_keras_was_imported_is_taken_too(run) -> None:
    output = run(
        """
        import sys
        import numpy as np
        import imagefeed as feed

        labels = np.arange(40) % 2
        images = (np.ones((40, 8, 8, 3)) * labels[:, None, None, None] * 200).astype(np.uint8)
        pipeline = feed.Pipeline([feed.HorizontalFlip(), feed.Rescale(1 / 255)])
        loader = feed.Loader(feed.arrays(images, labels), pipeline, batch_size=8)
        for batch in loader:
            pass
        assert "keras" not in sys.modules
        assert type(loader) is loader.__class__ is feed.Loader
        import keras

        model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(loader, epochs=2, verbose=0)
        print(loader.epoch)
        """
    )
    assert output == "3\n"


def test_importing_imagefeed_imports_no_framework(run) -> None:
    output = run(
        """
        import sys
        import imagefeed

        frameworks = {"keras", "tensorflow", "torch", "jax", "scipy", "pandas", "typer", "rich"}
        print(sorted(frameworks & set(sys.modules)))
        """
    )
    assert output == "[]\n"


def test_a_watch_tells_how_long_fitting_waited(capsys) -> None:
    loader = loader_of()
    list(loader)  # what was before does not count
    watch = feed.Watch(loader)
    assert watch.report is None
    small_model().fit(loader, epochs=2, verbose=0, callbacks=[watch])
    assert watch.report.images == 2 * COUNT
    assert watch.report.batches == 14
    told = " ".join(capsys.readouterr().out.split())
    assert f"{2 * COUNT} pictures in" in told
    assert "the model waited" in told or "The model limits" in told
