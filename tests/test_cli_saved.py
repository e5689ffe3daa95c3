"""The commands about saved files, statistics, models and copies."""

import importlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import imagefeed as feed
from imagefeed import Pipeline, SpecError, Statistics
from imagefeed.cli import app


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(6):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).save(path)
    return tmp_path / "photos"


@pytest.fixture
def saved(tmp_path: Path, photos: Path) -> Path:
    steps = Pipeline([feed.Resize((4, 5))])
    whiten = feed.Whiten(Statistics.fit(feed.folder(photos), steps, whiten="pca", rank=3))
    Pipeline([*steps, feed.HorizontalFlip(), whiten]).save(tmp_path / "p.safetensors")
    return tmp_path / "p.safetensors"


def test_show_prints_what_a_pipeline_does(saved) -> None:
    result = run("show", saved)
    assert result.exit_code == 0
    for words in (
        "Pipeline, ",
        "  0  Resize((4, 5))",
        "  1  HorizontalFlip()",
        "  2  Whiten(Statistics(count=6, mean=<4x5x3>",
        "for prediction: 2 of 3 steps",
        "statistics of 6 pictures",
        "pca whitening by 3 of 60 directions, which hold",
    ):
        assert words in result.output
    content = json.loads(run("show", saved, "--json").output)
    assert content["value"]["steps"][0]["type"] == "Resize"


def test_show_says_what_is_no_such_file(tmp_path) -> None:
    (tmp_path / "p.safetensors").write_bytes(b"no")
    with pytest.raises(SpecError, match=r"p.safetensors: not a file that imagefeed has saved"):
        run("show", tmp_path / "p.safetensors")


def test_stats_prints_a_step_and_writes_a_file(photos, tmp_path) -> None:
    result = run("stats", photos, "--size", 16, "-o", tmp_path / "s.safetensors")
    assert result.exit_code == 0
    found = Statistics.load(tmp_path / "s.safetensors")
    assert found == Statistics.fit(feed.folder(photos), Pipeline([feed.Resize((16, 16))]))
    assert found.mean is not None
    assert f"Normalize(mean=({found.mean.ravel()[0]:.3f}" in result.output
    assert "statistics of 6 pictures" in run("show", tmp_path / "s.safetensors").output


def test_stats_by_another_pipeline(photos, saved) -> None:
    Pipeline([feed.Resize((3, 3))]).save(saved)
    result = run("stats", photos, "--pipeline", saved, "--whiten", "zca", "--rank", 5)
    assert "mean  3x3x3" in result.output
    assert "zca whitening by 5 of 27 directions" in result.output
    result = run("stats", photos, "--per", "row")
    assert result.exit_code == 2
    assert "'row' is not one of" in result.output


def test_stats_as_json(photos) -> None:
    found = json.loads(run("stats", photos, "--size", 16, "--json").output)
    fitted = Statistics.fit(feed.folder(photos), Pipeline([feed.Resize((16, 16))]))
    assert fitted.mean is not None
    assert found["count"] == 6
    assert found["arrays"]["mean"]["values"] == fitted.mean.ravel().tolist()
    assert found["arrays"]["std"]["shape"] == [1, 1, 3]


def test_materialize_writes_files(photos, tmp_path) -> None:
    result = run("materialize", photos, tmp_path / "more", "--copies", 2, "--size", 8, "--format", "png")
    assert result.exit_code == 0
    assert "wrote 12 files to" in result.output
    more = feed.folder(tmp_path / "more")
    assert more.class_counts == {"a": 6, "b": 6}
    with Image.open(more.names(np.array([0]))[0]) as image:
        assert image.size == (8, 8)
    result = run("materialize", photos, tmp_path / "json", "--copies", 1, "--size", 8, "--json")
    assert json.loads(result.output) == {"to": str(tmp_path / "json"), "files": 6}


def test_check_names_what_is_amiss(photos, tmp_path) -> None:
    Pipeline([feed.Resize((8, 8)), feed.Rescale(1 / 255)]).save(tmp_path / "p.safetensors")
    result = run("check", photos, "--expects", "keras/resnet50", "--pipeline", tmp_path / "p.safetensors")
    assert result.exit_code == 1
    assert "range  the pipeline gives 0" in result.output
    assert "end the pipeline in Normalize.preset('caffe')" in result.output
    result = run("check", photos, "--expects", "keras/resnet50", "--pipeline", tmp_path / "p.safetensors", "--json")
    assert result.exit_code == 1
    assert [finding["kind"] for finding in json.loads(result.output)] == ["range"]
    Pipeline([feed.Resize((8, 8)), feed.Normalize.preset("caffe")]).save(tmp_path / "p.safetensors")
    result = run("check", photos, "--expects", "keras/resnet50", "--pipeline", tmp_path / "p.safetensors")
    assert result.exit_code == 0
    assert "nothing amiss" in result.output
    with pytest.raises(SpecError, match="--pipeline: missing"):
        run("check", photos, "--expects", "keras/resnet50")
    with pytest.raises(SpecError, match="give --model or --expects too"):
        run("check", photos, "--pipeline", tmp_path / "p.safetensors")


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
def test_check_reads_a_model(photos, tmp_path) -> None:
    keras = importlib.import_module("keras")
    layers = [keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    keras.Sequential(layers).save(tmp_path / "m.keras")
    Pipeline([feed.Resize((8, 8)), feed.Rescale(1 / 255)]).save(tmp_path / "p.safetensors")
    result = run("check", photos, "--model", tmp_path / "m.keras", "--pipeline", tmp_path / "p.safetensors")
    assert result.exit_code == 1
    assert "rescaled twice" in result.output
    (tmp_path / "no.keras").write_bytes(b"no")
    with pytest.raises(SpecError, match=r"--model: .*no.keras"):
        run("check", photos, "--model", tmp_path / "no.keras", "--pipeline", tmp_path / "p.safetensors")
