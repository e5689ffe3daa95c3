"""The ImageDataGenerator family by itself: what it adds to Keras's, what it says, how it keeps its place."""

import contextlib
import inspect
import io
import subprocess
import sys
import threading
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagefeed.compat as compat
from imagefeed import DecodeError, ImageDataGenerator, SpecError, Statistics

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 20, 26, 3), np.uint8)
LABELS = np.arange(10)


def quietly(function, *args, **kwargs):
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*args, **kwargs)


@pytest.fixture
def photos(tmp_path) -> Path:
    """Two classes of eight and four photographs, one of them on its side."""
    rng = np.random.default_rng(1)
    for name, count in (("cats", 8), ("dogs", 4)):
        (tmp_path / name).mkdir()
        for k in range(count):
            noise = rng.integers(0, 256, (9, 12, 3), np.uint8)
            image = Image.fromarray(noise).resize((120, 90), Image.Resampling.BICUBIC)
            exif = Image.Exif()
            exif[0x0112] = 6 if (name, k) == ("cats", 0) else 1
            image.save(tmp_path / name / f"{k}.jpg", quality=92, exif=exif)
    return tmp_path


# ------------------------------------------------------------------------------------------------ what it says


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data_format": "x"}, r"`data_format` should be `\"channels_last\"`.*Received: x"),
        ({"validation_split": 1.0}, "`validation_split` must be strictly between 0 and 1.  Received: 1.0"),
        ({"zoom_range": "a"}, "`zoom_range` should be a float or a tuple or list of two floats. Received: a"),
        ({"zoom_range": (1, 2, 3)}, r"`zoom_range` should be .* Received: \(1, 2, 3\)"),
        ({"brightness_range": 0.5}, "`brightness_range should be tuple or list of two floats. Received: 0.5"),
        (
            {"fill_mode": "mirror"},
            "`fill_mode` should be one of 'constant', 'nearest', 'reflect', 'wrap'. Received: mirror",
        ),
        ({"interpolation_order": 6}, "`interpolation_order` should be from 0 to 5. Received: 6"),
        ({"mode": "new"}, "`mode` should be 'keras' or 'fixed'. Received: new"),
        ({"mode": "fixed", "interpolation_order": 3}, "`interpolation_order` should be 0 or 1 for mode='fixed'"),
        ({"random_crop": (0, 3)}, r"`random_crop` should be \(height, width\). Received: \(0, 3\)"),
    ],
)
def test_wrong_arguments(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"zca_whitening": True}, "`zca_whitening`, which overrides setting of `featurewise_center`"),
        ({"featurewise_std_normalization": True}, "overrides setting of `featurewise_center`"),
        ({"samplewise_std_normalization": True}, "overrides setting of `samplewise_center`"),
    ],
)
def test_what_includes_what(arguments, message) -> None:
    with pytest.warns(UserWarning, match=message):
        generator = ImageDataGenerator(**arguments)
    assert generator.featurewise_center or generator.samplewise_center


def test_what_was_never_fitted_is_said() -> None:
    generator = ImageDataGenerator(featurewise_center=True)
    with pytest.warns(UserWarning, match="`featurewise_center`, but it hasn't been fit on any training data"):
        np.testing.assert_array_equal(next(generator.flow(IMAGES, shuffle=False)), IMAGES)
    with pytest.warns(UserWarning, match="hasn't been fit"):
        generator.standardize(IMAGES[0].astype(np.float32))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: g.flow(IMAGES[0]), r"should have rank 4. You passed an array with shape \(20, 26, 3\)"),
        (lambda g: g.flow(IMAGES, [1]), r"should have the same length. Found: x.shape = \(10, .*y.shape = \(1,\)"),
        (
            lambda g: g.flow(IMAGES, LABELS, sample_weight=[1]),
            r"`sample_weight` should .* sample_weight.shape = \(1,\)",
        ),
        (lambda g: g.flow((IMAGES, [[1]])), r"len\(x\[0\]\) = 10, len\(x\[\?\]\) = 1"),
        (lambda g: g.flow(IMAGES, subset="test"), 'Invalid subset name: test; expected "training" or "validation"'),
        (lambda g: g.flow(IMAGES, LABELS // 7, subset="training"), "different number of classes after the split"),
        (lambda g: g.fit(IMAGES[0]), r"should have rank 4. Got array with shape: \(20, 26, 3\)"),
        (lambda g: g.apply_transform(IMAGES[0, 0], {"theta": 1}), "Input arrays must be multi-channel 2D images"),
        (lambda g: compat.apply_affine_transform(IMAGES[0], 5, channel_axis=1, row_axis=0), "Channels are allowed"),
        (lambda g: g.random_transform(IMAGES[0, 0]), "Input arrays must be multi-channel 2D images"),
        (lambda g: g.flow(IMAGES)[10], "Asked to retrieve element 10, but the Sequence has length 1"),
    ],
)
def test_wrong_calls(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call(ImageDataGenerator(validation_split=0.5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"color_mode": "x"}, 'Invalid color mode: x; expected "rgb", "rgba", or "grayscale".'),
        ({"class_mode": "x"}, "Invalid class_mode: x; expected one of"),
        ({"interpolation": "x"}, "Invalid interpolation method x specified. Supported methods are nearest, bilinear"),
        ({"subset": "x"}, "Invalid subset name: x"),
    ],
)
def test_wrong_folders(photos, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        quietly(ImageDataGenerator().flow_from_directory, photos, **options)


def test_unusual_channels_are_said() -> None:
    with pytest.warns(UserWarning, match=r"expected either 1, 3, or 4 channels on axis 3.*\(7 channels\)"):
        iterator = ImageDataGenerator(rotation_range=10).flow(np.zeros((3, 8, 8, 7), np.float32))
    assert next(iterator).shape == (3, 8, 8, 7)


def test_very_many_channels_go_through_scipy() -> None:
    images = np.random.default_rng(2).normal(size=(2, 12, 12, 40)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        many = next(ImageDataGenerator(rotation_range=30).flow(images, seed=1, shuffle=False))
        few = next(ImageDataGenerator(rotation_range=30).flow(images[..., :5], seed=1, shuffle=False))
    np.testing.assert_allclose(many[..., :5], few, atol=1e-5)


def test_a_broken_file_is_named_and_a_missing_one(photos) -> None:
    (photos / "dogs" / "9.jpg").write_bytes((photos / "dogs" / "1.jpg").read_bytes()[:900])
    iterator = quietly(
        ImageDataGenerator().flow_from_directory, photos, target_size=(9, 9), shuffle=False, batch_size=13
    )
    with pytest.raises(DecodeError, match=r"9\.jpg"):
        next(iterator)
    (photos / "dogs" / "9.jpg").unlink()
    iterator = quietly(ImageDataGenerator().flow_from_directory, photos, target_size=(9, 9), shuffle=False)
    (photos / "cats" / "3.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"3\.jpg"):
        next(iterator)


def test_splines_say_that_they_need_scipy(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match="interpolation_order=3 is computed by SciPy, which is not installed"):
        next(ImageDataGenerator(rotation_range=10, interpolation_order=3).flow(IMAGES))


# ------------------------------------------------------------------------------------------------ its place


def test_attributes(photos) -> None:
    generator = ImageDataGenerator(rescale=1 / 255)
    iterator = quietly(
        generator.flow_from_directory, photos, target_size=(8, 9), batch_size=5, seed=1, class_mode="binary"
    )
    assert (iterator.n, iterator.samples, iterator.batch_size, iterator.seed, iterator.shuffle) == (12, 12, 5, 1, True)
    assert (iterator.class_indices, iterator.num_classes) == ({"cats": 0, "dogs": 1}, 2)
    assert (iterator.target_size, iterator.image_shape, len(iterator)) == ((8, 9), (8, 9, 3), 3)
    assert iterator.index_array is None
    np.testing.assert_array_equal(iterator.classes, [0] * 8 + [1] * 4)
    for seen in range(1, 5):
        images, labels = next(iterator)
        rows = iterator.index_array[(seen - 1) % 3 * 5 :][:5]
        np.testing.assert_array_equal(labels, iterator.labels[rows])
        assert (len(images), iterator.total_batches_seen, iterator.batch_index) == (len(rows), seen, seen % 3)
    iterator.reset()
    assert iterator.batch_index == 0


def test_what_was_made_ahead_does_not_show() -> None:
    """However an iterator is interrupted, it gives what one that makes nothing ahead gives."""
    generator = ImageDataGenerator(rotation_range=30, horizontal_flip=True)
    wanted = generator.flow(IMAGES, LABELS, batch_size=4, seed=3)
    wanted._can_run_ahead = lambda: False
    made = generator.flow(IMAGES, LABELS, batch_size=4, seed=3)
    steps = [next, next, lambda i: i[1], lambda i: i.on_epoch_end(), next, lambda i: i.reset(), next, lambda i: i[-1]]
    steps += [lambda i: setattr(i, "batch_size", 3), next, next, lambda i: setattr(i, "total_batches_seen", 40), next]
    for step in steps:
        one, other = step(made), step(wanted)
        if one is not None:
            np.testing.assert_array_equal(one[1], other[1])
            np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(made.index_array, wanted.index_array)


def test_a_change_of_the_generator_takes_effect_at_once() -> None:
    generator = ImageDataGenerator()
    iterator = generator.flow(IMAGES, shuffle=False, batch_size=2)
    next(iterator)
    generator.rescale = 0.5
    np.testing.assert_array_equal(next(iterator), IMAGES[2:4] * np.float32(0.5))


def test_the_index_generator_moves_the_iterator() -> None:
    generator = ImageDataGenerator(rotation_range=30)
    plain, other = (generator.flow(IMAGES, batch_size=4, seed=3) for _ in range(2))
    rows = next(other.index_generator)
    np.testing.assert_array_equal(other._get_batches_of_transformed_samples(rows), next(plain))
    np.testing.assert_array_equal(next(other), next(plain))


def test_two_epochs_differ_and_unseeded_iterators_too() -> None:
    generator = ImageDataGenerator(rotation_range=30)
    iterator = generator.flow(IMAGES, LABELS, seed=1)
    first, second = next(iterator), next(iterator)
    assert first[1].tolist() != second[1].tolist()
    assert not np.array_equal(next(generator.flow(IMAGES))[0], next(generator.flow(IMAGES))[0])


def test_threads_lose_and_double_nothing() -> None:
    iterator = ImageDataGenerator(rotation_range=5).flow(IMAGES, LABELS, batch_size=3, seed=1)
    seen: list[int] = []

    def take() -> None:
        for _ in range(20):
            seen.extend(next(iterator)[1].tolist())

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(LABELS.tolist() * 20)


def test_the_last_batch_is_smaller_and_none_is_empty() -> None:
    iterator = ImageDataGenerator().flow(IMAGES, batch_size=4)
    assert [len(next(iterator)) for _ in range(6)] == [4, 4, 2, 4, 4, 2]
    assert [len(iterator[k]) for k in (0, 1, 2, -1)] == [4, 4, 2, 2]
    assert len(ImageDataGenerator().flow(IMAGES[:0])) == 0


def test_an_iterator_of_ones_own() -> None:
    class Numbers(compat.Iterator):
        def _get_batches_of_transformed_samples(self, index_array):
            return index_array.tolist()

    iterator = Numbers(10, 4, False, None)
    assert [next(iterator) for _ in range(4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [0, 1, 2, 3]]
    assert iterator[1] == [4, 5, 6, 7]


def test_an_iterator_that_adds_to_a_batch() -> None:
    """A subclass may make the batches, and call what it replaces."""

    class Numbered(compat.NumpyArrayIterator):
        def _get_batches_of_transformed_samples(self, index_array):
            return super()._get_batches_of_transformed_samples(index_array), index_array

    generator = ImageDataGenerator(rotation_range=20)
    made = Numbered(IMAGES, None, generator, batch_size=4, shuffle=True, seed=1)
    plain = generator.flow(IMAGES, batch_size=4, seed=1)
    for _ in range(4):
        images, rows = next(made)
        np.testing.assert_array_equal(images, next(plain))
        np.testing.assert_array_equal(rows, plain.index_array[(plain.total_batches_seen - 1) % 3 * 4 :][:4])


def test_settings_of_workers_may_be_made_and_change_nothing() -> None:
    iterator = compat.Iterator(10, 4, False, None, workers=4, use_multiprocessing=True, max_queue_size=20)
    iterator.workers, iterator.use_multiprocessing = 8, True
    assert (iterator.workers, iterator.use_multiprocessing) == (1, False)
    with pytest.raises(TypeError, match="Iterator: unexpected arguments cores"):
        compat.Iterator(10, 4, False, None, cores=4)


def test_a_generator_of_ones_own() -> None:
    class Twice(ImageDataGenerator):
        def standardize(self, x):
            return super().standardize(x) * 2

    arguments = {"rotation_range": 20, "brightness_range": (0.5, 1), "width_shift_range": 3}
    made, plain = (kind(**arguments).flow(IMAGES, LABELS, batch_size=4, seed=2) for kind in (Twice, ImageDataGenerator))
    for _ in range(2):
        for k in range(3):
            one, other = made[k], plain[k]
            np.testing.assert_allclose(one[0], other[0] * 2, atol=2.1)  # levels cut off, where fractions differ
            assert np.abs(one[0] - other[0] * 2).mean() < 0.01
            np.testing.assert_array_equal(one[1], other[1])
        made.on_epoch_end()
        plain.on_epoch_end()


def test_images_are_used_where_they_are() -> None:
    iterator = ImageDataGenerator().flow(IMAGES, shuffle=False)
    assert iterator._images is IMAGES
    assert iterator.x.dtype == np.float32
    iterator.x = np.zeros_like(IMAGES)
    assert next(iterator).max() == 0


# ------------------------------------------------------------------------------------------------ what it adds


@pytest.mark.parametrize("mode", ["keras", "fixed"])
def test_a_random_crop(mode) -> None:
    crops = next(ImageDataGenerator(random_crop=(8, 10), mode=mode).flow(IMAGES, seed=1, shuffle=False))
    places = set()
    for crop, image in zip(crops, IMAGES, strict=True):
        found = [(y, x) for y in range(13) for x in range(17) if np.array_equal(crop, image[y : y + 8, x : x + 10])]
        places.update(found)
        assert found
    assert len(places) > 5
    with pytest.raises(ValueError, match=r"random_crop=\(30, 3\) is larger than the pictures, which are 20x26"):
        next(ImageDataGenerator(random_crop=(30, 3)).flow(IMAGES))


def test_a_crop_changes_no_other_draw() -> None:
    """Numbers for crops come after all of a picture's others; a batch of one shows it."""
    plain = next(ImageDataGenerator(rotation_range=30).flow(IMAGES[:1], seed=4))
    crop = next(ImageDataGenerator(rotation_range=30, random_crop=(20, 25)).flow(IMAGES[:1], seed=4))
    assert any(np.allclose(crop[0], plain[0, :, x : x + 25], atol=1e-3) for x in (0, 1))


def test_a_function_may_change_the_size() -> None:
    generator = ImageDataGenerator(preprocessing_function=lambda image: image[2:12, 3:11], rescale=1 / 255)
    np.testing.assert_array_equal(
        next(generator.flow(IMAGES, shuffle=False)), IMAGES[:, 2:12, 3:11] * np.float32(1 / 255)
    )
    uneven = ImageDataGenerator(preprocessing_function=lambda image: image[: 5 + int(image[0, 0, 0]) % 2])
    with pytest.raises(ValueError, match=r"different shapes in one batch, \(\d, 26, 3\) and \(\d, 26, 3\)"):
        next(uneven.flow(IMAGES))


def test_fixed_reads_files_once_upright_and_antialiased(photos) -> None:
    iterator = quietly(
        ImageDataGenerator(mode="fixed").flow_from_directory, photos, target_size=(40, 30), shuffle=False, batch_size=12
    )
    images = next(iterator)[0]
    for path, image in zip(iterator.filepaths, images, strict=True):
        upright = Image.open(path).rotate(-90, expand=True) if path.endswith("cats/0.jpg") else Image.open(path)
        wanted = np.asarray(upright.resize((30, 40), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(image, wanted, atol=1.01)  # Pillow rounds twice


def test_fixed_validates_without_augmentation_on_a_share_of_every_class(photos) -> None:
    generator = ImageDataGenerator(mode="fixed", rotation_range=90, horizontal_flip=True, validation_split=0.25)
    train, check = (
        quietly(generator.flow_from_directory, photos, target_size=(20, 20), subset=subset, shuffle=False, seed=1)
        for subset in ("training", "validation")
    )
    assert set(train.filenames) | set(check.filenames) == {
        f"{c}/{k}.jpg" for c, n in (("cats", 8), ("dogs", 4)) for k in range(n)
    }
    assert np.bincount(check.classes).tolist() == [2, 1]
    assert check.filenames[:2] != ["cats/0.jpg", "cats/1.jpg"]
    np.testing.assert_array_equal(next(check)[0], next(check)[0])
    assert not np.array_equal(next(train)[0], next(train)[0])
    arrays = generator.flow(np.zeros((40, 4, 4, 1)), np.repeat([0, 1], [20, 20]), subset="validation")
    assert np.bincount(arrays.y).tolist() == [5, 5]


def test_fixed_does_not_exchange_height_and_width() -> None:
    spot = np.zeros((1, 21, 21, 1), np.uint8)
    spot[0, 10, 10] = 255
    for mode, axis in (("fixed", 1), ("keras", 2)):
        moved = next(ImageDataGenerator(height_shift_range=[4], mode=mode).flow(spot, seed=1))
        assert np.argwhere(moved == 255)[0, 3 - axis] == 10
        assert abs(np.argwhere(moved == 255)[0, axis] - 10) == 4


def test_fixed_fits_what_the_function_makes() -> None:
    for mode, factor in (("fixed", 2), ("keras", 1)):
        generator = ImageDataGenerator(
            featurewise_center=True, preprocessing_function=lambda image: image * 2, mode=mode
        )
        generator.fit(IMAGES)
        np.testing.assert_allclose(generator.mean.ravel(), IMAGES.mean(axis=(0, 1, 2)) * factor, rtol=1e-6)


# ------------------------------------------------------------------------------------------------ statistics, files


def test_fit_in_pieces_is_fit_in_one(monkeypatch) -> None:
    images = np.random.default_rng(3).normal(5, 3, (50, 6, 6, 3)).astype(np.float32)
    made = []
    for piece in (1 << 30, 6 * 6 * 3 * 4 * 7):
        monkeypatch.setattr("imagefeed.compat.fitting._PIECE", piece)
        for arguments in ({"featurewise_center": True, "featurewise_std_normalization": True}, {"zca_whitening": True}):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                generator = ImageDataGenerator(**arguments)
            generator.fit(images)
            made.append(generator.statistics)
    for one, other in ((made[0], made[2]), (made[1], made[3])):
        assert one.count == other.count == 50
        assert one.arrays.keys() == other.arrays.keys()
        for name in one.arrays:
            np.testing.assert_allclose(one.arrays[name], other.arrays[name], rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies")
@pytest.mark.parametrize("count", [40, 2100])
@pytest.mark.parametrize("rescale", [None, 1 / 255])
def test_whitening_of_bytes_is_that_of_their_values(count, rescale) -> None:
    """Sums of whole numbers, in pieces, from which the mean is taken; with fewer pictures than values, and more."""
    images = np.random.default_rng(5).integers(40, 256, (count, 6, 6, 3), np.uint8)
    made = []
    for given in (images, images.astype(np.float64)):
        generator = ImageDataGenerator(zca_whitening=True, zca_epsilon=1e-2, rescale=rescale)
        generator.fit(given)
        made.append(generator.zca_whitening_matrix)
    np.testing.assert_allclose(made[0], made[1], atol=3e-5 * abs(made[1]).max())


@pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies")
def test_whitening_whitens_within_its_memory(monkeypatch) -> None:
    """Independent values of one variance come out; and nothing is larger than twice the covariance."""
    values = 12 * 12 * 3
    images = np.cumsum(np.random.default_rng(4).normal(size=(4000, 12, 12, 3)), axis=2).astype(np.float32)
    monkeypatch.setattr("imagefeed.compat.fitting._PIECE", values**2 * 4)
    generator = ImageDataGenerator(zca_whitening=True)
    np.linalg.eigh(np.eye(3))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    generator.fit(images)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    flat = next(generator.flow(images, batch_size=4000, shuffle=False)).reshape(4000, -1).astype(np.float64)
    np.testing.assert_allclose(flat.T @ flat / 4000, np.eye(values), atol=1e-3)
    np.testing.assert_allclose(generator.zca_whitening_matrix, generator.zca_whitening_matrix.T, atol=1e-6)
    covariance = values**2 * 8
    assert peak < 6 * covariance  # a few matrices of that size, not the 28 of them that the pictures are


@pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies")
@pytest.mark.parametrize(
    "arguments",
    [
        {
            "featurewise_std_normalization": True,
            "rescale": 1 / 255,
            "rotation_range": 10,
            "brightness_range": [0.5, 1.5],
        },
        {"zca_whitening": True, "zoom_range": 0.2, "random_crop": (8, 8), "mode": "fixed", "width_shift_range": [1, 2]},
        {"horizontal_flip": True},
    ],
)
def test_a_file_holds_a_generator(tmp_path, arguments) -> None:
    generator = ImageDataGenerator(**arguments)
    generator.fit(IMAGES[:, :8, :8])
    generator.save(tmp_path / "generator.safetensors")
    loaded = ImageDataGenerator.load(tmp_path / "generator.safetensors")
    one, other = (g.flow(IMAGES[:, :8, :8], seed=1, batch_size=10) for g in (generator, loaded))
    np.testing.assert_array_equal(next(one), next(other))
    assert loaded.statistics is not None


def test_a_file_holds_no_code(tmp_path) -> None:
    path = tmp_path / "generator.safetensors"
    ImageDataGenerator(preprocessing_function=abs).save(path)
    with pytest.raises(SpecError, match="was saved with preprocessing_function abs, which no file can hold"):
        ImageDataGenerator.load(path)
    assert ImageDataGenerator.load(path, preprocessing_function=abs).preprocessing_function is abs
    from safetensors.numpy import save_file

    save_file({}, path, metadata={"imagefeed": '{"kind": "other", "version": 1}'})
    with pytest.raises(SpecError, match=r"holds other version 1; expected imagefeed.ImageDataGenerator version 1"):
        ImageDataGenerator.load(path)


def test_statistics_are_a_value() -> None:
    generator = ImageDataGenerator(featurewise_center=True)
    assert generator.statistics is None
    generator.fit(IMAGES)
    assert isinstance(generator.statistics, Statistics)
    assert generator.statistics.count == 10
    np.testing.assert_allclose(generator.statistics.mean.ravel(), IMAGES.mean(axis=(0, 1, 2)), rtol=1e-6)
    with pytest.raises(SpecError, match=r"Statistics\.count"):
        Statistics(count=0)


@pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of a variable of Keras's
@pytest.mark.parametrize(
    "arguments",
    [
        {"featurewise_std_normalization": True, "rescale": 1 / 255},
        {"zca_whitening": True},
        {"samplewise_std_normalization": True},
    ],
)
def test_the_deterministic_part_as_a_model(tmp_path, arguments) -> None:
    keras = pytest.importorskip("keras", reason="Keras is not installed: pip install 'imagefeed[demo]'")
    generator = ImageDataGenerator(**arguments)
    generator.fit(IMAGES)
    model = generator.to_keras((20, 26, 3))
    model.save(tmp_path / "model.keras")
    images = IMAGES[:2].astype(np.float32)
    wanted = np.stack([generator.standardize(image.copy()) for image in images])
    for one in (model, keras.models.load_model(tmp_path / "model.keras")):
        np.testing.assert_allclose(np.asarray(one(images)), wanted, atol=1e-5)
    with pytest.raises(SpecError, match="preprocessing_function is Python"):
        ImageDataGenerator(preprocessing_function=abs).to_keras()


def test_pictures_in_a_folder(photos) -> None:
    assert len(compat.list_pictures(photos)) == 12
    assert compat.list_pictures(photos, ext="png") == []
    (photos / "dogs" / "0.jpg").rename(photos / "dogs" / "a b.JPG")
    (photos / "dogs" / "1.jpg").rename(photos / "dogs" / "1.jpg.txt")
    assert len(compat.list_pictures(photos, ext=("jpg", "png"))) == 11
    assert compat.validate_filename(str(photos / "cats" / "1.jpg"), ("jpg",))
    assert not compat.validate_filename(str(photos / "cats" / "1.jpg"), ("png",))
    assert not compat.validate_filename(str(photos / "cats" / "99.jpg"), ("jpg",))


def test_pictures_to_files_and_back(tmp_path) -> None:
    compat.save_img(tmp_path / "a.png", IMAGES[0], scale=False)
    image = compat.load_img(tmp_path / "a.png")
    np.testing.assert_array_equal(compat.img_to_array(image), IMAGES[0])
    assert compat.img_to_array(image, data_format="channels_first").shape == (3, 20, 26)
    with pytest.warns(UserWarning, match="JPG format does not support RGBA"):
        compat.save_img(tmp_path / "a.jpg", np.zeros((4, 4, 4)))
    with pytest.raises(TypeError, match="path should be path-like"):
        compat.load_img(3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="color_mode must be"):
        compat.load_img(tmp_path / "a.png", color_mode="bgr")


def test_a_killed_program_leaves_nothing_behind(tmp_path) -> None:
    """The interpreter ends while batches are being made."""
    code = (
        "import numpy as np, imagefeed as f\n"
        "i = f.ImageDataGenerator(rotation_range=20).flow(np.zeros((500, 64, 64, 3), np.uint8), batch_size=50)\n"
        "next(i); next(i)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_migration_page_names_every_argument(project) -> None:
    page = (project / "docs" / "migration.md").read_text(encoding="utf-8")
    arguments = list(inspect.signature(ImageDataGenerator).parameters)
    assert [name for name in arguments if f"`{name}" not in page] == []
