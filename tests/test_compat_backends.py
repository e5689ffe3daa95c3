"""`model.fit` on every backend of Keras takes an iterator as it is: every picture once an epoch."""

import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec

import pytest

# A picture's label is a power of two, so the sum of an epoch's labels says that each came once.
LINES = """
    import sys
    import numpy as np
    import keras
    from imagefeed import ImageDataGenerator

    class Sum(keras.metrics.Metric):
        def __init__(self):
            super().__init__(name="sum")
            self.total = self.add_weight(shape=(), initializer="zeros", name="total")
        def update_state(self, y, y_pred, sample_weight=None):
            self.total.assign_add(keras.ops.sum(keras.ops.cast(y, "float32")))
        def result(self):
            return self.total + 0.0  # a copy: validation uses the same metric

    count = 19
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    labels = (2.0 ** np.arange(count)).astype(np.float32)
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mae", metrics=[Sum()])
    generator = ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=1 / 255, validation_split=0.25)
    options = {"batch_size": 4, "seed": 1, "ignore_class_split": True}
    for shuffle, workers, processes, fit_shuffles in (
        (True, 1, False, True), (True, 4, False, False), (False, 2, True, True), (True, 2, True, True)
    ):
        train = generator.flow(images, labels, shuffle=shuffle, subset="training", **options)
        check = generator.flow(images, labels, shuffle=shuffle, subset="validation", **options)
        for one in (train, check):
            one.workers, one.use_multiprocessing, one.max_queue_size = workers, processes, 5
        history = model.fit(train, validation_data=check, epochs=2, verbose=0, shuffle=fit_shuffles).history
        assert history["sum"] == [2.0**count - 2**4] * 2, history
        assert history["val_sum"] == [2.0**4 - 1] * 2, history
        assert model.evaluate(check, verbose=0, return_dict=True)["sum"] == 2.0**4 - 1
        assert model.predict(check, verbose=0).shape == (4, 1)
        assert len(train) == 4 and [len(train[k][1]) for k in range(4)] == [4, 4, 4, 3]
    by_hand = generator.flow(images, labels, **options)
    seen = 0.0
    for k, (x, y) in enumerate(by_hand):
        model.train_on_batch(x, y)
        seen += y.sum()
        if k + 1 == len(by_hand):
            break
    assert seen == 2.0**count - 1
    print(keras.backend.backend(), "well")
"""


@pytest.mark.parametrize("backend", ["jax", "torch", "tensorflow"])
def test_fit_takes_every_picture_once(backend: str) -> None:
    for needed in ("keras", backend):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LINES)], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith(f"{backend} well\n")
