"""The same seed gives the same pictures as the installed Keras's own class."""

import contextlib
import io
import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imagefeed.compat as ours

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install 'imagefeed[demo]'")
theirs = pytest.importorskip("keras.src.legacy.preprocessing.image", reason="this Keras has no ImageDataGenerator")
utils = pytest.importorskip("keras.src.utils.image_utils")

# Keras asks SciPy for a name that SciPy has deprecated, and warns of what these tests ask for on purpose.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*scipy.ndimage.interpolation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies:UserWarning"),
]

ALONE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "rotation": {"rotation_range": 40},
    "width": {"width_shift_range": 0.3},
    "height": {"height_shift_range": 0.3},
    "whole pixels": {"width_shift_range": 4},
    "pixels": {"width_shift_range": 3.5},
    "list": {"height_shift_range": [-3, 0, 5]},
    "list of fractions": {"width_shift_range": [0.1, 0.25]},
    "shear": {"shear_range": 20},
    "zoom": {"zoom_range": 0.4},
    "zoom pair": {"zoom_range": (0.5, 0.9)},
    "mirror": {"horizontal_flip": True},
    "upside down": {"vertical_flip": True},
    "channel": {"channel_shift_range": 60.0},
    "brightness": {"brightness_range": (0.4, 1.6)},
    "rescale": {"rescale": 1 / 255},
    "samplewise center": {"samplewise_center": True},
    "samplewise": {"samplewise_std_normalization": True},
    "center": {"featurewise_center": True},
    "featurewise": {"featurewise_std_normalization": True},
    "zca": {"zca_whitening": True},
    "function": {"preprocessing_function": lambda image: 255 - image},
}
# What of it reads between pixels; the rest is Keras's to the bit.
INTERPOLATES = {"rotation", "width", "height", "pixels", "list of fractions", "shear", "zoom", "zoom pair"}
EVERYTHING: dict[str, Any] = {
    "rotation_range": 25,
    "width_shift_range": 0.2,
    "height_shift_range": 0.1,
    "shear_range": 9,
    "zoom_range": 0.3,
    "channel_shift_range": 20,
    "brightness_range": (0.5, 1.5),
    "horizontal_flip": True,
    "vertical_flip": True,
    "rescale": 1 / 255,
    "preprocessing_function": lambda image: 255 - image,
    "featurewise_std_normalization": True,
    "samplewise_std_normalization": True,
}
IMAGES = np.random.default_rng(0).integers(0, 256, (11, 20, 26, 3), np.uint8)
LABELS = np.arange(11)


def quietly(function, *args, **kwargs):
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*args, **kwargs)


def epochs(iterator, count: int, how: str) -> list[Any]:
    """Some epochs: one batch after another, or by number as `fit` asks for them."""
    if how == "next":
        return [next(iterator) for _ in range(count * len(iterator))]
    batches = []
    for _ in range(count):
        batches += [iterator[k] for k in range(len(iterator))]
        iterator.on_epoch_end()
    return batches


def flow(module, arguments, *, images=IMAGES, how="next", count=3, **options) -> list[Any]:
    generator = module.ImageDataGenerator(**arguments)
    if any(name.startswith(("featurewise", "zca")) for name in arguments):
        generator.fit(images)
    return epochs(generator.flow(images, LABELS[: len(images)], batch_size=4, seed=5, **options), count, how)


def compare(ours_made: list[Any], theirs_made: list[Any], *, level: float = 1.0, exact: bool = False) -> None:
    """Labels and shapes exactly, pixels within the promise; `level` is what a gray level has become."""
    assert len(ours_made) == len(theirs_made)
    gaps = []
    for mine, other in zip(ours_made, theirs_made, strict=True):
        if isinstance(other, tuple):
            assert type(mine) is tuple
            assert len(mine) == len(other)
            if not isinstance(other[1], list) and other[1].shape != other[0].shape:
                np.testing.assert_array_equal(mine[1], other[1])
                assert mine[1].dtype == other[1].dtype
            mine, other = mine[0], other[0]
        assert mine.shape == other.shape
        assert mine.dtype == other.dtype
        if exact:
            np.testing.assert_array_equal(mine, other)
        gaps.append(np.abs(mine.astype(np.float64) - other) / level)
    gaps = np.concatenate([gap.ravel() for gap in gaps])
    assert gaps.max(initial=0) <= 1
    assert gaps.mean() <= 0.05


@pytest.mark.parametrize("name", list(ALONE))
@pytest.mark.parametrize("how", ["next", "number"])
def test_each_argument_alone(name: str, how: str) -> None:
    exact = name not in INTERPOLATES | {"zca"}
    level = 1e-5 if name == "zca" else 1e-2
    compare(flow(ours, ALONE[name], how=how), flow(theirs, ALONE[name], how=how), exact=exact, level=level)


@pytest.mark.parametrize("pair", list(itertools.combinations([k for k in ALONE if k != "zca"], 2)), ids=" and ".join)
def test_pairs(pair: tuple[str, str]) -> None:
    arguments = ALONE[pair[0]] | ALONE[pair[1]]
    # Keras leaves a picture in another order in memory after a warp or a channel shift, so that the last bits of the
    # sums over it differ.
    moved = {"whole pixels", "list", "channel"} & set(pair)
    exact = not INTERPOLATES & set(pair) and not (moved and any(one.startswith("samplewise") for one in pair))
    compare(flow(ours, arguments, count=1), flow(theirs, arguments, count=1), exact=exact, level=1e-2)


@pytest.mark.parametrize("mode", ["constant", "nearest", "reflect", "wrap"])
@pytest.mark.parametrize("order", range(6))
def test_everything_at_once(mode: str, order: int) -> None:
    arguments = EVERYTHING | {"fill_mode": mode, "interpolation_order": order, "cval": 3.0}
    compare(flow(ours, arguments), flow(theirs, arguments), level=1e-2)


@pytest.mark.parametrize("name", sorted(INTERPOLATES | {"list", "whole pixels"}))
@pytest.mark.parametrize(
    ("mode", "order"), [("constant", 0), ("constant", 1), ("wrap", 0), ("wrap", 1), ("reflect", 3)]
)
def test_borders_and_orders(name: str, mode: str, order: int) -> None:
    arguments = ALONE[name] | {"fill_mode": mode, "interpolation_order": order, "cval": 9.0}
    exact = order == 0 or name in ("list", "whole pixels")
    compare(flow(ours, arguments), flow(theirs, arguments), exact=exact, level=1e-2)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("subset", [None, "training", "validation"])
@pytest.mark.parametrize("how", ["next", "number"])
def test_order_and_subsets(shuffle: bool, subset: str | None, how: str) -> None:
    arguments = ALONE["rotation"] | {"validation_split": 0.3}
    options = {"shuffle": shuffle, "subset": subset, "ignore_class_split": True, "how": how}
    compare(flow(ours, arguments, **options), flow(theirs, arguments, **options))


@pytest.mark.parametrize("name", ["rotation", "brightness", "channel", "rescale", "featurewise", "mirror"])
def test_pictures_of_real_numbers(name: str) -> None:
    images = IMAGES.astype(np.float32) / 255 * 3 - 1
    exact = name not in INTERPOLATES
    compare(flow(ours, ALONE[name], images=images), flow(theirs, ALONE[name], images=images), exact=exact, level=1e-2)


@pytest.mark.parametrize("name", ["rotation", "zoom", "channel", "samplewise", "mirror", "featurewise"])
def test_channels_first(name: str) -> None:
    images = np.ascontiguousarray(IMAGES[..., :1].transpose(0, 3, 1, 2))
    arguments = ALONE[name] | {"data_format": "channels_first"}
    compare(flow(ours, arguments, images=images), flow(theirs, arguments, images=images), level=1e-2)


@pytest.mark.parametrize("dtype", ["float64", "float16"])
@pytest.mark.parametrize("name", ["nothing", "rescale", "mirror"])
def test_other_dtypes(name: str, dtype: str) -> None:
    arguments = ALONE[name] | {"dtype": dtype}
    compare(flow(ours, arguments), flow(theirs, arguments), exact=True)


@pytest.mark.parametrize("channels", [1, 4])
def test_gray_and_alpha(channels: int) -> None:
    images = np.random.default_rng(1).integers(0, 256, (9, 12, 15, channels), np.uint8)
    arguments = {k: v for k, v in EVERYTHING.items() if not k.startswith("featurewise")}
    compare(flow(ours, arguments, images=images), flow(theirs, arguments, images=images), level=1e-2)


def test_misc_arrays_and_weights() -> None:
    made = []
    for module in (ours, theirs):
        generator = module.ImageDataGenerator(horizontal_flip=True)
        x = (IMAGES, [LABELS * 2, LABELS * 3])
        made.append(next(generator.flow(x, LABELS, sample_weight=LABELS / 7, batch_size=4, seed=1)))
    (images, labels, weights), other = made
    np.testing.assert_array_equal(labels, other[1])
    np.testing.assert_array_equal(weights, other[2])
    assert type(images) is type(other[0]) is list
    for mine, one in zip(images, other[0], strict=True):
        np.testing.assert_array_equal(mine, one)


@pytest.mark.parametrize("arguments", [*ALONE.values(), EVERYTHING], ids=[*ALONE, "everything"])
def test_drawn_parameters(arguments: dict[str, Any]) -> None:
    for seed in range(5):
        mine = ours.ImageDataGenerator(**arguments).get_random_transform((20, 31, 3), seed)
        assert mine == theirs.ImageDataGenerator(**arguments).get_random_transform((20, 31, 3), seed)


# ------------------------------------------------------------------------------------------------ files


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """Three classes with files of several formats, folders in folders, names that sort in traps, and strangers."""
    root = tmp_path_factory.mktemp("tree")
    rng = np.random.default_rng(2)

    def put(name: str, mode: str = "RGB", size=(40, 50)) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        channels = {"L": 1, "RGB": 3, "RGBA": 4, "P": 1}[mode]
        levels = np.repeat(np.repeat(rng.integers(0, 256, (*size, channels), np.uint8), 4, 0), 4, 1)
        Image.fromarray(levels.squeeze(), mode).save(path)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name in ("b", "a", "c c"):
            for k in (10, 9, 1):
                put(f"{name}/{k}.jpg")
        put("a/sub/z.JPG")
        put("a/sub2/y.jpeg", "L")
        put("a/.hidden.png", "RGBA")
        put("a/q.TIFF")
        put("b/p.png", "P")
        put("b/l.bmp", "L")
        put("top.png")
    (root / "a/notes.txt").write_text("no picture")
    (root / "empty").mkdir()
    return root


def directory(module, arguments, root, *, how="next", count=3, **options):
    generator = module.ImageDataGenerator(**arguments)
    options = {"target_size": (30, 36), "batch_size": 4, "seed": 3} | options
    iterator = quietly(generator.flow_from_directory, str(root), **options)
    return iterator, epochs(iterator, count, how)


def same_listing(mine, other) -> None:
    for name in ("filenames", "filepaths", "class_indices", "num_classes", "samples", "n", "image_shape", "split"):
        assert getattr(mine, name) == getattr(other, name), name
    np.testing.assert_array_equal(mine.classes, other.classes)
    assert mine.classes.dtype == other.classes.dtype


tiff = pytest.mark.filterwarnings("ignore:Using .*tiff:UserWarning")


@tiff
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("keep", [True, False])
def test_nearest_files_to_the_bit(tree, color_mode, keep) -> None:
    options = {"color_mode": color_mode, "keep_aspect_ratio": keep, "count": 1}
    (mine, made), (other, wanted) = (directory(module, {}, tree, **options) for module in (ours, theirs))
    same_listing(mine, other)
    compare(made, wanted, exact=True)


@tiff
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos", "box", "hamming"])
@pytest.mark.parametrize("color_mode", ["rgb", "grayscale"])
def test_interpolated_files(tree, interpolation, color_mode) -> None:
    options = {"interpolation": interpolation, "color_mode": color_mode, "count": 1}
    (_, made), (_, wanted) = (directory(module, {}, tree, **options) for module in (ours, theirs))
    compare(made, wanted)


@tiff
@pytest.mark.parametrize("class_mode", ["categorical", "binary", "sparse", "input", None])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("how", ["next", "number"])
def test_augmented_files(tree, class_mode, shuffle, how) -> None:
    options = {"class_mode": class_mode, "shuffle": shuffle, "how": how, "classes": ["b", "a"]}
    arguments = {k: v for k, v in EVERYTHING.items() if not k.startswith("featurewise")}
    (mine, made), (other, wanted) = (directory(module, arguments, tree, **options) for module in (ours, theirs))
    same_listing(mine, other)
    compare(made, wanted, level=1e-2)


@tiff
@pytest.mark.parametrize("subset", ["training", "validation"])
def test_file_subsets(tree, subset) -> None:
    arguments = {"validation_split": 0.4, "rotation_range": 20}
    (mine, made), (other, wanted) = (directory(module, arguments, tree, subset=subset) for module in (ours, theirs))
    same_listing(mine, other)
    compare(made, wanted)


def test_photographs(data) -> None:
    root = data("cats_dogs/validation")
    arguments = {"rotation_range": 20, "width_shift_range": 0.2, "zoom_range": 0.2, "horizontal_flip": True}
    made = [
        epochs_of(directory(module, arguments, root, count=0, target_size=(224, 224), batch_size=8)[0], 6)
        for module in (ours, theirs)
    ]
    compare(*made)


def epochs_of(iterator, batches: int) -> list[Any]:
    return [next(iterator) for _ in range(batches)]


@pytest.mark.filterwarnings("ignore:Palette images with Transparency:UserWarning")
def test_odd_files(data, tmp_path) -> None:
    """EXIF orientations, which Keras does not look at, and every kind of PNG."""
    for name, pattern in (("odd/exif_orientation", "*.jpg"), ("odd/pngsuite", "[!x]*.png")):
        folder = tmp_path / name.replace("/", "_")
        folder.mkdir()
        for file in sorted(data(name).glob(pattern)):
            (folder / file.name).symlink_to(file)
    for color_mode in ("rgb", "rgba", "grayscale"):
        options = {"color_mode": color_mode, "count": 1, "batch_size": 16}
        (_, made), (_, wanted) = (directory(module, {}, tmp_path, **options) for module in (ours, theirs))
        compare(made, wanted, exact=True)


# ------------------------------------------------------------------------------------------------ tables


@pytest.fixture(scope="module")
def table():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    files = ["b/1.jpg", "b/10.jpg", "a/1.jpg", "c c/9.jpg", "nope.png", "a/9.jpg", "b/9.jpg", "a/10.jpg"]
    return pandas.DataFrame(
        {
            "filename": files,
            "class": ["b", "b", "a", "c", "b", "a", "b", "a"],
            "several": [["b"], ["b", "a"], ["a"], ("c",), ["b"], ["a", "b"], ["c"], "a"],
            "some": [["b"], ["b", "a"], [], ["c"], ["b"], [], ["c"], ["a"]],
            "number": np.arange(8) * 1.5,
            "count": np.arange(8),
            "weight": np.linspace(0, 1, 8),
        }
    )


TABLES: dict[str, dict[str, Any]] = {
    "categorical": {},
    "sparse": {"class_mode": "sparse"},
    "several labels": {"y_col": "several"},
    "no label": {"y_col": "some"},
    "no label of some": {"y_col": "some", "classes": ["a", "b"]},
    "raw": {"class_mode": "raw", "y_col": "number"},
    "raw columns": {"class_mode": "raw", "y_col": ["number", "count"]},
    "outputs": {"class_mode": "multi_output", "y_col": ["number", "count"]},
    "input": {"class_mode": "input"},
    "none": {"class_mode": None},
    "weights": {"weight_col": "weight"},
    "classes": {"classes": ["b", "a"]},
    "binary": {"class_mode": "binary", "classes": ["b", "a"]},
    "some of several": {"classes": ["a", "zz"], "y_col": "several"},
}


def from_table(module, frame, root, **options):
    generator = module.ImageDataGenerator(rotation_range=20, validation_split=0.4)
    options = {"target_size": (30, 36), "batch_size": 3, "seed": 4} | options
    iterator = quietly(generator.flow_from_dataframe, frame, str(root), **options)
    return iterator, [next(iterator) for _ in range(3 * len(iterator))]


def flattened(batch) -> list[np.ndarray]:
    return [one for part in batch for one in flattened(part)] if isinstance(batch, tuple | list) else [batch]


@pytest.mark.filterwarnings("ignore:Found 1 invalid image:UserWarning")
@pytest.mark.parametrize("name", list(TABLES))
@pytest.mark.parametrize("subset", [None, "training", "validation"])
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_tables(tree, table, name, subset, library) -> None:
    options = TABLES[name] | {"subset": subset}
    other, wanted = from_table(theirs, table, tree, **options)
    frame = table
    if library != "pandas":
        if "several" in options.values():
            pytest.skip("a column of both strings and lists is pandas's alone")
        arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        frame = arrow.Table.from_pandas(table.drop(columns="several"))
        if library == "polars":
            frame = pytest.importorskip("polars", reason="polars is not installed").from_arrow(frame)
    mine, made = from_table(ours, frame, tree, **options)
    assert (mine.filenames, mine.filepaths, mine.n) == (other.filenames, other.filepaths, other.n)
    if options.get("class_mode", "") not in (None, "input"):
        assert str(mine.labels) == str(other.labels)
    for one, two in zip(made, wanted, strict=True):
        pairs = zip(flattened(one), flattened(two), strict=True)
        assert all(a.shape == b.shape and a.dtype == b.dtype and np.abs(a - b).max() < 0.01 for a, b in pairs)


@pytest.mark.filterwarnings("ignore:Found 1 invalid image:UserWarning")
@pytest.mark.parametrize(
    "options",
    [
        {"x_col": "zz"},
        {"y_col": "zz"},
        {"y_col": "number"},
        {"x_col": "number"},
        {"weight_col": "zz"},
        {"weight_col": "class"},
        {"color_mode": "zz"},
        {"class_mode": "binary"},
        {"class_mode": "binary", "classes": ["a"]},
        {"class_mode": "binary", "y_col": "number"},
        {"class_mode": "sparse", "y_col": "several"},
        {"class_mode": "multi_output", "y_col": "number"},
    ],
    ids=str,
)
def test_wrong_tables_get_kerass_words(tree, table, options) -> None:
    messages = []
    for module in (ours, theirs):
        with pytest.raises((KeyError, TypeError, ValueError)) as caught:
            from_table(module, table, tree, **options)
        messages.append((caught.type, str(caught.value)))
    assert messages[0] == messages[1]


# ------------------------------------------------------------------------------------------------ the rest


@pytest.mark.parametrize("rescale", [None, 1 / 255])
@pytest.mark.parametrize("augment", [False, True])
def test_fit(rescale, augment) -> None:
    made = []
    for module in (ours, theirs):
        generator = module.ImageDataGenerator(
            featurewise_std_normalization=True, rescale=rescale, rotation_range=30, horizontal_flip=True
        )
        generator.fit(IMAGES, augment=augment, rounds=2, seed=7)
        made.append((generator.mean, generator.std))
    for mine, other in zip(*made, strict=True):
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=1e-5)
        if not augment:
            np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("count", [40, 200])
def test_whitening(count) -> None:
    """More pictures than values, and fewer."""
    images = np.cumsum(np.random.default_rng(3).normal(size=(count, 6, 6, 3)), axis=1).astype(np.float32)
    made = []
    for module in (ours, theirs):
        generator = module.ImageDataGenerator(zca_whitening=True, zca_epsilon=1e-2)
        generator.fit(images)
        made.append(generator.zca_whitening_matrix)
    np.testing.assert_allclose(made[0], made[1], atol=1e-4 * np.abs(made[1]).max())


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (1, 0, 2)])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_affine_function(axes, order, rng) -> None:
    image = (rng.random((12, 9, 10)) * 255).astype(np.float32)
    arguments = dict(zip(("row_axis", "col_axis", "channel_axis"), axes, strict=True))
    arguments |= {
        "theta": 20,
        "tx": 1.5,
        "ty": -2,
        "shear": 10,
        "zx": 0.8,
        "zy": 1.2,
        "fill_mode": "reflect",
        "order": order,
    }
    mine, other = (module.apply_affine_transform(image.copy(), **arguments) for module in (ours, theirs))
    np.testing.assert_allclose(mine, other, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("random_rotation", (30,)),
        ("random_shift", (0.2, 0.3)),
        ("random_shear", (20,)),
        ("random_zoom", ((0.5, 1.5),)),
        ("random_channel_shift", (30,)),
        ("random_brightness", ((0.5, 1.5),)),
    ],
)
def test_random_functions(name, arguments) -> None:
    image = IMAGES[0].astype(np.float32)
    axes = {} if name == "random_brightness" else {"channel_axis": 2}
    axes |= (
        {"row_axis": 0, "col_axis": 1}
        if name in ("random_rotation", "random_shift", "random_shear", "random_zoom")
        else {}
    )
    mine = getattr(ours, name)(image, *arguments, **axes, seed=5)
    np.random.seed(5)  # noqa: NPY002 (Keras draws from NumPy's global generator)
    np.testing.assert_allclose(mine, getattr(theirs, name)(image, *arguments, **axes), atol=1e-3)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize(("low", "high"), [(0, 255), (0, 1), (-20, 230), (3, 600), (7, 7)])
def test_brightness_and_images(scale, low, high) -> None:
    image = (IMAGES[0] / np.float32(255) * (high - low) + low).astype(np.float32)
    for factor in (0, 0.3, 1.0, 1.7, *np.random.default_rng(0).uniform(0, 3, 20).tolist()):
        made = (module.apply_brightness_shift(image.copy(), factor, scale) for module in (ours, theirs))
        np.testing.assert_array_equal(*made)
    for channels in (1, 3):
        pictures = [module.array_to_img(image[..., :channels].copy(), scale=scale) for module in (ours, utils)]
        assert pictures[0].mode == pictures[1].mode
        np.testing.assert_array_equal(*map(np.asarray, pictures))


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("size", [(40, 30), (9, 20), (33, 7)])
def test_smart_resize(interpolation, size) -> None:
    image = IMAGES[0].astype(np.float32)
    mine = ours.smart_resize(image, size, interpolation)
    other = np.asarray(utils.smart_resize(image, size, interpolation))
    assert mine.shape == other.shape
    np.testing.assert_allclose(mine, other, atol=1e-2)


def test_training_is_the_same() -> None:
    """By batches, `fit` gets from ours what it gets from Keras's own: the same losses, epoch after epoch."""
    losses = []
    for module in (ours, theirs):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((20, 26, 3)), keras.layers.Conv2D(2, 3), keras.layers.Flatten(), keras.layers.Dense(1)]
        )
        model.compile("sgd", "mae")
        train = module.ImageDataGenerator(rotation_range=20, rescale=1 / 255).flow(IMAGES, LABELS, batch_size=4, seed=1)
        check = module.ImageDataGenerator(rescale=1 / 255).flow(IMAGES, LABELS, batch_size=4, shuffle=False)
        history = model.fit(train, validation_data=check, epochs=3, verbose=0, shuffle=False).history
        losses.append([history["loss"], history["val_loss"], model.predict(check, verbose=0).ravel().tolist()])
    for mine, other in zip(*losses, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)


def test_fit_takes_every_picture_once_whatever_its_settings() -> None:
    numbers = np.arange(30, dtype=np.float32)

    for shuffle, workers in itertools.product((True, False), (1, 4)):
        images = np.tile(numbers[:, None, None, None], (1, 4, 4, 3))
        iterator = ours.NumpyArrayIterator(
            images, numbers, ours.ImageDataGenerator(), batch_size=8, shuffle=shuffle, seed=0
        )
        iterator.workers = workers
        model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
        model.compile("sgd", "mae")
        for _ in range(2):
            iterator.on_epoch_begin()
            order = np.random.default_rng(workers).permutation(len(iterator))
            seen = [float(one) for k in order for one in iterator[int(k)][1]]
            iterator.on_epoch_end()
            assert sorted(seen) == numbers.tolist()
        model.evaluate(iterator, verbose=0)


@pytest.mark.filterwarnings("ignore:Found 1 invalid image:UserWarning")
def test_deprecated_arguments(tree, table) -> None:
    """What Keras warns of, we do; `class_mode="other"` is "raw"."""
    deprecated = {"has_ext": True, "sort": True, "drop_duplicates": True, "class_mode": "other", "y_col": "number"}
    said = []
    for module in (ours, theirs):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            iterator, _ = from_table(module, table, tree, **deprecated)
        assert iterator.class_mode == "raw"
        words = [str(one.message) for one in caught if one.category is DeprecationWarning]
        said.append({one[:30] for one in words if "scipy" not in one})
    assert said[0] == said[1]
    assert len(said[0]) == 4


def test_an_unknown_argument_is_said(tree, table) -> None:
    with pytest.warns(UserWarning, match="'colour' has no effect|Found 1 invalid"):
        from_table(ours, table, tree, colour=3)


def test_what_keras_is_configured_for() -> None:
    made = []
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float64")
    try:
        for module, tools in ((ours, ours), (theirs, utils)):
            generator = module.ImageDataGenerator(rotation_range=20)
            images = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))
            made.append((generator.data_format, generator.dtype, tools.img_to_array(IMAGES[0, ..., 0]).shape))
            made.append(next(generator.flow(images, seed=1)))
            made.append(module.apply_brightness_shift(images[0], 0.5))
    finally:
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")
    assert made[0] == made[3]
    compare([made[1]], [made[4]])
    np.testing.assert_array_equal(made[2], made[5])
    assert made[2].dtype == made[5].dtype == np.float64


def test_the_global_generator_is_left_alone(tmp_path) -> None:
    before = np.random.get_state()  # noqa: NPY002
    generator = ours.ImageDataGenerator(**(EVERYTHING | {"width_shift_range": 3}))
    generator.fit(IMAGES, augment=True)
    iterator = generator.flow(IMAGES, LABELS, save_to_dir=str(tmp_path))
    next(iterator)
    iterator.on_epoch_end()
    generator.random_transform(IMAGES[0].astype(np.float32))
    ours.random_rotation(IMAGES[0], 20, 0, 1, 2)
    after = np.random.get_state()  # noqa: NPY002
    assert before[2] == after[2]
    np.testing.assert_array_equal(before[1], after[1])


def test_saved_copies_have_the_same_names(tree, tmp_path) -> None:
    names = []
    for module in (ours, theirs):
        folder = tmp_path / module.__name__
        folder.mkdir()
        options = {"save_to_dir": str(folder), "save_prefix": "copy", "batch_size": 4, "seed": 2}
        generator = module.ImageDataGenerator(horizontal_flip=True)
        epochs_of(generator.flow(IMAGES, LABELS, **options), 3)
        epochs_of(quietly(generator.flow_from_directory, str(tree), classes=["b"], target_size=(8, 8), **options), 2)
        names.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert names[0] == names[1]


def test_the_family_is_whole() -> None:
    """Every public argument, method and attribute of Keras's classes is one of ours."""
    import inspect

    for name in ("ImageDataGenerator", "DirectoryIterator", "DataFrameIterator", "NumpyArrayIterator", "Iterator"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        missing = {one for one in vars(other) if not one.startswith("_")} - set(dir(mine))
        assert not missing, (name, missing)
        wanted = list(inspect.signature(other.__init__).parameters)
        assert list(inspect.signature(mine.__init__).parameters)[: len(wanted)] == wanted
    for name in ("flow", "flow_from_directory", "flow_from_dataframe", "fit", "standardize", "random_transform"):
        mine, other = (inspect.signature(getattr(module.ImageDataGenerator, name)) for module in (ours, theirs))
        assert [(p.name, p.default) for p in mine.parameters.values()] == [
            (p.name, p.default) for p in other.parameters.values()
        ]
