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

# Keras reads its backend when it is imported. Convolutions on a processor are quickest in torch.
os.environ.setdefault("KERAS_BACKEND", next(filter(find_spec, ("torch", "jax", "tensorflow")), "torch"))

import h5py
import keras
import numpy as np

import imagefeed as feed

UNITS: dict[str, list[feed.Transform]] = {
    "its own": [feed.Normalize.preset("caffe")],
    "rescale=1/255": [feed.Rescale(1 / 255)],
    "raw levels": [],
}
SIZE, SMALL = 227, 64


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
                name = layer.name.replace("_", "/")
                layer.set_weights([file[name][f"{name}_{kind}:0"][()] for kind in "Wb"])
    return model


def loader(source: feed.Source, steps: list[feed.Transform], **options: Any) -> feed.Loader:
    return feed.Loader(source, feed.Pipeline(steps), dtype="float32", seed=0, **options)


def part(source: feed.Source, count: int) -> feed.Source:
    """So many records, of all classes alike."""
    return source if count >= len(source) else source.split(validation=count / len(source), seed=0)[1]


def labels(source: feed.Source) -> np.ndarray:
    return source.class_indices(np.arange(len(source))).astype(np.float32)


def with_new_head(backbone: keras.Model, train: feed.Source, test: feed.Source, units: list) -> Any:
    """The accuracy of a linear head on the frozen network's features, and the model of both."""
    steps = [feed.Resize((SIZE, SIZE)), *units]
    # Nothing of the network changes, so each photograph goes through it once.
    seen, new = (backbone.predict(loader(source, steps, shuffle=False), verbose=0) for source in (train, test))
    keras.utils.set_random_seed(0)
    alike = keras.layers.Normalization()  # features vary by very different amounts
    alike.adapt(seen)
    linear = keras.layers.Dense(1, activation="sigmoid", kernel_regularizer=keras.regularizers.L2(0.1))
    head = keras.Sequential([keras.Input((512,)), alike, linear], name="head")
    head.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    head.fit(seen, labels(train), batch_size=32, epochs=40, verbose=0)
    inputs = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(inputs, head(backbone(inputs)), name="cats_dogs")
    return head.evaluate(new, labels(test), verbose=0)[1], model


def from_scratch(train: feed.Source, test: feed.Source, units: list, epochs: int) -> float:
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
    lines = ["| preprocessing | pretrained, new head | from scratch | the skew guard says |", "|:--|--:|--:|:--|"]
    for name, row in rows.items():
        says = row["guard"] or "nothing"
        lines.append(f"| {name} | {row['pretrained']:.3f} | {row['scratch']:.3f} | {says} |")
    return "\n".join(lines) + "\n"


def plot(rows: dict[str, dict[str, Any]], file: Path) -> None:
    """Bars of both accuracies for each preprocessing, from a coin's half on."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.8), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(rows))
    for k, (kind, title, color) in enumerate(
        (("pretrained", "pretrained, new head", "#2b6cb0"), ("scratch", "from scratch", "#9aa5b1"))
    ):
        values = [row[kind] for row in rows.values()]
        bars = axes.barh(places + 0.36 * (k - 0.5), values, 0.34, label=title, color=color)
        axes.bar_label(bars, [f"{value:.3f}" for value in values], padding=3)
    axes.set(xlim=(0.5, 1.06), xlabel="accuracy on photographs that were not trained on", yticks=places)
    axes.set_yticklabels(list(rows))
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    figure.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="has the folders train and validation")
    parser.add_argument("weights", type=Path, help="of SqueezeNet 1.1, as HDF5")
    parser.add_argument("--out", type=Path, default=Path("transfer"), help="a folder for the results")
    parser.add_argument("--train", type=int, default=500, help="how many photographs to train on, of all classes alike")
    parser.add_argument("--test", type=int, default=300, help="how many to measure on")
    parser.add_argument("--epochs", type=int, default=20, help="of the network that is trained from scratch")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    train = part(feed.folder(options.photos / "train"), options.train)
    test = part(feed.folder(options.photos / "validation"), options.test)
    print(f"{len(train)} photographs to train on, {len(test)} others to measure on; Keras on {keras.backend.backend()}")

    backbone = squeezenet(options.weights)
    rows: dict[str, dict[str, Any]] = {}
    models: dict[str, keras.Model] = {}
    for name, units in UNITS.items():
        pretrained, models[name] = with_new_head(backbone, train, test, units)
        pipeline = feed.Pipeline([feed.Resize((SIZE, SIZE)), *units])
        findings = feed.check_model(models[name], pipeline, train, expects="caffe")
        rows[name] = {
            "pretrained": pretrained,
            "scratch": from_scratch(train, test, units, options.epochs),
            "guard": "; ".join(f"{one.kind}: {one.advice}" for one in findings),
        }
    print(table(rows))
    (options.out / "transfer-learning.md").write_text(table(rows), "utf-8")
    plot(rows, options.out / "transfer-learning.svg")
    figures = {"train": len(train), "test": len(test), "epochs": options.epochs, "rows": rows}
    (options.out / "transfer-learning.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")

    # What is deployed takes pictures as they are: whoever calls it cannot prepare them wrongly.
    whole = feed.attach(models["its own"], feed.Pipeline([feed.Resize((SIZE, SIZE)), *UNITS["its own"]]))
    whole.save(options.out / "cats_dogs.keras")
    again = keras.models.load_model(options.out / "cats_dogs.keras")
    for photograph in (test.files[0], test.files[-1]):
        likely = float(again.predict(feed.read(photograph)[None], verbose=0)[0, 0])
        kind = test.classes[round(likely)]
        print(f"{Path(photograph).name}: {kind}, with probability {max(likely, 1 - likely):.3f}")


if __name__ == "__main__":
    main()
