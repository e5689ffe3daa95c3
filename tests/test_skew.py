"""The skew guard: every known fault is found and named, and what is right is left alone."""

import importlib.util
import os
from types import SimpleNamespace

import numpy as np
import pytest

import imagefeed as feed
from imagefeed import Normalize, Pipeline, Rescale, Resize, SpecError, Statistics, check_model
from imagefeed.presets import PRESETS
from imagefeed.skew import not_raw

SIZE = Resize((48, 48))


@pytest.fixture(scope="module")
def photographs(data) -> feed.Source:
    files = sorted(data("cats_dogs/validation").rglob("*.jpg"))[::5]
    return feed.arrays(feed.render(files, Pipeline([SIZE])))


def layer(kind: str, **attributes: object) -> object:
    """What a layer of Keras looks like from here."""
    return type(kind, (), attributes)()


def model(name: str = "model", *layers: object, **attributes: object) -> SimpleNamespace:
    return SimpleNamespace(name=name, layers=list(layers), **attributes)


RESCALING = model("efficientnetb0", layer("InputLayer"), layer("Rescaling", scale=1 / 255), layer("Conv2D"))
RESNET = model("resnet50", layer("InputLayer"), layer("Conv2D"))


def kinds(of: object, source: feed.Source, *units: feed.Transform, **options: object) -> list[str]:
    return [finding.kind for finding in check_model(of, Pipeline([SIZE, *units]), source, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_suits_its_own_model(photographs, name) -> None:
    assert kinds(None, photographs, Normalize.preset(name), expects=name) == []


@pytest.mark.parametrize("name", ["caffe", "imagenet", "inception", "keras/efficientnetb0"])
@pytest.mark.parametrize("other", ["caffe", "imagenet", "inception", "keras/efficientnetb0"])
def test_no_other_preset_does(photographs, name, other) -> None:
    found = kinds(None, photographs, Normalize.preset(other), expects=name)
    assert bool(found) == (name != other)


def test_the_same_line_in_other_words_is_right(photographs) -> None:
    imagenet = Rescale(1 / 255), Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    assert kinds(None, photographs, *imagenet, expects="imagenet") == []
    assert kinds(None, photographs, Rescale(1 / 127.5, offset=-1), expects="inception") == []
    assert kinds(RESCALING, photographs) == []


def test_a_model_that_rescales_inside_is_fed_levels(photographs) -> None:
    (finding,) = check_model(RESCALING, Pipeline([SIZE, Rescale(1 / 255)]), photographs)
    assert finding.kind == "rescaled twice"
    assert "rescales inside itself, and is fed 0." in finding.problem
    assert finding.advice == "take Rescale(0.00392156862745098) out of the pipeline"
    nested = model("mine", layer("InputLayer"), RESCALING)
    assert kinds(nested, photographs, Rescale(1 / 255)) == ["rescaled twice"]


def test_a_layer_that_takes_0_to_1_asks_for_no_levels(photographs) -> None:
    unit = layer("Rescaling", scale=2.0, offset=-1.0), layer("Normalization", mean=np.array([0.5, 0.4, 0.4]))
    for inside in unit:
        assert kinds(model("mine", layer("InputLayer"), inside), photographs, Rescale(1 / 255)) == []
    levels = layer("Normalization", mean=np.array([[[[123.7, 116.3, 103.5]]]]))
    assert kinds(model("mine", layer("InputLayer"), levels), photographs, Rescale(1 / 255)) == ["rescaled twice"]


def test_values_from_0_to_1_into_a_model_from_caffe(photographs) -> None:
    (finding,) = check_model(RESNET, Pipeline([SIZE, Rescale(1 / 255)]), photographs)
    assert finding.kind == "range"
    assert "the model expects -1" in finding.problem
    assert finding.advice == "end the pipeline in Normalize.preset('caffe')"
    assert kinds(RESNET, photographs) == ["range"]  # raw levels, neither centered nor in its order


def test_red_and_blue_exchanged(photographs) -> None:
    mean = (103.939, 116.779, 123.68)
    (finding,) = check_model(RESNET, Pipeline([SIZE, Normalize(mean=mean[::-1], std=1.0)]), photographs)
    assert finding.kind == "channel order"
    assert finding.problem == "the pipeline gives red, green, blue, and the model expects blue, green, red"
    # The means in the order of the model, on channels that are not.
    assert kinds(RESNET, photographs, Normalize(mean=mean, std=1.0)) == ["channel order"]
    wrong = Normalize(mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395), order="bgr")
    assert kinds(None, photographs, wrong, expects="imagenet") == ["channel order"]


def test_statistics_of_other_pictures(photographs) -> None:
    own = Statistics.fit(photographs, Pipeline([SIZE]))
    of_unit = Statistics.fit(photographs, Pipeline([SIZE, Rescale(1 / 255)]))
    dark = Statistics.fit(photographs, Pipeline([SIZE, Normalize(mean=0.0, std=4.0)]))
    assert kinds(model(), photographs, Normalize(own)) == []
    assert kinds(model(), photographs, Rescale(1 / 255), Normalize(of_unit)) == []
    for wrong in (of_unit, dark):
        (finding,) = check_model(model(), Pipeline([SIZE, Normalize(wrong)]), photographs)
        assert finding.kind == "statistics"
        assert "Statistics.fit(source, pipeline)" in finding.advice
    assert kinds(model(), photographs, Rescale(1 / 255), Normalize(own)) == ["statistics"]
    each = Statistics.fit(photographs, Pipeline([SIZE]), per="pixel")
    assert kinds(model(), photographs, Normalize(each)) == []
    whiten = feed.Whiten(Statistics.fit(photographs, Pipeline([SIZE]), whiten="zca", rank=9, memory=50_000_000))
    assert kinds(model(), photographs, whiten) == []
    assert kinds(model(), photographs, Rescale(1 / 255), whiten) == ["statistics"]


def test_another_size_and_channels_last_or_first(photographs) -> None:
    (finding,) = check_model(model(input_shape=(None, 224, 224, 3)), Pipeline([SIZE]), photographs)
    assert str(finding) == (
        "shape: the pipeline gives pictures of 48x48x3, and the model takes 224x224x3; use Resize((224, 224))"
    )
    (finding,) = check_model(model(input_shape=(None, 48, 48, 1)), Pipeline([SIZE]), photographs)
    assert finding.advice == "use color='gray'"
    (finding,) = check_model(model(input_shape=(None, 3, 48, 48)), Pipeline([SIZE]), photographs)
    assert finding.advice == 'use Loader(layout="nchw")'
    assert kinds(model(input_shape=(None, None, None, 3)), photographs) == []


def test_a_model_is_known_by_its_name(photographs) -> None:
    for name, preset in (
        ("mobilenetv2_1.00_224", "inception"),
        ("inception_v3", "inception"),
        ("densenet121", "imagenet"),
    ):
        backbone = model("functional", layer("InputLayer"), model(name, layer("InputLayer"), layer("Conv2D")))
        assert kinds(backbone, photographs, Normalize.preset(preset)) == []
        assert kinds(backbone, photographs, Normalize.preset("caffe")) != []
    # One of those that normalize inside, built without that: what it expects is not known.
    assert kinds(model("efficientnetv2-b0", layer("Conv2D")), photographs, Rescale(1 / 255)) == []
    timm = SimpleNamespace(pretrained_cfg={"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)})
    assert kinds(timm, photographs, Normalize.preset("inception")) == []
    assert kinds(timm, photographs, Normalize.preset("imagenet")) == ["range"]


def test_what_is_expected_may_be_said(photographs) -> None:
    step = Normalize(mean=10.0, std=2.0)
    assert kinds(None, photographs, step, expects=step) == []
    (finding,) = check_model(None, Pipeline([SIZE]), photographs, expects=step)
    assert finding.advice == "end the pipeline in Normalize(mean=10.0, std=2.0)"
    with pytest.raises(SpecError, match=r"check_model\(expects=\): got 3"):
        check_model(None, Pipeline([SIZE]), photographs, expects=3)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="there is no 'keras/resnet'"):
        check_model(None, Pipeline([SIZE]), photographs, expects="keras/resnet")


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
@pytest.mark.skipif(
    os.environ["KERAS_BACKEND"] == "jax",
    reason="JAX traces a minute at such models; test_inmodel_backends.py runs this on the other backends",
)
def test_real_models_of_keras(photographs) -> None:
    keras = importlib.import_module("keras")
    applications = keras.applications
    options = {"weights": None, "include_top": False, "input_shape": (48, 48, 3)}
    inside = applications.EfficientNetB0(**options)
    assert kinds(inside, photographs) == []
    assert kinds(inside, photographs, Rescale(1 / 255)) == ["rescaled twice"]
    whole = keras.Sequential([keras.Input((48, 48, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()])
    assert kinds(whole, photographs, Rescale(1 / 255)) == ["rescaled twice"]
    attached = feed.attach(keras.Sequential([keras.Input((48, 48, 3)), keras.layers.Flatten()]), Pipeline([SIZE]))
    assert kinds(attached, photographs) == []
    assert kinds(attached, photographs, Rescale(1 / 255)) == ["rescaled twice"]
    head = keras.Sequential([applications.MobileNetV2(**options), keras.layers.Flatten()])
    assert kinds(head, photographs, Normalize.preset("keras/mobilenetv2")) == []
    assert kinds(head, photographs, Rescale(1 / 255)) == ["range"]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 4, 4, 3), np.uint8), None),
        (np.full((2, 4, 4, 3), 255, np.uint8), None),
        (np.full((2, 4, 4, 3), 7.5, np.float32), None),
        (np.zeros((0, 4, 4, 3)), None),
        (np.full((2, 4, 4, 3), 0.5), "between 0.5 and 0.5: they were rescaled already"),
        (np.ones((2, 40, 40, 3), np.uint8), "rescaled already"),
        (np.full((2, 4, 4, 3), -0.5), "normalized already"),
        (np.full((2, 4, 4, 3), 300.0), "more than eight bits"),
        (np.full((2, 4, 4, 3), np.nan), "not numbers"),
        (np.full((2, 3, 4, 4), 9), "the last axis, that of the channels, is 4; pass pictures of 3"),
        (np.zeros((4, 4, 3)), "pass pictures as"),
    ],
)
def test_what_cannot_be_raw_pictures(images, words) -> None:
    found = not_raw(images)
    assert (found is None) == (words is None)
    assert words is None or (found is not None and words in found)
