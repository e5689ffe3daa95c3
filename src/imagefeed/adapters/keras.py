"""A pipeline as a Keras layer, and as the front of a model that takes raw pictures."""

# The framework's classes are the bases of those here, and nothing is known of their types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from imagefeed.adapters.keras_namespace import form, namespace
from imagefeed.errors import SpecError
from imagefeed.pipeline import Pipeline
from imagefeed.skew import not_raw
from imagefeed.spec import decode, encode

keras: Any = import_module("keras")

# Arrays up to so many values stand in a layer's configuration; larger ones lie beside its weights.
MOST_IN_CONFIG = 4096


@keras.saving.register_keras_serializable(package="imagefeed")
class Preprocess(keras.layers.Layer):
    """What `Pipeline.to_keras` gives: see there.

    Attributes:
        pipeline: What it does.
    """

    def __init__(self, pipeline: Pipeline, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.seed = seed
        self.input_spec = keras.layers.InputSpec(ndim=4)
        self._awaits_arrays = False
        self._set_pipeline(pipeline)
        if self._random.count:
            self.seed_generator = keras.random.SeedGenerator(seed)

    def _set_pipeline(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._random, self._fixed = form(pipeline), form(pipeline.deterministic())

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the statistics weights, which are not trained."""
        self._statistics = {
            name: self.add_weight(
                shape=array.shape, dtype="float32", name=name, trainable=False, autocast=False, initializer="zeros"
            )
            for name, array in self._fixed.statistics.items()
        }
        self._assign()

    def _assign(self) -> None:
        for name, weight in self._statistics.items():
            weight.assign(self._fixed.statistics[name])

    def call(self, images: Any, training: bool | None = None) -> Any:
        """The pictures after all steps; at random in training."""
        if self._awaits_arrays:
            raise SpecError(f"{self.name}: its statistics were not loaded; load the weights that were saved with it")
        chosen, xp = self._random if training else self._fixed, namespace(images)
        numbers = None
        if chosen.count:
            shape = (keras.ops.shape(images)[0], chosen.count)
            dtype = keras.backend.standardize_dtype(xp.float64)
            numbers = keras.random.uniform(shape, seed=self.seed_generator, dtype=dtype)
        statistics = {name: keras.ops.convert_to_tensor(weight) for name, weight in self._statistics.items()}
        return keras.ops.cast(chosen(images, numbers, xp, statistics), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the result: (n, height, width, channels)."""
        count, height, width, channels = input_shape
        size = None if height is None or width is None else (height, width)
        return (count, *(self._fixed.size_after(size) or (None, None)), channels)

    def get_config(self) -> dict[str, Any]:
        """The pipeline as text, with what is small of its arrays."""
        document = encode(self.pipeline)
        arrays = {
            name: {
                "dtype": array.dtype.name,
                "shape": list(array.shape),
                "values": array.ravel().tolist() if array.size <= MOST_IN_CONFIG else None,
            }
            for name, array in document.tensors.items()
        }
        return super().get_config() | {"pipeline": document.text, "arrays": arrays, "seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Preprocess:
        """The layer of `get_config`. Arrays that are not in it come with the weights."""
        config = dict(config)
        arrays = config.pop("arrays")
        tensors = {
            name: np.reshape(np.asarray(one["values"], one["dtype"]), one["shape"])
            if one["values"] is not None
            else np.ones(one["shape"], one["dtype"])
            for name, one in arrays.items()
        }
        layer = cls(decode(config.pop("pipeline"), tensors, Pipeline), **config)
        layer._awaits_arrays = any(one["values"] is None for one in arrays.values())
        return layer

    def save_own_variables(self, store: Any) -> None:
        """Weights, and beside them the arrays that are too large for the configuration."""
        super().save_own_variables(store)
        for k, array in enumerate(self._large_arrays().values()):
            store[f"array_{k}"] = array

    def load_own_variables(self, store: Any) -> None:
        """What `save_own_variables` wrote."""
        large = {name: np.asarray(store[f"array_{k}"]) for k, name in enumerate(self._large_arrays())}
        if large:
            document = encode(self.pipeline)
            self._set_pipeline(decode(document.text, document.tensors | large, Pipeline))
            self._awaits_arrays = False
        own = [key for key in store.keys() if not key.startswith("array_")]  # noqa: SIM118 - not a dict
        super().load_own_variables({key: store[key] for key in own})

    def _large_arrays(self) -> dict[str, Any]:
        return {name: array for name, array in encode(self.pipeline).tensors.items() if array.size > MOST_IN_CONFIG}


@keras.saving.register_keras_serializable(package="imagefeed")
class EndToEnd(keras.Model):
    """A model whose first layer is a pipeline: what `attach` gives. It takes raw pictures and says so once if it is
    given others."""

    _has_warned = False
    _has_looked = False

    @property
    def preprocess(self) -> Preprocess:
        """The first layer."""
        return next(layer for layer in self.layers if isinstance(layer, Preprocess))

    @property
    def pipeline(self) -> Pipeline:
        """What is done to the pictures."""
        return self.preprocess.pipeline

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Predict a batch."""
        self._look_at(arguments[0] if arguments else None)
        return super().__call__(*arguments, **options)

    def predict(self, x: Any, *arguments: Any, **options: Any) -> Any:
        """As any Keras model's."""
        self._look_at(x, _first)
        return super().predict(x, *arguments, **options)

    def predict_on_batch(self, x: Any) -> Any:
        """As any Keras model's."""
        self._look_at(x)
        return super().predict_on_batch(x)

    def evaluate(self, x: Any = None, *arguments: Any, **options: Any) -> Any:
        """As any Keras model's."""
        self._look_at(x, _first)
        return super().evaluate(x, *arguments, **options)

    def _look_at(self, x: Any, pictures: Callable[[Any], Any] = lambda x: x) -> None:
        """Warn, once, if pictures cannot be raw ones; `pictures` finds them in what is no array."""
        if self._has_warned:
            return
        if isinstance(x, np.ndarray):
            images = x
        else:  # once: a tensor's values keep an accelerator waiting, and a dataset makes its first batch for it
            images = None if self._has_looked else _values(pictures(x))
            if images is None:
                return
            self._has_looked = True
        fault = not_raw(images, self.input_shape[-1])
        if fault is not None:
            self._has_warned = True
            warnings.warn(
                f"{self.name} takes raw pictures, uint8 from 0 to 255, and prepares them itself; {fault}",
                UserWarning,
                stacklevel=3,
            )


def _first(x: Any) -> Any:
    """The pictures of the first batch of what Keras predicts on; None for a generator, which cannot be begun again."""
    if isinstance(x, np.ndarray | list | tuple | dict) or keras.ops.is_tensor(x):
        return x
    if isinstance(x, keras.utils.PyDataset):
        batch = x[0]
    elif hasattr(x, "__iter__") and not hasattr(x, "__next__"):
        batch = next(iter(x), None)
    else:
        return None
    return batch[0] if isinstance(batch, tuple | list) and batch else batch


def _values(x: Any) -> Any:
    """A tensor as an array; None for what is none, or stands for one while a graph is traced."""
    if isinstance(x, np.ndarray):
        return x
    if not keras.ops.is_tensor(x):
        return None
    try:
        values = keras.ops.convert_to_numpy(x)
    except (TypeError, NotImplementedError, AttributeError, RuntimeError):  # each framework has its own
        return None
    return None if (values == 1).all() else values  # Keras on torch finds out shapes by tensors of ones


def attach(model: Any, pipeline: Pipeline) -> EndToEnd:
    """A model from raw pictures to predictions: see `imagefeed.attach`."""
    if isinstance(model, EndToEnd):
        raise SpecError("attach: the model has a pipeline already; attach another to detach(model)")
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise SpecError(f"attach: got a model of input shape {shape}; expected (n, height, width, channels)")
    front = Preprocess(pipeline, name="preprocess")
    size = front._fixed.size_after(None)
    wanted = tuple(shape[1:3])
    if size is not None and any(n not in (None, m) for n, m in zip(wanted, size, strict=True)):
        raise SpecError(
            f"attach: the pipeline gives pictures of {size[0]}x{size[1]}, but the model takes "
            f"{wanted[0]}x{wanted[1]}; resize to ({wanted[0]}, {wanted[1]})"
        )
    comes_in = wanted if size is None else (None, None)
    inputs = keras.Input((*comes_in, shape[3]), dtype="uint8", name="pictures")
    return EndToEnd(inputs=inputs, outputs=model(front(inputs)), name=f"{model.name}_from_pictures")


def detach(model: Any) -> Any:
    """The bare model: see `imagefeed.detach`."""
    if not isinstance(model, EndToEnd):
        raise SpecError(f"detach: got {type(model).__name__}; expected what attach(model, pipeline) returned")
    return model.layers[-1]
