"""Any mixture of arguments, with the same seed: Keras's own class and ours, from arrays, folders and tables."""

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imagefeed.compat as ours

pytest.importorskip("keras", reason="Keras is not installed: pip install 'imagefeed[demo]'")
theirs = pytest.importorskip("keras.src.legacy.preprocessing.image", reason="this Keras has no ImageDataGenerator")

pytestmark = [
    pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*scipy.ndimage.interpolation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies:UserWarning"),
]

# How often an argument is given, and what.
CHOICES: dict[str, tuple[float, list[Any]]] = {
    "rotation_range": (0.4, [10, 90, -20, 0.5, 360]),
    "width_shift_range": (0.4, [0.2, 3, 2.5, [1, 2, -4], (0.1, 0.4), -0.3, 1, np.float32(0.1), 1.0]),
    "height_shift_range": (0.4, [0.2, 3, 2.5, [1, 2, -4], [0.1, -0.4], -2, 1]),
    "shear_range": (0.3, [20, -5, 0.2]),
    "zoom_range": (0.3, [0.3, (0.5, 1.5), [1, 1.3], (1, 1)]),
    "channel_shift_range": (0.3, [30, 0.5, -20]),
    "brightness_range": (0.25, [(0.5, 1.5), [0, 2]]),
    "fill_mode": (0.7, ["constant", "nearest", "reflect", "wrap"]),
    "cval": (0.5, [-50, 300, 0.5, 7]),
    "horizontal_flip": (0.5, [True]),
    "vertical_flip": (0.5, [True]),
    "rescale": (0.4, [1 / 255, 2.0, 0]),
    "samplewise_center": (0.2, [True]),
    "samplewise_std_normalization": (0.2, [True]),
    "featurewise_center": (0.2, [True]),
    "featurewise_std_normalization": (0.2, [True]),
    "preprocessing_function": (0.3, [lambda image: 255 - image, lambda image: image[..., ::-1]]),
    "interpolation_order": (0.4, [0, 1, 2, 3]),
}
IMAGES = np.random.default_rng(0).integers(0, 256, (11, 20, 26, 3), np.uint8)
EPOCHS = 3


def mixture(rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of a generator, and of a flow from it."""
    arguments = {
        name: values[rng.integers(len(values))] for name, (share, values) in CHOICES.items() if rng.random() < share
    }
    options = {"shuffle": bool(rng.integers(2)), "batch_size": int(rng.integers(1, 8)), "seed": int(rng.integers(1000))}
    if rng.random() < 0.5:
        arguments["validation_split"] = [0.3, 0.5][rng.integers(2)]
        options["subset"] = ["training", "validation"][rng.integers(2)]
    return arguments, options


def batches(module: Any, arguments: dict[str, Any], by_number: bool, flow: Any, fitted: np.ndarray) -> list[Any]:
    with contextlib.redirect_stdout(io.StringIO()):
        generator = module.ImageDataGenerator(**arguments)
        if any(name.startswith("featurewise") for name in arguments):
            generator.fit(fitted)
        iterator = flow(generator)
    made: list[Any] = []
    for _ in range(EPOCHS):
        made += [iterator[k] if by_number else next(iterator) for k in range(len(iterator))]
        if by_number:
            iterator.on_epoch_end()
    return made


def agree(arguments: dict[str, Any], by_number: bool, flow: Any, fitted: np.ndarray) -> None:
    """Labels, shapes and dtypes exactly; pixels within 0.001 of a gray level in the mean, 0.02 at most."""
    made, wanted = (batches(module, arguments, by_number, flow, fitted) for module in (ours, theirs))
    assert len(made) == len(wanted) > 0
    gaps = []
    # What a gray level has become: a factor of it, or a part of a spread that is about one and held 255 of them.
    level = arguments.get("rescale") or 1.0
    if any(name.endswith("std_normalization") for name in arguments):
        level = max(float(np.ptp(images)) for images, _ in wanted) / 255
    for (images, labels), (other, its) in zip(made, wanted, strict=True):
        np.testing.assert_array_equal(labels, its)
        assert (images.shape, images.dtype, labels.dtype) == (other.shape, other.dtype, its.dtype)
        gaps.append(np.abs(images.astype(np.float64) - other).ravel() / level)
    gaps = np.concatenate(gaps)
    assert gaps.max() <= 0.02, (arguments, gaps.max())
    assert gaps.mean() <= 0.001, (arguments, gaps.mean())


@pytest.mark.parametrize("seed", range(80))
def test_arrays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    arguments, options = mixture(rng)
    images = [IMAGES, IMAGES.astype(np.float32) / 255 * 3 - 1, IMAGES[..., :1]][rng.integers(3)]
    agree(
        arguments,
        bool(rng.integers(2)),
        lambda generator: generator.flow(images, np.arange(len(images)), ignore_class_split=True, **options),
        images,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Two classes of six JPEGs and PNGs of different sizes and colors."""
    root = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(1)
    for k in range(12):
        path = root / "ab"[k % 2] / (f"{k}.jpg" if k % 3 else f"{k}.png")
        path.parent.mkdir(exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (7, 9, 3), np.uint8))
        picture = small.resize((40 + 7 * k, 90 - 4 * k), Image.Resampling.BICUBIC)
        (picture.convert("L") if k == 5 else picture).save(path)
    return root


def of_files(rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    arguments, options = mixture(rng)
    options |= {
        "target_size": [(30, 36), (48, 20)][rng.integers(2)],
        "interpolation": ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"][rng.integers(6)],
        "color_mode": ["rgb", "rgb", "grayscale"][rng.integers(3)],
        "class_mode": ["categorical", "sparse", "binary"][rng.integers(3)],
    }
    return arguments, options


@pytest.mark.parametrize("seed", range(40))
def test_folders(files: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arguments, options = of_files(rng)
    fitted = IMAGES[..., :1] if options["color_mode"] == "grayscale" else IMAGES
    agree(
        arguments, bool(rng.integers(2)), lambda generator: generator.flow_from_directory(str(files), **options), fitted
    )


@pytest.mark.parametrize("seed", range(40))
def test_tables(files: Path, seed: int) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    names = sorted(str(path.relative_to(files)) for path in files.rglob("*.*"))
    rng = np.random.default_rng(seed)
    names = [names[k] for k in rng.permutation(len(names))]
    frame = pandas.DataFrame({"filename": names, "class": [name[0] for name in names]})
    arguments, options = of_files(rng)
    fitted = IMAGES[..., :1] if options["color_mode"] == "grayscale" else IMAGES
    agree(
        arguments,
        bool(rng.integers(2)),
        lambda generator: generator.flow_from_dataframe(frame, str(files), **options),
        fitted,
    )
