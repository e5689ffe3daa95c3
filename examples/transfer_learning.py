"""What the wrong preprocessing costs: cats against dogs, with a pretrained network and with one of our own.

    python examples/transfer_learning.py photos squeezenet.h5 --out results

`photos` has the folders train and validation, with a folder for every class in each. `squeezenet.h5` holds the weights
of SqueezeNet 1.1 (Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016), trained on
ImageNet in Caffe: blue, green, red, minus the mean.

The same photographs go in three times: as the network was trained, as `rescale=1/255`, and as raw levels. Each is
measured with the pretrained network frozen and a new head, and with a small network trained from scratch. Then
`check_model` says what it thinks of each, and the best is saved with its preprocessing inside: that file predicts from
a JPEG. In the folder `results` come a table, a plot, the figures as JSON, and the model.
"""

import argparse
import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", next(filter(find_spec, ("torch", "jax", "tensorflow")), "torch"))

import h5py  # noqa: E402 - Keras reads its backend when it is imported
import keras  # noqa: E402
import numpy as np  # noqa: E402

import imagefeed as feed  # noqa: E402

UNITS: dict[str, list[feed.Transform]] = {
    "its own": [feed.Normalize.preset("caffe")],
    "rescale=1/255": [feed.Rescale(1 / 255)],
    "raw levels": [],
}
SIZE, SMALL = 227, 64
HEADS = 5
"""How often a head is trained, from other first weights: the mean of their results is reported."""


def squeezenet(weights: Path) -> keras.Model:
    """SqueezeNet 1.1 without its classifier: pictures of 227x227 to 512 features."""
    layers = keras.layers

    def fire(x: Any, number: int, narrow: int, wide: int) -> Any:
        x = layers.Conv2D(narrow, 1, activation="relu", name=f"fire{number}_squeeze1x1")(x)
        pair = [
            layers.Conv2D(wide, side, padding="same", activation="relu", name=f"fire{number}_expand{side}x{side}")(x)
            for side in (1, 3)
        ]
        return layers.Concatenate(name=f"fire{number}")(pair)

    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(inputs)
    for number, narrow, wide in ((2, 16, 64), (3, 16, 64), (4, 32, 128), (5, 32, 128)):
        if number in (2, 4):
            x = layers.MaxPooling2D(3, strides=2)(x)
        x = fire(x, number, narrow, wide)
    x = layers.MaxPooling2D(3, strides=2)(x)
    for number, narrow, wide in ((6, 48, 192), (7, 48, 192), (8, 64, 256), (9, 64, 256)):
        x = fire(x, number, narrow, wide)
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="squeezenet", trainable=False)
    with h5py.File(weights) as file:
        for layer in model.layers:
            if layer.weights:
                group = file[layer.name.replace("_", "/")]
                last = layer.name.replace("_", "/")
                layer.set_weights([group[f"{last}_W:0"][()], group[f"{last}_b:0"][()]])
    return model


def loader(source: feed.Source, steps: list[feed.Transform], **options: Any) -> feed.Loader:
    return feed.Loader(source, feed.Pipeline(steps), dtype="float32", seed=0, **options)


def with_new_head(backbone: keras.Model, train: feed.Source, test: feed.Source, units: list[feed.Transform]) -> Any:
    """The accuracy of a linear head on the frozen network's features, and the model of both."""
    steps = [feed.Resize((SIZE, SIZE)), *units]
    # Nothing of the network changes, so each photograph goes through it once.
    seen, new = (
        (backbone.predict(loader(source, steps, shuffle=False), verbose=0), source.class_indices(np.arange(len(source))))
        for source in (train, test)
    )
    found, best = [], None
    for number in range(HEADS):
        keras.utils.set_random_seed(number)
        head = keras.Sequential([keras.Input((512,)), keras.layers.Dense(1, activation="sigmoid")], name="head")
        head.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
        head.fit(*seen, batch_size=32, epochs=40, verbose=0)
        found.append(head.evaluate(*new, verbose=0, return_dict=True)["accuracy"])
        best = head
    inputs = keras.Input((SIZE, SIZE, 3))
    return float(np.mean(found)), keras.Model(inputs, best(backbone(inputs)), name="cats_dogs")


def from_scratch(train: feed.Source, test: feed.Source, units: list[feed.Transform], epochs: int) -> float:
    """The accuracy of a small network that has seen no other pictures."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SMALL, SMALL, 3)),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.002), "binary_crossentropy", metrics=["accuracy"])
    view = [feed.RandomResizedCrop((SMALL, SMALL), scale=(0.5, 1.0)), feed.HorizontalFlip(), *units]
    model.fit(loader(train, view), epochs=epochs, verbose=0)
    return model.evaluate(loader(test, [feed.Resize((SMALL, SMALL)), *units], shuffle=False), verbose=0)[1]


def table(rows: dict[str, dict[str, Any]]) -> str:
    lines = ["| preprocessing | pretrained, new head | from scratch | the skew guard |", "|---|---|---|---|"]
    for name, row in rows.items():
        word = row["guard"] or "nothing to say"
        lines.append(f"| {name} | {row['pretrained']:.3f} | {row['scratch']:.3f} | {word} |")
    return "\n".join(lines) + "\n"
