"""The Keras layer and the end-to-end model, on whichever backend Keras has here."""

import importlib

import numpy as np
import pytest

import imagefeed as feed
from imagefeed import SpecError

keras = pytest.importorskip("keras")

# TensorFlow's variables, as Keras hands them to h5py.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

SIGNATURE = [keras.InputSpec(shape=(1, 30, 26, 3), dtype="uint8")]
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 30, 26, 3), np.uint8)
# The noise is there because XLA once took its rounds for one sum, without end.
PIPELINE = feed.Pipeline(
    [
        feed.RandomResizedCrop((12, 12)),
        feed.HorizontalFlip(),
        feed.GaussianNoise(std=(1, 5)),
        feed.Normalize.preset("caffe"),
    ]
)


def to_numpy(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


@pytest.fixture
def bare():
    return keras.Sequential([keras.Input((12, 12, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])


def test_the_layer_is_random_in_training_only() -> None:
    layer = PIPELINE.to_keras(seed=1)
    first, second = (to_numpy(layer(IMAGES)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(
        first, np.concatenate([feed.render(i, PIPELINE.deterministic()) for i in IMAGES]), atol=0.02
    )
    first, second = (to_numpy(layer(IMAGES, training=True)) for _ in range(2))
    assert abs(first - second).max() > 1
    np.testing.assert_array_equal(to_numpy(PIPELINE.to_keras(seed=1)(IMAGES, training=True)), first)


def test_each_picture_of_a_batch_has_draws_of_its_own() -> None:
    alike = np.repeat(IMAGES[:1], 4, axis=0)
    made = to_numpy(PIPELINE.to_keras(seed=1)(alike, training=True))
    assert all(abs(made[0] - one).max() > 1 for one in made[1:])


@pytest.mark.parametrize(
    ("kind", "how", "again"),
    [
        ("sequential", {"run_eagerly": True}, "train_on_batch"),
        ("attached", {"jit_compile": False}, "train_on_batch"),
        ("attached", {"jit_compile": True}, "fit"),  # which has compiled the step already
    ],
    ids=str,
)
def test_a_model_sees_other_draws_at_every_step_of_training_and_none_at_prediction(bare, kind, how, again) -> None:
    """On one batch again and again, nothing is learned; so only the draws can change the loss."""
    if how.get("jit_compile") and keras.backend.backend() == "torch":
        pytest.skip("torch.compile takes minutes for a training step; test_inmodel_torch.py compiles the module")
    if kind == "attached":
        model = feed.attach(bare, PIPELINE)
    else:
        model = keras.Sequential([keras.Input((30, 26, 3), dtype="uint8"), PIPELINE.to_keras(), bare])
    model.compile(keras.optimizers.SGD(0.0), "mae", **how)
    labels = np.zeros((4, 2), np.float32)
    fit = {"batch_size": 4, "shuffle": False, "verbose": 0}
    losses = model.fit(IMAGES, labels, epochs=3, **fit).history["loss"]
    if again == "fit":
        losses += model.fit(IMAGES, labels, epochs=2, **fit).history["loss"]
    else:
        losses += [float(model.train_on_batch(IMAGES, labels)) for _ in range(2)]
    assert len({round(loss, 4) for loss in losses}) == 5, losses
    assert model.evaluate(IMAGES, labels, verbose=0) == model.evaluate(IMAGES, labels, verbose=0)
    first, second = (model.predict(IMAGES, verbose=0) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, to_numpy(bare(PIPELINE.deterministic().to_keras()(IMAGES))), rtol=1e-4, atol=1e-3)


def test_the_statistics_are_weights_that_are_not_trained() -> None:
    layer = PIPELINE.to_keras()
    layer(IMAGES)
    assert layer.trainable_weights == []
    assert {"scale", "bias"} <= {weight.name for weight in layer.non_trainable_weights}


@pytest.mark.filterwarnings("ignore:Skipping nested container")  # Keras's, of its own files
def test_a_saved_model_predicts_the_same_from_pictures_of_any_size(bare, tmp_path) -> None:
    whole = feed.attach(bare, PIPELINE)
    whole.save(tmp_path / "whole.keras")
    again = keras.models.load_model(tmp_path / "whole.keras")
    for images in (IMAGES, IMAGES[:, :20, :17]):
        np.testing.assert_array_equal(to_numpy(again(images)), to_numpy(whole(images)))
    assert again.pipeline == PIPELINE
    assert feed.detach(whole) is bare
    np.testing.assert_allclose(
        to_numpy(feed.detach(again)(whole.preprocess(IMAGES))), to_numpy(whole(IMAGES)), rtol=1e-5, atol=1e-4
    )


# Keras passes JAX's exporter an argument that newer versions of JAX do without.
@pytest.mark.filterwarnings("ignore:The `native_serialization` parameter is deprecated:DeprecationWarning")
def test_an_exported_model_predicts_the_same(bare, tmp_path) -> None:
    whole = feed.attach(bare, PIPELINE)
    expected = to_numpy(whole(IMAGES[:1]))
    if keras.backend.backend() == "torch":
        torch = importlib.import_module("torch")
        whole.export(tmp_path / "model.pt2", format="torch", verbose=False, input_signature=SIGNATURE)
        served = torch.export.load(tmp_path / "model.pt2").module()(torch.from_numpy(IMAGES[:1])).detach().numpy()
    else:
        load = pytest.importorskip("tensorflow", reason="a SavedModel is TensorFlow's").saved_model.load
        whole.export(tmp_path / "model", verbose=False, input_signature=SIGNATURE)
        loaded = load(str(tmp_path / "model"))
        served = np.asarray(loaded.serve(IMAGES[:1]))
    np.testing.assert_allclose(served, expected, rtol=1e-4, atol=1e-3)


def test_large_statistics_come_with_the_weights(tmp_path) -> None:
    generator = np.random.default_rng(1)
    statistics = feed.Statistics(
        count=5, mean=generator.random((40, 40, 3)) * 99, std=generator.random((40, 40, 3)) + 1
    )
    pipeline = feed.Pipeline([feed.Resize((40, 40)), feed.Normalize(statistics)])
    model = keras.Sequential([keras.Input((30, 26, 3), dtype="uint8"), pipeline.to_keras()])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.layers[0].pipeline == pipeline
    np.testing.assert_array_equal(to_numpy(again(IMAGES)), to_numpy(model(IMAGES)))
    bare = type(again.layers[0]).from_config(model.layers[0].get_config())
    with pytest.raises(SpecError, match="its statistics were not loaded"):
        bare(IMAGES)


def test_what_cannot_be_raw_pictures_is_warned_of_once(bare) -> None:
    whole = feed.attach(bare, PIPELINE)
    with pytest.warns(UserWarning, match="rescaled already"):
        whole.predict_on_batch(IMAGES / 255.0)
    whole.predict_on_batch(IMAGES / 255.0)


@pytest.mark.parametrize("what", ["call", "tensor", "loader", "batches"])
def test_however_the_pictures_come_they_are_looked_at(bare, what) -> None:
    whole, scaled = feed.attach(bare, PIPELINE), (IMAGES / 255.0).astype(np.float32)
    tensor = keras.ops.convert_to_tensor(scaled)
    loader = feed.Loader(feed.arrays(IMAGES), feed.Pipeline([feed.Rescale(1 / 255)]), batch_size=2, shuffle=False)
    ways = {
        "call": lambda: whole(scaled),
        "tensor": lambda: whole(tensor),
        "loader": lambda: whole.predict(loader, verbose=0),
        "batches": lambda: whole.predict(batches_of(scaled), verbose=0),
    }
    with pytest.warns(UserWarning, match="rescaled already"):
        made = ways[what]()
    assert len(made) == len(IMAGES)
    whole.predict(scaled, verbose=0)  # once is enough


def batches_of(images: np.ndarray):
    """What the backend's users have their data in."""
    match keras.backend.backend():
        case "torch":
            data = importlib.import_module("torch.utils.data")
            torch = importlib.import_module("torch")
            return data.DataLoader(data.TensorDataset(torch.from_numpy(images)), batch_size=2)
        case "tensorflow":
            dataset = importlib.import_module("tensorflow").data.Dataset
            return dataset.from_tensor_slices(images).batch(2)
        case _:
            return OfArrays(images)


class OfArrays(keras.utils.PyDataset):
    def __init__(self, images: np.ndarray) -> None:
        super().__init__()
        self.images = images

    def __len__(self) -> int:
        return len(self.images) // 2

    def __getitem__(self, index: int):
        return (self.images[2 * index : 2 * index + 2],)


def test_raw_pictures_are_not_warned_of(bare) -> None:
    whole = feed.attach(bare, PIPELINE)
    whole(keras.ops.convert_to_tensor(IMAGES))
    whole.predict(feed.Loader(feed.arrays(IMAGES), feed.Pipeline([]), batch_size=4, dtype="uint8"), verbose=0)
    whole.predict(((IMAGES[:2],) for _ in range(2)), steps=2, verbose=0)


def test_a_pipeline_that_does_not_fit_is_refused(bare) -> None:
    with pytest.raises(SpecError, match="gives pictures of 9x9, but the model takes 12x12"):
        feed.attach(bare, feed.Pipeline([feed.Resize((9, 9))]))
    with pytest.raises(SpecError, match="expected what attach"):
        feed.detach(bare)
