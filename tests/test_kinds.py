"""Pictures of many kinds, from the file or the array to the batch: 1 to 32 channels, 8 and 16 bits, and floats."""

import io

import numpy as np
import pytest
from found_transforms import EXAMPLES
from PIL import Image

import imagefeed as feed
from imagefeed import array_ops
from imagefeed.errors import ImagefeedError
from imagefeed.plan import plan

RESIZE = feed.Resize((20, 24))
KINDS = [(np.uint16, 1), (np.uint16, 3), (np.uint16, 13), (np.uint8, 2), (np.uint8, 4), (np.uint8, 32), (np.float32, 4)]
PIXELS = [one for one in EXAMPLES if one.role == "pixels" and not one.sees_boxes]


def pictures(dtype: type, channels: int, count: int = 2) -> np.ndarray:
    y, x, c = np.meshgrid(np.arange(21), np.arange(34), np.arange(channels), indexing="ij")
    values = 0.5 + 0.49 * np.sin(x / 9.0 + c) * np.cos(y / 7.0 - c / 3)
    top = {np.uint8: 255, np.uint16: 65535, np.float32: 255}[dtype]
    return np.stack([(values * top * (1 - 0.1 * k)).astype(dtype) for k in range(count)])


def takes_color(transform: feed.Transform) -> bool:
    """Whether the definition of what a transform does, for one picture of two channels, is that it cannot be done."""
    stage, size = feed.Pipeline([transform]).stages()[0], np.array([[4, 5]])
    passes = plan(stage, size, np.zeros(1, np.int64), seed=0, epoch=0).passes
    try:
        array_ops.run(passes, np.zeros((4, 5, 2), np.uint8), 0, np.float64)
    except ImagefeedError:
        return True
    return False


def batch_of(images, steps: list, **options) -> np.ndarray:
    source = images if isinstance(images, feed.Source) else feed.arrays(images)
    pipeline = feed.Pipeline([*steps, RESIZE])
    given = {"batch_size": 4, "seed": 2, "dtype": "float32", "shuffle": False} | options
    return next(feed.Loader(source, pipeline, **given).batches(0)).images


@pytest.mark.parametrize("transform", PIXELS, ids=repr)
def test_every_transform_takes_every_kind_or_says_why(transform: feed.Transform) -> None:
    for dtype, channels in KINDS:
        images = pictures(dtype, channels)
        if channels not in (1, 3) and takes_color(transform):
            with pytest.raises(feed.PlanError, match=f"1 or 3 channels, but the picture has {channels}"):
                batch_of(images, [transform])
            continue
        got = batch_of(images, [transform])
        assert got.shape == (2, 20, 24, channels)
        assert 0 <= got.min() < got.max() <= 255
        if dtype is np.uint16:  # 65535 is level 255
            np.testing.assert_array_equal(got, batch_of(images.astype(np.float32) / np.float32(257), [transform]))


def test_sixteen_bits_are_all_kept() -> None:
    images = np.arange(2 * 20 * 24 * 3, dtype=np.uint16).reshape(2, 20, 24, 3) * 22
    np.testing.assert_array_equal(np.rint(batch_of(images, []) * 257), images)
    apply = feed.Apply(lambda image: image + (image.dtype == np.float32))
    np.testing.assert_allclose(batch_of(images, [apply]), images / 257 + 1, rtol=1e-6)
    mixed = batch_of(np.stack([images[0]] * 2), [feed.MixUp(alpha=1.0)])
    np.testing.assert_allclose(mixed, np.stack([images[0]] * 2) / 257, rtol=1e-5)
    second = {"second": feed.Image(images)}
    source = feed.arrays(images.astype(np.float32) / 257, second)
    got = next(feed.Loader(source, feed.Pipeline([feed.CutMix()]), dtype="float32", seed=1, shuffle=False).batches(0))
    np.testing.assert_allclose(got.targets["second"], got.images, rtol=1e-6)


def test_only_some_of_a_wide_array_is_made_levels() -> None:
    images = pictures(np.uint16, 2, 6)
    subset = feed.arrays(images).subset([4, 1])
    assert subset.levels_dtype == "float32"
    np.testing.assert_allclose(batch_of(subset, [feed.CenterCrop((20, 24))])[0, 0, 0], images[4, 0, 5] / 257, rtol=1e-6)


def write(path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path)


def test_a_folder_of_sixteen_bits(tmp_path) -> None:
    levels = np.arange(20 * 24, dtype=np.uint16).reshape(20, 24) * 136
    write(tmp_path / "a.png", levels)
    write(tmp_path / "b.png", (levels >> 8).astype(np.uint8))
    source = feed.folder(tmp_path, labels=None, color="gray16")
    fine, coarse = batch_of(source, [])
    np.testing.assert_allclose(fine[..., 0], levels / 257, rtol=1e-6)
    np.testing.assert_array_equal(coarse[..., 0], levels >> 8)
    np.testing.assert_array_equal(feed.read(tmp_path / "a.png", color="gray16"), fine)
    whole = batch_of(feed.folder(tmp_path, labels=None, color="gray"), [])
    np.testing.assert_array_equal(whole[0, ..., 0], levels >> 8)
    np.testing.assert_array_equal(feed.render(tmp_path / "a.png", feed.Pipeline([]), color="gray16")[0], np.rint(fine))
    with pytest.raises(feed.SpecError, match="keeps levels of 8 bits, but color='gray16' asks for 16"):
        batch_of(source, [], cache="ram")


def test_opacity_is_a_fourth_channel(tmp_path) -> None:
    opaque = np.random.default_rng(0).integers(0, 256, (20, 24, 3)).astype(np.uint8)
    clear = np.concatenate([opaque, opaque[..., :1]], axis=2)
    write(tmp_path / "a.png", clear)
    write(tmp_path / "b.jpg", opaque)
    palette = Image.fromarray(opaque).quantize(16)
    palette.info["transparency"] = 3
    palette.save(tmp_path / "c.png", transparency=3)
    source = feed.folder(tmp_path, labels=None, color="rgba")
    got = batch_of(source, [], cache="ram")
    np.testing.assert_array_equal(got[0], clear)
    for image, name in zip(got, "abc", strict=True):
        file = next(tmp_path.glob(f"{name}.*"))
        with Image.open(io.BytesIO(file.read_bytes())) as opened:
            np.testing.assert_array_equal(image, np.asarray(opened.convert("RGBA")))
        np.testing.assert_array_equal(feed.read(file, color="rgba"), image)
    assert (got[1, ..., 3] == 255).all()
    assert 0 < (got[2, ..., 3] == 0).mean() < 1
    np.testing.assert_array_equal(batch_of(source, [feed.HorizontalFlip(probability=1)]), got[:, :, ::-1])
    beside = feed.arrays(np.zeros((1, 20, 24, 3), np.uint8), feed.Image([tmp_path / "a.png"], color="rgba"))
    np.testing.assert_array_equal(next(feed.Loader(beside, feed.Pipeline([])).batches(0)).targets[0], clear)


def test_what_a_picture_cannot_become_says_so(tmp_path) -> None:
    with pytest.raises(feed.SpecError, match=r"folder\(color=\): got 'cmyk'; expected one of 'rgb', 'gray', 'rgba'"):
        feed.folder(tmp_path, color="cmyk")
    with pytest.raises(feed.SpecError, match=r"Image\.color: got 'index'"):
        feed.Image([b""], color="index")
    with pytest.raises(feed.SourceError, match=r"images are int32; expected uint8, uint16, or float32"):
        feed.arrays(np.zeros((1, 2, 2), np.int32))
    with pytest.raises(feed.SourceError, match=r"Mask\.pictures\[0\]: is uint16"):
        batch_of(feed.arrays(pictures(np.uint8, 3), feed.Mask(np.zeros((2, 21, 34), np.uint16))), [])
