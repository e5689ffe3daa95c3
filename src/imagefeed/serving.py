"""A Keras model that takes pictures as they are, and the model inside it."""

from __future__ import annotations

from typing import Any

from imagefeed.pipeline import Pipeline


def attach(model: Any, pipeline: Pipeline) -> Any:
    """One Keras model from raw pictures to predictions: the pipeline, then the model, which is not copied.

        >>> import keras, imagefeed as feed
        >>> bare = keras.Sequential([keras.Input((24, 24, 3)), keras.layers.GlobalAveragePooling2D()])
        >>> whole = feed.attach(bare, feed.Pipeline([feed.Resize((24, 24)), feed.Normalize.preset("imagenet")]))
        >>> whole(feed.read(tiny_jpeg)[None]).shape
        (1, 3)
        >>> feed.detach(whole) is bare
        True

    It can be trained (then the pipeline is random), saved to a .keras file and exported. Import
    `imagefeed.adapters.keras` before such a file is loaded.

    Args:
        model: A Keras model of one input (n, height, width, channels).
        pipeline: What is done to the pictures.

    Returns:
        A keras.Model that takes uint8 (n, height, width, channels): pictures of any size, if the pipeline brings them
        to one. Its `pipeline` is the pipeline. It warns, once, if it is given what cannot be raw pictures.

    Raises:
        SpecError: The pipeline does not give what the model takes.
    """
    from imagefeed.adapters import keras

    return keras.attach(model, pipeline)


def detach(model: Any) -> Any:
    """The bare model inside one that `attach` made, for predictions on what a Loader has prepared.

    Raises:
        SpecError: `attach` did not make it.
    """
    from imagefeed.adapters import keras

    return keras.detach(model)
