"""The command line: what it prints, what it leaves, how it ends."""

import importlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest
from typer.main import get_command
from typer.testing import CliRunner, Result

import imagefeed as feed
from imagefeed.cli import app
from imagefeed.cli.arguments import load_pipeline
from imagefeed.cli.backend import MissingError, load_keras
from imagefeed.cli.demo import wilson_interval
from imagefeed.cli.photographs import TILE, write_photographs
from imagefeed.cli.race import race
from imagefeed.cli.scan import scan
from imagefeed.cli.sheet import contact_sheet

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)

needs_keras = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="Keras is not installed: pip install 'imagefeed[test]'"
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The console script, as a shell starts it; `python -m imagefeed` is the same."""
    return subprocess.run(
        [sys.executable, "-m", "imagefeed", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def save(path: Path, size: tuple[int, int], color: object = RED, mode: str = "RGB", **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size[1], size[0]), color).save(path, **options)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes: five files that can be read, three that cannot, two that are passed over."""
    root = tmp_path / "photos"
    save(root / "a" / "plain.jpg", (30, 40))
    save(root / "a" / "deep" / "gray.png", (10, 20), 7, "L")
    save(root / "a" / "big.jpg", (300, 500))
    turned = Image.Exif()
    turned[0x0112] = 6
    save(root / "b" / "turned.jpg", (50, 80), exif=turned)
    named = Image.Exif()
    named[0x010F] = "a camera that says nothing of orientation"
    save(root / "b" / "named.jpg", (12, 14), exif=named)
    whole = (root / "a" / "big.jpg").read_bytes()
    (root / "b" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "b" / "empty.jpg").write_bytes(b"")
    (root / "b" / "text.jpg").write_text("no picture")
    (root / "b" / "notes.txt").write_text("passed over")
    save(root / "loose.jpg", (10, 10))
    (root / ".hidden").write_text("not a file of the set")
    return root


# ---------------------------------------------------------------------------------------------------- check


def test_check_tells_everything_as_json(photos: Path) -> None:
    result = run("check", photos, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    reasons = {one["path"]: one["reason"] for one in found.pop("unreadable")}
    sizes = [(30, 40), (10, 20), (300, 500), (80, 50), (12, 14)]  # turned.jpg is upright after a quarter turn
    readable = ["a/plain.jpg", "a/deep/gray.png", "a/big.jpg", "b/turned.jpg", "b/named.jpg"]
    assert found == {
        "folder": str(photos),
        "files": 8,
        "readable": 5,
        "bytes": sum((photos / name).stat().st_size for name in readable),
        "classes": {"a": 3, "b": 5},
        "height": {"min": 10, "median": float(np.median([h for h, _ in sizes])), "max": 300},
        "width": {"min": 14, "median": float(np.median([w for _, w in sizes])), "max": 500},
        "formats": {"JPEG": 4, "PNG": 1},
        "modes": {"RGB": 4, "L": 1},
        "exif": {"files": 2, "turned": {"6": 1}},
        "passed_over": ["b/notes.txt", "loose.jpg"],
    }
    assert set(reasons) == {"b/cut.jpg", "b/empty.jpg", "b/text.jpg"}
    assert "truncated" in reasons["b/cut.jpg"]
    assert "empty" in reasons["b/empty.jpg"]
    assert "not a picture" in reasons["b/text.jpg"]


def test_check_tells_it_in_words(photos: Path) -> None:
    result = run("check", photos)
    assert result.exit_code == 1
    for words in (
        "8 files in 2 classes",
        "a          3  37.5%",
        "b          5  62.5%",
        "JPEG 4, PNG 1",
        "RGB 4, L 1",
    ):
        assert " ".join(words.split()) in " ".join(result.stdout.split())
    assert "2, 1 of them to be turned upright" in result.stdout
    for name in ("b/cut.jpg", "b/empty.jpg", "b/text.jpg", "b/notes.txt", "loose.jpg"):
        assert name in result.stdout


def test_check_ends_well_where_every_file_can_be_read(photos: Path) -> None:
    for name in ("cut", "empty", "text"):
        (photos / "b" / f"{name}.jpg").unlink()
    result = run("check", photos)
    assert result.exit_code == 0
    assert "every file can be decoded" in result.stdout


def test_check_lists_a_few_of_many(tmp_path: Path) -> None:
    for k in range(30):
        (tmp_path / f"{k:02}.jpg").write_bytes(b"x")
    result = run("check", tmp_path)
    assert "19.jpg" in result.stdout
    assert "20.jpg" not in result.stdout
    assert "10 more" in result.stdout
    assert len(json.loads(run("check", tmp_path, "--json").stdout)["unreadable"]) == 30


def test_check_of_real_photographs(data: Callable[[str], Path]) -> None:
    found = json.loads(run("check", data("odd/exif_orientation"), "--json").stdout)
    assert found["readable"] == found["exif"]["files"] == 18
    assert found["exif"]["turned"] == {str(k): 2 for k in range(2, 9)}
    # Landscape_1 is 1800 wide; turned upright, all eight of each kind have one size.
    assert found["height"] == {"min": 1200, "median": 1500, "max": 1800}


# -------------------------------------------------------------------------------------------------- preview


def test_a_sheet_holds_the_original_and_every_draw(tmp_path: Path) -> None:
    for name, color in (("a", RED), ("b", GREEN), ("c", BLUE)):
        save(tmp_path / "photos" / name / "1.png", (40, 40), color)
    pipeline = feed.Pipeline([feed.Resize((40, 40)), feed.HorizontalFlip(), feed.Rescale(1 / 255)])
    sheet = contact_sheet(feed.folder(tmp_path / "photos"), pipeline, title="photos", photographs=3, draws=4)
    pixels = np.asarray(sheet)
    for color in (RED, GREEN, BLUE):
        assert (pixels == color).all(-1).sum() == 40 * 40 * 5


def test_the_draws_of_a_sheet_are_those_of_a_loader(tmp_path: Path, rng: np.random.Generator) -> None:
    noise = rng.integers(0, 256, (64, 64, 3), np.uint8)
    (tmp_path / "a").mkdir()
    Image.fromarray(noise).save(tmp_path / "a" / "1.png")
    source = feed.folder(tmp_path)
    pipeline = feed.Pipeline([feed.RandomCrop((32, 32))])
    sheet = np.asarray(contact_sheet(source, pipeline, title="t", photographs=1, draws=3, seed=5))
    loader = feed.Loader(source, pipeline, seed=5, shuffle=False)
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (32, 32), (0, 1)).transpose(0, 1, 3, 4, 2)
    for _ in range(3):
        [(images, _)] = loader
        assert (windows == images[0]).all((2, 3, 4)).any()


def test_preview_writes_a_sheet(photos: Path, tmp_path: Path) -> None:
    for name in ("cut", "empty", "text"):
        (photos / "b" / f"{name}.jpg").unlink()
    target = tmp_path / "new" / "sheet.png"
    result = run("preview", photos, "-o", target, "--size", 64, "--rows", 4, "--draws", 2)
    assert result.exit_code == 0, result.output
    assert "sheet.png" in result.stdout
    with Image.open(target) as sheet:
        assert sheet.width > 3 * 64
        assert sheet.height > 4 * 64
        size = {"width": sheet.width, "height": sheet.height}
    result = run("preview", photos, "-o", target, "--size", 64, "--rows", 4, "--draws", 2, "--json")
    assert json.loads(result.stdout) == {"to": str(target), **size}


def test_preview_of_a_pipeline_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_for_preview.py").write_text(
        "import imagefeed as feed\npipeline = feed.Pipeline([feed.CenterCrop((9, 9))])\nnumber = 3\n"
    )
    assert load_pipeline("mine_for_preview:pipeline") == feed.Pipeline([feed.CenterCrop((9, 9))])
    for name in ("mine_for_preview:number", "mine_for_preview:none", "no_such_module:pipeline", "pipeline"):
        with pytest.raises(feed.SpecError, match=r"--pipeline: .*" + name.split(":")[-1]):
            load_pipeline(name)
    assert "" not in sys.path[:1]


def test_preview_refuses_a_name_that_is_no_picture(photos: Path, tmp_path: Path) -> None:
    result = run("preview", photos, "-o", tmp_path / "sheet.txt")
    assert result.exit_code == 2
    assert ".png" in result.output


# ----------------------------------------------------------------------------------------------------- demo


def test_tiles_of_a_photograph_do_not_overlap(tmp_path: Path) -> None:
    pytest.importorskip("skimage", reason="the sample photographs are not installed")
    pytest.importorskip("sklearn", reason="the sample photographs are not installed")
    write_photographs(tmp_path)
    source = feed.folder(tmp_path / "tiles")
    assert len(source.classes) >= 10
    assert min(source.class_counts.values()) >= 10  # enough of each to split
    for file in map(Path, source.files):
        row, column = (int(part) for part in file.stem.split("-"))
        with Image.open(tmp_path / "whole" / f"{file.parent.name}.jpg") as whole:
            box = (column * TILE, row * TILE, (column + 1) * TILE, (row + 1) * TILE)
            expected = np.asarray(whole.crop(box), np.float32)
        with Image.open(file) as tile:
            assert tile.format == "JPEG"
            found = np.asarray(tile, np.float32)
        assert np.abs(found - expected).mean() < 6  # both went through JPEG, in other blocks


@pytest.fixture
def quick_compiler() -> Iterator[None]:
    """XLA compiles as soon as it can, where it is what Keras runs on: the model is to be trained, not to be quick."""
    if load_keras().backend.backend() != "jax":
        yield
        return
    config = importlib.import_module("jax").config
    config.update("jax_disable_most_optimizations", True)
    yield
    config.update("jax_disable_most_optimizations", False)


@needs_keras
@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # Keras's own, of SciPy
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras saves
@pytest.mark.usefixtures("quick_compiler")
def test_demo_from_photographs_to_a_prediction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["imagefeed.cli.demo"], "race", partial(race, seconds=0.05))
    for k in range(12):
        save(tmp_path / "photos" / "red" / f"{k}.jpg", (60, 80), (200 + 4 * k, 3 * k, 0))
        save(tmp_path / "photos" / "blue" / f"{k}.jpg", (80, 60), (0, 3 * k, 200 + 4 * k))
    (tmp_path / "photos" / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    output = tmp_path / "out"
    result = run("demo", tmp_path / "photos", "-o", output, "--size", 32, "--epochs", 2, "--batch-size", 8)
    assert result.exit_code == 0, result.output
    for words in ("left out red/broken.jpg", "no figure: it stopped", "validation accuracy", "95 % interval"):
        assert words in result.stdout
    figures = json.loads((output / "figures.json").read_text(encoding="utf-8"))
    assert (figures["training"], figures["validation"]) == (20, 4)
    assert figures["speed"]["ours"] > 0
    assert figures["speed"]["theirs"] is None  # Keras's generator stops at the broken file
    assert (output / "contact-sheet.png").stat().st_size > 1000
    assert len(figures["predictions"]) == 4
    prediction = figures["predictions"][0]
    pipeline = eval(figures["pipeline"], {name: getattr(feed, name) for name in feed.__all__})
    keras = load_keras()
    pixels = feed.render(Path(prediction["file"]).read_bytes(), pipeline)
    scores = keras.models.load_model(output / "model.keras").predict(pixels, verbose=0)[0]
    assert dict(zip(("blue", "red"), scores.tolist(), strict=True)) == pytest.approx(
        prediction["probabilities"], abs=1e-5
    )
    assert prediction["class"] == Path(prediction["file"]).parent.name


@needs_keras
@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # Keras's own, of SciPy
def test_the_race_runs_both(tmp_path: Path) -> None:
    load_keras()
    for name, color in (("a", RED), ("b", GREEN)):
        save(tmp_path / name / "1.jpg", (40, 40), color)
    notes: list[str] = []
    found = race(feed.folder(tmp_path), tmp_path, size=32, batch_size=2, rounds=2, seconds=0.05, advance=notes.append)
    assert found.ours > 0
    assert found.theirs is not None
    assert found.theirs > 0
    assert [note.split()[0] for note in notes] == ["imagefeed", "ImageDataGenerator"] * 2


@needs_keras
def test_demo_needs_several_classes(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(feed.SourceError, match="one class only"):
        run("demo", photos / "a", "-o", tmp_path / "out")


def test_demo_without_keras_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setattr("imagefeed.cli.backend.find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"Keras is not installed: pip install 'imagefeed\[demo\]'"):
        load_keras()
    monkeypatch.setattr("imagefeed.cli.backend.find_spec", lambda name: object() if name == "keras" else None)
    with pytest.raises(MissingError, match=r"a backend of Keras .*jax.*pip install"):
        load_keras()


@pytest.mark.parametrize(("right", "of"), [(0, 7), (1, 2), (40, 60), (180, 180)])
def test_the_interval_is_wilsons(right: int, of: int) -> None:
    expected = binomtest(right, of).proportion_ci(method="wilson")
    assert wilson_interval(right / of, of) == pytest.approx((expected.low, expected.high), abs=1e-6)


# ---------------------------------------------------------------------------------------------- the program


def test_help_shows_the_commands_with_examples() -> None:
    listed = run("--help").stdout
    for name in ("check", "preview", "demo"):
        assert name in listed
        examples = run(name, "--help").stdout.partition("Examples:")[2]
        assert f"imagefeed {name}" in examples


def test_every_command_that_a_program_may_read_prints_json() -> None:
    """`studio` serves a page, and `demo` writes figures.json."""
    found = {" ".join(path) for path, options in commands(get_command(app)) if "--json" not in options}
    assert found == {"studio", "demo"}


def commands(one: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Every command's name, and its options."""
    for name, command in getattr(one, "commands", {}).items():
        yield from commands(command, (*path, name))
    if path and not hasattr(one, "commands"):
        yield path, [option for parameter in one.params for option in parameter.opts]


def test_the_version_is_the_packages() -> None:
    assert run("--version").stdout == f"imagefeed {feed.__version__}\n"


def test_an_error_is_one_line(tmp_path: Path) -> None:
    result = command("check", tmp_path / "none [here]")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "none [here]: is not a folder" in result.stderr
    assert result.stderr.count("\n") == 1


def test_whoever_reads_may_stop(photos: Path) -> None:
    code = "from imagefeed.cli import main; main()"
    for option in ([], ["--json"]):
        words = [sys.executable, "-c", code, "check", str(photos / "a"), *option]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == ""
        assert process.returncode == 1


def test_check_counts_what_pillow_does_not_open(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """libjpeg reads some damaged files whose header Pillow does not."""

    def refuse(*given: object, **options: object) -> None:
        raise Image.UnidentifiedImageError("cannot identify image file")

    monkeypatch.setattr("imagefeed.cli.scan.Image.open", refuse)
    found = scan(photos)
    assert [(one.path, one.format, one.mode, one.orientation) for one in found.pictures if "big" in one.path] == [
        ("a/big.jpg", "?", "?", None)
    ]


def test_clearing_a_cache_tells_as_json_what_is_free_now(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("another's")
    (tmp_path / "data.mdb").write_bytes(b"x" * 10_000)
    taken = (tmp_path / "data.mdb").stat().st_blocks * 512
    found = json.loads(run("cache", "clear", tmp_path, "--json").stdout)
    assert found == {"path": str(tmp_path), "bytes": taken}
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]


def test_quarantine_tells_it_as_json(photos: Path, tmp_path: Path) -> None:
    found = json.loads(run("quarantine", photos, "--to", tmp_path / "bad", "--json").output)
    assert [one["path"] for one in found["moved"]] == ["b/cut.jpg", "b/empty.jpg", "b/text.jpg"]
    assert (found["files"], found["dry_run"]) == (8, False)
    assert (tmp_path / "bad" / "b" / "cut.jpg").is_file()
    assert not (photos / "b" / "cut.jpg").exists()


def test_what_the_system_refuses_is_one_line(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = command("preview", photos / "a", "-o", tmp_path / "file" / "sheet.png", "--rows", 1, "--draws", 1)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
