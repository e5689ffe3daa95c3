"""Presets against what the libraries themselves do to pictures, where they are installed."""

import importlib
import inspect
import json
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import imagefeed as feed
from imagefeed import Loader, Normalize, Pipeline, SpecError
from imagefeed.presets import PRESETS

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 8, 10, 3), np.uint8)
# float32 lines of levels: a few units of the last place of what can be as large as 255 / 0.2 / 255.
CLOSE = 2e-5


def made(step: Normalize) -> np.ndarray:
    return next(iter(Loader(feed.arrays(PICTURES), Pipeline([step]), shuffle=False, batch_size=3)))


@pytest.fixture(scope="module")
def applications() -> dict[str, ModuleType]:
    """The module of every model of keras.applications, by the model's name in lower case."""
    if not any(importlib.util.find_spec(name) for name in ("jax", "torch", "tensorflow")):  # type: ignore[attr-defined]
        pytest.skip("Keras has no backend here")
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    found: dict[str, ModuleType] = {}
    for name, model in inspect.getmembers(keras.applications, inspect.isfunction):
        if name[0].isupper():
            modules = [
                module
                for _, module in inspect.getmembers(keras.applications, inspect.ismodule)
                if hasattr(module, "preprocess_input") and getattr(module, name, None) is model
            ]
            # MobileNetV3's models stand beside the module that has their function.
            found[name.lower()] = modules[0] if modules else keras.applications.mobilenet_v3
    return found


KERAS = sorted(name.removeprefix("keras/") for name in PRESETS if name.startswith("keras/"))


def test_every_model_of_keras_has_a_preset(applications) -> None:
    assert sorted(applications) == KERAS


@pytest.mark.parametrize("model", KERAS)
def test_it_does_what_keras_does(applications, model) -> None:
    theirs = applications[model].preprocess_input(PICTURES.astype(np.float32), data_format="channels_last")
    np.testing.assert_allclose(made(Normalize.preset(f"keras/{model}")), np.asarray(theirs), atol=CLOSE * 128)


@pytest.mark.parametrize("name", ["resnet50.a1_in1k", "vit_base_patch16_224.augreg_in21k", "inception_v3.tf_in1k"])
def test_it_does_what_timm_does(name) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    torch = pytest.importorskip("torch", reason="torch is not installed")
    config = timm.get_pretrained_cfg(name)
    mean, std = (torch.tensor(values).numpy() for values in (config.mean, config.std))
    theirs = (PICTURES / np.float32(255) - mean) / std
    np.testing.assert_allclose(made(Normalize.from_timm(name)), theirs, atol=CLOSE)
    model = timm.create_model(name.partition(".")[0].replace("vit_base", "vit_tiny"), pretrained=False)
    assert Normalize.from_timm(model).mean is not None


def test_timm_has_names() -> None:
    pytest.importorskip("timm", reason="timm is not installed")
    with pytest.raises(SpecError, match=r"Normalize.from_timm: got 'no_such_model'"):
        Normalize.from_timm("no_such_model")
    with pytest.raises(SpecError, match=r"Normalize.from_timm: got 3; expected a model of timm"):
        Normalize.from_timm(3)


@pytest.mark.parametrize("name", ["ResNet50_Weights.IMAGENET1K_V2", "ViT_B_16_Weights.IMAGENET1K_V1"])
def test_it_does_what_torchvision_does(name) -> None:
    models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    functional = importlib.import_module("torchvision.transforms.v2.functional")
    torch = importlib.import_module("torch")
    theirs = models.get_weight(name).transforms()
    pictures = torch.from_numpy(PICTURES).permute(0, 3, 1, 2)
    scaled = functional.to_dtype(pictures, torch.float32, scale=True)
    expected = functional.normalize(scaled, theirs.mean, theirs.std).permute(0, 2, 3, 1).numpy()
    for weights in (name, models.get_weight(name)):
        np.testing.assert_allclose(made(Normalize.from_torchvision(weights)), expected, atol=CLOSE)
    with pytest.raises(SpecError, match=r"there are no weights 'ResNet50_Weights.NONE'"):
        Normalize.from_torchvision("ResNet50_Weights.NONE")
    with pytest.raises(SpecError, match="got 3; expected weights"):
        Normalize.from_torchvision(3)


@pytest.mark.parametrize(
    ("processor", "options"),
    [
        ("ViTImageProcessor", {}),
        ("CLIPImageProcessor", {}),
        ("ConvNextImageProcessor", {"do_normalize": False}),
        ("ViTImageProcessor", {"do_rescale": False}),
        ("MobileViTImageProcessor", {}),
        ("EfficientNetImageProcessor", {"rescale_offset": True, "rescale_factor": 1 / 127.5, "include_top": False}),
    ],
)
def test_it_does_what_an_image_processor_does(processor, options, tmp_path) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    theirs = getattr(transformers, processor)(do_resize=False, do_center_crop=False, **options)
    expected = theirs(list(PICTURES), return_tensors="np")["pixel_values"].transpose(0, 2, 3, 1)
    theirs.save_pretrained(tmp_path)
    for config in (theirs, theirs.to_dict(), tmp_path / "preprocessor_config.json"):
        ours = made(Normalize.from_huggingface(config))
        np.testing.assert_allclose(ours, expected, atol=CLOSE * max(1.0, abs(expected).max() / 3))


def test_configurations_of_libraries_that_are_not_installed() -> None:
    """What stands for their objects has the attributes that their documentation names."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    expected = (PICTURES / 255 - np.array(mean)) / np.array(std)
    view = SimpleNamespace(crop_size=[224], resize_size=[232], mean=list(mean), std=list(std))
    weights = SimpleNamespace(transforms=lambda: view, meta={"num_params": 25_557_032}, url="")
    np.testing.assert_allclose(made(Normalize.from_torchvision(weights)), expected, atol=CLOSE)
    model = SimpleNamespace(pretrained_cfg={"input_size": (3, 224, 224), "mean": mean, "std": std, "crop_pct": 0.95})
    np.testing.assert_allclose(made(Normalize.from_timm(model)), expected, atol=CLOSE)


def test_configurations_that_are_more_than_a_line(tmp_path) -> None:
    plain = {"do_normalize": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    assert Normalize.from_huggingface(plain) == Normalize(mean=127.5, std=127.5)
    (tmp_path / "c.json").write_text(json.dumps(plain | {"do_rescale": False}))
    assert Normalize.from_huggingface(tmp_path / "c.json") == Normalize(mean=0.5, std=0.5)
    assert Normalize.from_huggingface({"do_flip_channel_order": True, "do_normalize": False}).order == "bgr"
    for config, words in (
        (plain | {"do_color_quantize": True}, "do_color_quantize asks for more"),
        ({"do_normalize": True}, "the configuration has None"),
        ({"do_normalize": True, "image_mean": [], "image_std": [1]}, r"the configuration has \[\]"),
        (plain | {"rescale_factor": 0}, "rescale_factor=0"),
        (7, "got 7; expected an image processor"),
        (tmp_path / "none.json", "none.json: there is no such file; expected an image processor"),
    ):
        with pytest.raises(SpecError, match=words):
            Normalize.from_huggingface(config)


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("inception", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ("clip", (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    ],
)
def test_presets_that_belong_to_no_library(name, mean, std) -> None:
    expected = (PICTURES / 255 - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(made(Normalize.preset(name)), expected, atol=CLOSE)


def test_a_mistyped_name_is_met_with_others() -> None:
    with pytest.raises(SpecError, match=r"there is no 'keras/ResNet50'; near it are .*'keras/resnet50'"):
        Normalize.preset("keras/ResNet50")
    with pytest.raises(SpecError, match=r"there is no 'zzz'; near it are 'caffe', 'clip'"):
        Normalize.preset("zzz")
