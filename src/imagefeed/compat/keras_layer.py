"""The deterministic part of a generator as a Keras model. The only module that imports Keras."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from imagefeed.compat.standardize import EPSILON, Standardization
from imagefeed.errors import SpecError
from imagefeed.statistics import Statistics


def to_keras(last: Standardization, statistics: Statistics | None, input_shape: tuple[int, int, int] | None) -> Any:
    """A Keras model that standardizes pictures, for the front of another model.

    Args:
        last: What is done.
        statistics: What was measured.
        input_shape: (height, width, channels); needed for whitening only.

    Raises:
        SpecError: There is a preprocessing function, or whitening without a shape, or nothing was fitted.
    """
    import keras as keras_module  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]

    keras = cast(Any, keras_module)
    ops = keras.ops
    if last.function is not None:
        raise SpecError(
            "to_keras: preprocessing_function is Python, which a model cannot hold; put its layers before this one"
        )
    if (last.center or last.scale or last.whiten) and statistics is None:
        raise SpecError("to_keras: the generator was not fitted; call generator.fit(x) first")
    if last.whiten and input_shape is None:
        raise SpecError("to_keras: zca_whitening needs input_shape=(height, width, channels)")
    channels = None if last.mean is None or np.ndim(last.mean) == 0 else np.shape(last.mean)[-1]
    inputs = keras.Input(input_shape or (None, None, channels))
    x = inputs
    if last.rescale:
        x = ops.multiply(x, last.rescale)
    if last.samplewise_center:
        x = ops.subtract(x, ops.mean(x, axis=(1, 2, 3), keepdims=True))
    if last.samplewise_std:
        x = ops.divide(x, ops.add(ops.std(x, axis=(1, 2, 3), keepdims=True), EPSILON))
    if last.center and last.mean is not None:
        x = keras.layers.Rescaling(1.0, offset=(-np.ravel(last.mean)).tolist())(x)
    if last.scale and last.std is not None:
        x = keras.layers.Rescaling((1.0 / (np.ravel(last.std) + EPSILON)).tolist())(x)
    if last.whiten and last.whitening is not None:
        size = int(np.prod(cast("tuple[int, ...]", input_shape)))
        flat = keras.layers.Flatten()(x)
        whiten = keras.layers.Dense(size, use_bias=False, trainable=False, name="zca")
        x = keras.layers.Reshape(cast("tuple[int, ...]", input_shape))(whiten(flat))
        whiten.set_weights([last.whitening])
    return keras.Model(inputs, x, name="standardize")
