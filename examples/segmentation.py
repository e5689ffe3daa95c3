"""Train a segmentation network in Keras on pictures and their masks, and look at what it is trained on.

python examples/segmentation.py camvid/val camvid/valannot --sheet sheet.png

Picture and mask are cropped, flipped and bent together, natively; classes are never averaged. The sheet shows some
pictures with their masks laid over them: look at it before you train. The network is a small one of its own, so that
nothing is downloaded.
"""

import argparse
import os
from importlib.util import find_spec

# Keras reads its backend when it is imported, and would take TensorFlow, installed or not.
os.environ.setdefault("KERAS_BACKEND", next(filter(find_spec, ("tensorflow", "jax", "torch")), "tensorflow"))

import keras
import numpy as np
from PIL import Image

import imagefeed as feed

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("images", help="the folder of the pictures")
arguments.add_argument("masks", help="the folder of the masks, which are called like them")
arguments.add_argument("--classes", type=int, default=12, help="how many classes there are; 11 is CamVid's void")
arguments.add_argument("--void", type=int, default=11, help="the class that the loss ignores")
arguments.add_argument("--epochs", type=int, default=10)
arguments.add_argument("--size", type=int, default=160, help="height and width of what the model sees")
arguments.add_argument("--steps", type=int, help="batches in an epoch; by default as many as there are")
arguments.add_argument("--sheet", help="where to write a picture of some training pictures with their masks")
options = arguments.parse_args()

keras.utils.set_random_seed(0)
train, validation = feed.pairs(options.images, options.masks, fill=options.void).split(validation=0.2, seed=0)
view = feed.Pipeline(
    [
        feed.RandomScale(factor=(0.5, 1.5)),
        feed.RandomCrop((options.size, options.size), border="constant"),
        feed.HorizontalFlip(),
        feed.Sometimes(feed.ElasticTransform(0.15, border="constant"), probability=0.3),
        feed.ColorJitter(brightness=(0.8, 1.2), saturation=(0.8, 1.2)),
    ]
)
units = feed.Pipeline([feed.Normalize.preset("imagenet")])
whole = feed.Pipeline([feed.Resize((options.size, options.size)), *units], training=False)


def sheet(source: feed.Source, count: int = 12, columns: int = 4) -> Image.Image:
    """Some pictures as they are trained on, each class of their masks in a color of its own, half transparent."""
    colors = np.random.default_rng(3).integers(40, 256, (256, 3)).astype(np.uint8)
    colors[options.void] = 0
    pictures, masks = next(iter(feed.Loader(source, view, batch_size=count, seed=7)))
    shown = pictures // 2 + colors[masks] // 2
    rows = [np.concatenate(list(shown[k : k + columns]), axis=1) for k in range(0, len(shown), columns)]
    return Image.fromarray(np.concatenate([row for row in rows if row.shape == rows[0].shape]))


if options.sheet:
    sheet(train).save(options.sheet)
    print(f"wrote {options.sheet}")

model = keras.Sequential(
    [
        keras.Input((options.size, options.size, 3)),
        keras.layers.Conv2D(16, 5, strides=2, padding="same", activation="relu"),
        keras.layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
        keras.layers.Conv2D(32, 3, padding="same", dilation_rate=4, activation="relu"),
        keras.layers.Conv2D(options.classes, 1),
        keras.layers.UpSampling2D(4, interpolation="bilinear"),
    ]
)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=options.void)
model.compile(keras.optimizers.Adam(0.003), loss)
loader = feed.Loader(train, view + units, batch_size=8, seed=7, steps_per_epoch=options.steps)
losses = model.fit(loader, epochs=options.epochs, verbose=2).history["loss"]
last = model.evaluate(feed.Loader(validation, whole, batch_size=8), verbose=0)
print(f"{len(train)} pictures: loss {losses[0]:.4f} to {losses[-1]:.4f}; {last:.4f} on {len(validation)} others")
