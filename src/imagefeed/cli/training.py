"""A small convolutional network in Keras, trained from a loader."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from rich.progress import Progress

from imagefeed.loader import Loader

_WIDTHS = (48, 96, 160)  # channels of each level


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What training came to.

    Attributes:
        accuracy: On the training pictures as augmented, in the last epoch.
        validation_accuracy: On pictures that were not trained on, after the last epoch.
        images_per_second: Trained images by wall clock, with validation and without the first epoch, in which
            the backend compiles; None if there was one epoch only.
        seconds: All of it.
    """

    accuracy: float
    validation_accuracy: float
    images_per_second: float | None
    seconds: float


def small_model(keras: Any, size: int, classes: int) -> Any:
    """A residual network of about half a million weights, for (size, size, 3) pictures of 0 to 1."""
    layers = keras.layers

    def convolved(x: Any, channels: int, strides: int) -> Any:
        x = layers.Conv2D(channels, 3, strides=strides, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    x = pictures = keras.Input((size, size, 3))
    x = layers.MaxPooling2D()(convolved(x, 32, 2))
    for channels in _WIDTHS:
        x = convolved(x, channels, 2)
        x = layers.Add()([x, convolved(x, channels, 1)])
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(pictures, layers.Dense(classes, activation="softmax")(x))


def train(keras: Any, model: Any, training: Loader, validation: Loader, *, epochs: int, bar: Progress) -> Outcome:
    """Fit a model, and show it on a progress bar.

    Nothing is chosen by the validation pictures (no early stop, no best epoch): their accuracy is honest.
    """
    steps = epochs * len(training)
    warmup = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=2e-3, warmup_steps=warmup)
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=1e-3),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    task = bar.add_task("training", total=steps, note="compiling")
    ends: list[float] = []

    def on_epoch_end(epoch: int, logs: dict[str, float]) -> None:
        ends.append(time.perf_counter())
        found = f"loss {logs['loss']:.2f}, validation accuracy {logs['val_accuracy']:.0%}"
        bar.update(task, note=f"epoch {epoch + 1}/{epochs}, {found}")

    def on_batch_end(batch: int, logs: dict[str, float]) -> None:
        bar.advance(task)

    shown = keras.callbacks.LambdaCallback(on_train_batch_end=on_batch_end, on_epoch_end=on_epoch_end)
    start = time.perf_counter()
    history = model.fit(training, validation_data=validation, epochs=epochs, callbacks=[shown], verbose=0).history
    counted = len(training) * training.batch_size * (epochs - 1)
    return Outcome(
        accuracy=history["accuracy"][-1],
        validation_accuracy=history["val_accuracy"][-1],
        images_per_second=counted / (ends[-1] - ends[0]) if counted else None,
        seconds=time.perf_counter() - start,
    )
