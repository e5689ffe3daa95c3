"""Train a multi-label head in Keras on a data set in the form of COCO.

python examples/multi_label.py instances_train2017.json train2017

Every picture gets a row of zeros and ones, one for each class. The head stands on a small network of its own, so that
nothing is downloaded; put a pretrained one in its place for results worth having.
"""

import argparse
import os
from importlib.util import find_spec

# Keras reads its backend when it is imported, and would take TensorFlow, installed or not.
os.environ.setdefault("KERAS_BACKEND", next(filter(find_spec, ("tensorflow", "jax", "torch")), "tensorflow"))

import keras

import imagefeed as feed

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("annotations", help="a JSON file of instances")
arguments.add_argument("images", help="the folder of the pictures")
arguments.add_argument("--epochs", type=int, default=10)
arguments.add_argument("--size", type=int, default=96, help="height and width of what the model sees")
options = arguments.parse_args()

keras.utils.set_random_seed(0)
photos = feed.coco(options.annotations, options.images, targets="multi_label")
pipeline = feed.Pipeline(
    [
        feed.RandomResizedCrop((options.size, options.size), scale=(0.5, 1.0)),
        feed.HorizontalFlip(),
        feed.Normalize.preset("imagenet"),
    ]
)

model = keras.Sequential(
    [
        keras.Input((options.size, options.size, 3)),
        keras.layers.Conv2D(16, 5, strides=4, activation="relu"),
        keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(len(photos.classes), activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy")
history = model.fit(feed.Loader(photos, pipeline, batch_size=16, seed=7), epochs=options.epochs, verbose=2).history
losses = history["loss"]
print(f"{len(photos)} pictures, {len(photos.classes)} classes: loss {losses[0]:.4f} to {losses[-1]:.4f}")
