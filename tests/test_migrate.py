"""Scripts of Keras and torchvision, read for their pipelines."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import imagefeed as feed
from imagefeed.cli import app
from imagefeed.migrating import as_python, migrate

KERAS = """
from tensorflow.keras.applications.resnet50 import preprocess_input as prepare
from tensorflow.keras.preprocessing.image import ImageDataGenerator
train = ImageDataGenerator(
    rotation_range=20, width_shift_range=0.1, height_shift_range=3, shear_range=5, zoom_range=0.2,
    horizontal_flip=True, brightness_range=[0.8, 1.2], fill_mode="reflect", preprocessing_function=prepare,
    validation_split=0.2, featurewise_center=True)
flow = train.flow_from_directory("photos", target_size=(224, 224), batch_size=32)
test = ImageDataGenerator(rescale=1. / 255)
"""

TORCH = """
from torchvision import transforms as T
train = T.Compose([
    T.RandomResizedCrop(224, scale=(0.2, 1.0)),
    T.RandomHorizontalFlip(p=0.3),
    T.RandomRotation(15),
    T.ColorJitter(0.4, 0.4, 0.4, 0.1),
    T.RandomApply([T.GaussianBlur(3, sigma=(0.1, 2.0))], p=0.2),
    T.RandomErasing(p=0.1),
    T.ToTensor(),
    T.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    my_own,
    T.RandomSolarizeEverything(),
])
val = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor()])
"""


def test_a_script_of_keras() -> None:
    train, test = migrate(KERAS)
    assert (train.name, train.line) == ("train", 4)
    assert list(train.pipeline) == [
        feed.Resize((224, 224), interpolation="nearest"),
        feed.Affine(
            degrees=(-20.0, 20.0), x=(-0.1, 0.1), shear_x=(-5.0, 5.0), zoom=(1 / 1.2, 1 / 0.8), border="reflect"
        ),
        feed.HorizontalFlip(),
        feed.Brightness(factor=(0.8, 1.2)),
        feed.Normalize.preset("keras/resnet50"),
    ]
    notes = "\n".join(train.notes)
    for told in ("height_shift_range=3 is in pixels", "validation_split", "featurewise_center", "line 4"):
        assert told in notes
    assert list(test.pipeline) == [feed.Rescale(1 / 255)]
    assert test.notes == []


def test_a_script_of_torchvision() -> None:
    train, val = migrate(TORCH)
    assert list(train.pipeline) == [
        feed.RandomResizedCrop((224, 224), scale=(0.2, 1.0)),
        feed.HorizontalFlip(probability=0.3),
        feed.Rotate(degrees=(-15.0, 15.0), border="constant"),
        feed.ColorJitter(brightness=(0.6, 1.4), contrast=(0.6, 1.4), saturation=(0.6, 1.4), hue=(-36.0, 36.0)),
        feed.Sometimes(feed.GaussianBlur(sigma=(0.1, 2.0)), probability=0.2),
        feed.Sometimes(feed.RandomErasing(), probability=0.1),
        feed.Rescale(1 / 255),
        feed.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    ]
    notes = "\n".join(train.notes)
    for told in ("my_own is not written out", "RandomSolarizeEverything: has no counterpart", "layout='nchw'"):
        assert told in notes
    assert list(val.pipeline) == [
        feed.ResizeShortestSide(256),
        feed.CenterCrop((224, 224), border="constant"),
        feed.Rescale(1 / 255),
    ]


def test_what_is_no_value_is_told() -> None:
    (found,) = migrate("ImageDataGenerator(rotation_range=angle, horizontal_flip=True, **more)")
    assert list(found.pipeline) == [feed.HorizontalFlip()]
    assert any("rotation_range=angle is not written as a value" in note for note in found.notes)
    assert any("**" in note for note in found.notes)


def test_what_is_printed_runs() -> None:
    names: dict[str, object] = {}
    exec(as_python(migrate(KERAS + TORCH)), names)
    assert names["train"] == migrate(KERAS)[0].pipeline
    assert names["train_2"] == migrate(TORCH)[0].pipeline
    pipeline = names["val"]
    assert isinstance(pipeline, feed.Pipeline)
    assert feed.render(np.zeros((300, 400, 3), np.uint8), pipeline).shape == (1, 224, 224, 3)


def test_a_script_is_never_run(tmp_path: Path) -> None:
    hostile = f"open({str(tmp_path / 'made')!r}, 'w')\nImageDataGenerator(rotation_range=__import__('os').getpid())"
    (found,) = migrate(hostile)
    assert not (tmp_path / "made").exists()
    assert found.notes
    with pytest.raises(feed.SpecError, match="not Python"):
        migrate("def (")


def test_the_command_names_a_script_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def (")
    with pytest.raises(feed.SpecError, match=r"bad\.py: not Python"):
        CliRunner().invoke(app, ["migrate", str(tmp_path / "bad.py")], catch_exceptions=False)


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TORCH)
    shown = CliRunner().invoke(app, ["migrate", str(tmp_path / "train.py")], catch_exceptions=False)
    assert "feed.RandomResizedCrop((224, 224), scale=(0.2, 1.0))" in shown.output
    told = CliRunner().invoke(app, ["migrate", str(tmp_path / "train.py"), "--json"], catch_exceptions=False)
    content = json.loads(told.stdout)
    assert [one["name"] for one in content] == ["train", "val"]
    (tmp_path / "empty.py").write_text("x = 1")
    nothing = CliRunner().invoke(app, ["migrate", str(tmp_path / "empty.py")])
    assert nothing.exit_code == 1


def test_bench_reports(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "photos").mkdir()
    for k in range(3):
        Image.new("RGB", (40, 30), (k, 9, 9)).save(tmp_path / "photos" / f"{k}.jpg")
    shown = CliRunner().invoke(
        app, ["bench", str(tmp_path / "photos"), "--seconds", "0.2", "--size", "16", "--json"], catch_exceptions=False
    )
    report = json.loads(shown.stdout)
    assert report["images"] >= 3
    assert report["advice"]
