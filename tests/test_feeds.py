"""One loader definition, every framework: the same batches, an epoch of training, copies to a device."""

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest

import imagefeed as feed
from imagefeed import SpecError
from imagefeed.feeds.batches import ahead, mapped, without_units

PIPELINE = feed.Pipeline([feed.Resize((32, 32)), feed.HorizontalFlip(), feed.Normalize.preset("imagenet")])


@pytest.fixture(scope="module")
def loader(data) -> Callable[..., feed.Loader]:
    """The one definition."""
    source = feed.folder(data("cats_dogs/train")).split(validation=0.1, seed=0)[1]  # 90 photographs
    return lambda **options: feed.Loader(source, PIPELINE, batch_size=32, seed=1, **options)


@pytest.fixture(scope="module")
def expected(loader) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(loader())


def weighted() -> feed.Source:
    """Pictures with several targets and with weights."""
    pandas = pytest.importorskip("pandas")
    data = pandas.DataFrame({"image": [PNG] * 6, "kind": [0, 1] * 3, "size": np.arange(6.0), "w": [1.0] * 6})
    return feed.table(data, label="kind", value="size", weight="w")


PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\3\1\1\0"
    b"\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82"
)


# ------------------------------------------------------------------------------------------ NumPy


def test_batches_may_be_dicts_and_have_weights() -> None:
    source, pipeline = weighted(), feed.Pipeline([feed.Resize((4, 4))])
    images, targets, weights = next(iter(feed.Loader(source, pipeline)))
    assert (sorted(targets), weights.tolist()) == (["kind", "size"], [1.0] * 6)
    batch = next(iter(feed.Loader(source, pipeline, as_dict=True, shuffle=False)))
    assert sorted(batch) == ["image", "kind", "size", "weight"]
    assert batch["size"].tolist() == [0, 1, 2, 3, 4, 5]
    assert batch["image"].shape == images.shape == (6, 4, 4, 3)
    plain = feed.arrays(np.zeros((2, 4, 4, 3), np.uint8), np.arange(2))
    assert sorted(next(iter(feed.Loader(plain, pipeline, as_dict=True)))) == ["image", "target"]
    bare = feed.arrays(np.zeros((2, 4, 4, 3), np.uint8))
    assert sorted(next(iter(feed.Loader(bare, pipeline, as_dict=True)))) == ["image"]


def test_the_units_that_end_a_pipeline_are_one_scale_and_one_bias() -> None:
    steps = [feed.Resize((4, 4)), feed.Rescale(1 / 255, offset=-0.5), feed.Normalize(mean=(0.1, 0.2, 0.3), std=2.0)]
    pipeline, units = without_units(feed.Pipeline(steps))
    assert pipeline.steps == (steps[0],)
    levels = np.array([0.0, 100.0, 255.0])
    wanted = (levels / 255 - 0.5 - np.array([0.1, 0.2, 0.3])) / 2
    np.testing.assert_allclose(levels * units.scale + units.bias, wanted, atol=1e-6)
    with pytest.raises(SpecError, match="does not end in Rescale or Normalize"):
        without_units(feed.Pipeline(steps[:1]))
    with pytest.raises(SpecError, match="Normalize does more than a scale and a bias"):
        without_units(feed.Pipeline([feed.Normalize(mean=0.0, std=1.0, order="bgr")]))


def test_what_is_ahead_comes_in_order() -> None:
    taken: list[int] = []
    items = ahead((taken.append(k) or k for k in range(6)), 2)
    assert next(items) == 0
    assert taken == [0, 1, 2]
    assert list(items) == [1, 2, 3, 4, 5]
    assert mapped({"image": 1, "boxes": {"a": 2}}, lambda x: -x, lambda x: x * 10) == {"image": -1, "boxes": {"a": 20}}


def test_arguments_that_cannot_be_say_why(loader) -> None:
    pytest.importorskip("torch")
    with pytest.raises(SpecError, match=r"normalize=.*'gpu'.*'host', 'device'"):
        loader().torch(normalize="gpu")
    with pytest.raises(SpecError, match=r"dtype=.*'int8'.*'bfloat16'"):
        loader().torch(dtype="int8")


# ------------------------------------------------------------------------------------------ torch


def test_torch_gets_the_same_batches_in_the_same_memory(loader, expected) -> None:
    torch = pytest.importorskip("torch")
    batches = loader().torch()
    assert len(batches) == len(expected)
    for (images, labels), (wanted, numbers) in zip(batches, expected, strict=True):
        assert images.shape == (len(wanted), 3, 32, 32)
        assert images.is_contiguous(memory_format=torch.channels_last)
        assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), wanted)
        assert np.array_equal(labels.numpy(), numbers)
    planes = next(iter(loader(layout="nchw").torch()))[0]
    assert planes.is_contiguous()
    assert np.array_equal(planes.permute(0, 2, 3, 1).numpy(), expected[0][0])


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_torch_may_normalize_on_the_device(loader, expected, layout) -> None:
    torch = pytest.importorskip("torch")
    near = 0.51 / 57.12  # half a level, in these units
    for (images, _), (wanted, _) in zip(loader(layout=layout).torch(normalize="device"), expected, strict=True):
        assert images.dtype == torch.float32
        assert np.abs(images.permute(0, 2, 3, 1).numpy() - wanted).max() < near
    images, _ = next(iter(loader(layout=layout).torch(normalize="device", dtype="bfloat16")))
    assert images.dtype == torch.bfloat16
    assert next(iter(loader().torch(dtype="float16")))[0].dtype == torch.float16


def test_torch_takes_bfloat16_as_it_is(loader, expected) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("ml_dtypes")
    images = next(iter(loader(dtype="bfloat16").torch()))[0]
    assert images.dtype == torch.bfloat16
    assert torch.equal(images, torch.from_numpy(expected[0][0]).permute(0, 3, 1, 2).bfloat16())


def test_torch_counts_epochs_and_takes_any_structure(loader) -> None:
    pytest.importorskip("torch")
    batches = loader().torch()
    first, second = (next(iter(batches))[1].tolist() for _ in range(2))
    assert first != second
    assert batches.loader.epoch == 2
    images, targets, weights = next(iter(feed.Loader(weighted(), feed.Pipeline([feed.Resize((4, 4))])).torch()))
    assert (images.dtype.is_floating_point, targets["size"].shape, weights.shape) == (False, (6,), (6,))
    batch = next(iter(feed.Loader(weighted(), feed.Pipeline([feed.Resize((4, 4))]), as_dict=True).torch()))
    assert batch["image"].shape == (6, 3, 4, 4)


@pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning")  # JAX's, if another test imported it
def test_torchs_own_loader_takes_it_without_workers(loader, expected) -> None:
    data = pytest.importorskip("torch.utils.data")
    batches = list(data.DataLoader(loader().torch(), batch_size=None))
    assert np.array_equal(batches[0][1].numpy(), expected[0][1])
    with pytest.raises(SpecError, match="every worker would give every batch"):
        next(iter(data.DataLoader(loader().torch(), batch_size=None, num_workers=1)))


def test_torch_trains(loader) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layers = torch.nn
    pooled = layers.AdaptiveAvgPool2d(1), layers.Flatten()
    model = layers.Sequential(layers.Conv2d(3, 8, 3, 2), layers.ReLU(), *pooled, layers.Linear(8, 2))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    seen = 0
    for images, labels in loader().torch():
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += len(images)
    assert seen == 90
    assert torch.isfinite(loss)


def test_lightning_takes_it(loader) -> None:
    lightning = pytest.importorskip("lightning")
    torch = pytest.importorskip("torch")

    class Model(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 2))
            self.seen = 0

        def training_step(self, batch, number):
            images, labels = batch
            self.seen += len(images)
            return torch.nn.functional.cross_entropy(self.head(images), labels)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.01)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's own
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", enable_model_summary=False, **quiet)
        model = Model()
        trainer.fit(model, loader().torch())
    assert model.seen == 90


def test_accelerate_takes_it(loader, expected) -> None:
    accelerate = pytest.importorskip("accelerate")
    data = pytest.importorskip("torch.utils.data")
    prepared = accelerate.Accelerator(cpu=True).prepare(data.DataLoader(loader().torch(), batch_size=None))
    for (images, labels), (wanted, numbers) in zip(prepared, expected, strict=True):
        assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), wanted)
        assert labels.tolist() == numbers.tolist()


@pytest.mark.skipif(not find_spec("torch"), reason="torch is not installed")
def test_a_gpu_gets_the_same_batches(loader, expected) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no GPU: torch.cuda.is_available() is False")
    for arguments, near in (({}, 0.0), ({"normalize": "device"}, 0.51 / 57.12)):
        for (images, labels), (wanted, numbers) in zip(
            loader().torch(device="cuda", **arguments), expected, strict=True
        ):
            assert images.is_cuda
            assert np.abs(images.permute(0, 2, 3, 1).cpu().numpy() - wanted).max() <= near
            assert labels.cpu().tolist() == numbers.tolist()


# ------------------------------------------------------------------------------------------ JAX


def test_jax_gets_the_same_batches(loader, expected) -> None:
    jax = pytest.importorskip("jax")
    for (images, labels), (wanted, numbers) in zip(loader().jax(), expected, strict=True):
        assert isinstance(images, jax.Array)
        assert np.array_equal(np.asarray(images), wanted)
        assert np.asarray(labels).tolist() == numbers.tolist()
    for layout in ("nhwc", "nchw"):
        images = next(iter(loader(layout=layout).jax(normalize="device")))[0]
        wanted = expected[0][0] if layout == "nhwc" else expected[0][0].transpose(0, 3, 1, 2)
        assert np.abs(np.asarray(images) - wanted).max() < 0.51 / 57.12
    assert next(iter(loader().jax(dtype="bfloat16")))[0].dtype == "bfloat16"
    brain = next(iter(loader(dtype="bfloat16").jax()))[0]
    assert brain.tobytes() == jax.numpy.asarray(expected[0][0]).astype("bfloat16").tobytes()


def test_jax_arrays_keep_their_memory(loader, expected) -> None:
    pytest.importorskip("jax")
    batches = [images for images, _ in loader().jax()]  # all at once: none may be used again
    for images, (wanted, _) in zip(batches, expected, strict=True):
        assert np.array_equal(np.asarray(images), wanted)


def test_jax_trains(loader) -> None:
    jax = pytest.importorskip("jax")
    jnp = jax.numpy

    @jax.jit
    def step(weights, images, labels):
        def loss(weights):
            logits = images.reshape(len(images), -1) @ weights
            return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels])

        value, gradient = jax.value_and_grad(loss)(weights)
        return weights - 0.001 * gradient, value

    weights = jnp.zeros((32 * 32 * 3, 2))
    for images, labels in loader(drop_last=True).jax():
        weights, loss = step(weights, images, labels)
    assert np.isfinite(loss)


def test_each_process_gives_its_part(loader, monkeypatch) -> None:
    pytest.importorskip("jax")
    monkeypatch.setattr("imagefeed.feeds.jax.processes", lambda: (1, 2))
    part = loader().jax().loader
    assert "shard 1 of 2" in repr(part)
    assert part.is_shard


SHARDED = """
import numpy as np, jax, imagefeed as feed
mesh = jax.sharding.Mesh(np.array(jax.devices()), ("batch",))
sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
source = feed.arrays(np.arange(8 * 4 * 4 * 3, dtype=np.uint8).reshape(8, 4, 4, 3), np.arange(8))
loader = feed.Loader(source, feed.Pipeline([feed.Rescale(0.5)]), batch_size=4, shuffle=False)
for normalize in ("host", "device"):
    images, labels = next(iter(loader.jax(sharding=sharding, normalize=normalize)))
    parts = sorted((shard.index[0].start or 0, shard.data.shape[0]) for shard in images.addressable_shards)
    print(len(jax.devices()), parts, float(images.sum()), labels.sharding == sharding)
"""


def test_arrays_are_spread_over_devices() -> None:
    pytest.importorskip("jax")
    told = run(SHARDED, XLA_FLAGS="--xla_force_host_platform_device_count=2", JAX_PLATFORMS="cpu").splitlines()
    total = np.arange(4 * 48, dtype=np.uint8).sum() * 0.5
    assert told == [f"2 [(0, 2), (2, 2)] {total} True"] * 2


# ------------------------------------------------------------------------------------------ TensorFlow and Keras


def run(code: str, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=clean | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


DATASET = """
import numpy as np, imagefeed as feed, tensorflow as tf
source = feed.folder(PLACE).split(validation=0.1, seed=0)[1]
pipeline = feed.Pipeline([feed.Resize((32, 32)), feed.HorizontalFlip(), feed.Normalize.preset("imagenet")])
expected = list(feed.Loader(source, pipeline, seed=1))
loader = feed.Loader(source, pipeline, seed=1)
dataset = loader.tf()
assert dataset.element_spec == (tf.TensorSpec((None, 32, 32, 3), tf.float32), tf.TensorSpec((None,), tf.int64))
assert len(dataset) == len(loader) == 3
for (images, labels), (wanted, numbers) in zip(dataset, expected, strict=True):
    assert np.array_equal(images.numpy(), wanted) and np.array_equal(labels.numpy(), numbers)
assert loader.epoch == 1
assert loader.tf(dtype="bfloat16").element_spec[0].dtype == tf.bfloat16
brain = feed.Loader(source, pipeline, seed=1, dtype="bfloat16").tf()
assert np.array_equal(next(iter(brain))[0].numpy(), tf.cast(expected[0][0], tf.bfloat16).numpy())
endless = feed.Loader(source, pipeline, repeat=True).tf()
assert endless.cardinality() == tf.data.INFINITE_CARDINALITY
boxes = feed.Boxes([[[0, 0, 2, 2]], []], labels=[[1], []])
listed = feed.arrays(np.zeros((2, 4, 4, 3), np.uint8), {"boxes": boxes, "rows": np.zeros((2, 5))})
spec = feed.Loader(listed, feed.Pipeline([])).tf().element_spec[1]
assert spec["boxes"]["boxes"].shape.as_list() == [None, None, 4] and spec["rows"].shape.as_list() == [None, 5]
"""

KERAS = """
import numpy as np, imagefeed as feed, keras
source = feed.folder(PLACE).split(validation=0.1, seed=0)[1]
pipeline = feed.Pipeline([feed.Resize((32, 32)), feed.HorizontalFlip(), feed.Normalize.preset("imagenet")])
loader = feed.Loader(source, pipeline, batch_size=32, seed=1)
def model():
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.layers.Conv2D(8, 3, 2, activation="relu"), keras.layers.GlobalAveragePooling2D(),
                             keras.layers.Dense(2)])
    made.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), weighted_metrics=[])
    return made
history = model().fit(loader, epochs=1, verbose=0).history
assert np.isfinite(history["loss"]).all() and loader.epoch == 1
if keras.backend.backend() == "tensorflow":
    history = model().fit(feed.Loader(source, pipeline, batch_size=32, seed=1).tf(), epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
weights = np.linspace(0, 1, len(source)).astype(np.float32)
class Weighted(feed.Source):
    classes, color = source.classes, source.color
    __len__ = lambda self: len(source)
    names, stage, targets = source.names, source.stage, source.targets
    sample_weights = lambda self, indices: weights[indices]
history = model().fit(feed.Loader(Weighted(), pipeline, batch_size=32, seed=1), epochs=1, verbose=0).history
assert np.isfinite(history["loss"]).all()
print(keras.backend.backend(), "trained")
"""


@pytest.mark.parametrize("backend", ["jax", "torch", "tensorflow"])
def test_keras_trains_on_every_backend(data, backend) -> None:
    for needed in ("keras", backend):
        if not find_spec(needed):
            pytest.skip(f"{needed} is not installed")
    code = DATASET + KERAS if backend == "tensorflow" else KERAS  # one process: the import is most of the time
    told = run(code.replace("PLACE", repr(str(data("cats_dogs/train")))), KERAS_BACKEND=backend)
    assert told.split("\n")[-2] == f"{backend} trained"
