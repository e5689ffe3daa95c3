"""Train a small Keras model on a folder of photographs, with a sub-folder for every class.

python examples/train.py photos
"""

import argparse
import os
from importlib.util import find_spec

# Keras reads its backend when it is imported, and would take TensorFlow, installed or not.
os.environ.setdefault("KERAS_BACKEND", next(filter(find_spec, ("tensorflow", "jax", "torch")), "tensorflow"))

import keras

import imagefeed as feed

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("folder")
arguments.add_argument("--epochs", type=int, default=10)
arguments.add_argument("--size", type=int, default=96, help="height and width of what the model sees")
options = arguments.parse_args()

train, val = feed.folder(options.folder).split(validation=0.2, seed=0)
pipeline = feed.Pipeline(
    [
        feed.RandomResizedCrop((options.size, options.size), scale=(0.35, 1.0)),
        feed.HorizontalFlip(),
        feed.Sometimes(feed.Rotate(degrees=(-15, 15)), probability=0.5),
        feed.Rescale(1 / 255),
    ]
)

model = keras.Sequential(
    [
        keras.Input((options.size, options.size, 3)),
        keras.layers.Conv2D(32, 5, strides=4, activation="relu"),
        keras.layers.Conv2D(64, 3, strides=2, activation="relu"),
        keras.layers.Conv2D(96, 3, strides=2, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(len(train.classes), activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(
    feed.Loader(train, pipeline, seed=7),
    validation_data=feed.Loader(val, pipeline.deterministic()),
    epochs=options.epochs,
)
model.save("model.keras")
