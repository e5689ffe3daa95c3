"""The pages: every block of code in them runs, what they print is what they say, and the site builds without a warning.

Pages are found, not listed: a new one is tested as soon as it is there. What a page takes for granted is in the folder
where it runs: `photos`, `preprocess.safetensors`, `tuned.py` and the like (see `workplace`). A page says what more it
needs by a comment: `<!-- data: camvid -->` is a set of real data, whose folder is then `data`.

What people write today, with another library, stands in a block with a title, "with torchvision"; it is a program of
its own, and runs where that library is installed.
"""

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

import imagefeed as feed
from imagefeed.cli import app
from imagefeed.pipeline import Pipeline

PROJECT = Path(__file__).resolve().parent.parent
PAGES = [
    str(file.relative_to(PROJECT))
    for file in sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("benchmarks/**/*.md")])
    if "```" in file.read_text("utf-8")
]
LANGUAGES = {"python", "sh", "text", "json"}
FRAMEWORKS = ("torch", "tensorflow", "jax", "keras", "pandas", "onnx", "ray")


def blocks(page: str, language: str) -> list[str]:
    """The code of a page that uses this package, in one language."""
    text = (PROJECT / page).read_text("utf-8")
    titled = r'(?: title="(?:with imagefeed|\w+\.py)")?'
    return re.findall(rf"^```{language}{titled}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def code_of_others(page: str) -> list[str]:
    """The code of a page that is as people write it without this package."""
    text = (PROJECT / page).read_text("utf-8")
    return re.findall(r'^```python title="with (?!imagefeed").*?\n(.*?)^```', text, flags=re.DOTALL | re.MULTILINE)


def having(language: str) -> list[str]:
    return [page for page in PAGES if blocks(page, language)]


@pytest.fixture(scope="module")
def belongings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pages and examples of commands take for granted."""
    root = tmp_path_factory.mktemp("pages")
    rng = np.random.default_rng(0)

    def picture(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
        small.resize((96, 80), Image.Resampling.BICUBIC).save(path)

    for number in range(12):
        for kind in ("cats", "dogs"):
            picture(root / "photos" / kind / f"{number}.jpg")
        picture(root / "camvid" / "val" / f"{number}.png")
        mask = root / "camvid" / "valannot" / f"{number}.png"
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 12, (80, 96), np.uint8)).save(mask)
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 80, "width": 96} for n in range(4)]
    things = [
        {
            "id": n,
            "image_id": n,
            "category_id": 1,
            "bbox": [10, 10, 30, 20],
            "area": 600,
            "iscrowd": 0,
            "segmentation": [[10, 10, 40, 10, 40, 30, 10, 30]],
        }
        for n in range(4)
    ]
    for one in images:
        picture(root / "val2017" / one["file_name"])
    coco = {"images": images, "annotations": things, "categories": [{"id": 1, "name": "cat"}]}
    (root / "instances_val2017.json").write_text(json.dumps(coco))
    pipeline = Pipeline([feed.Resize((64, 64)), feed.HorizontalFlip(), feed.Normalize.preset("keras/resnet50")])
    pipeline.save(root / "pipeline.safetensors")
    pipeline.save(root / "preprocess.safetensors")
    feed.Statistics.fit(feed.folder(root / "photos"), Pipeline([feed.Resize((8, 8))])).save(
        root / "statistics.safetensors"
    )
    (root / "tuned.py").write_text("import imagefeed as feed\npipeline = feed.Pipeline([feed.RandomCrop((64, 64))])\n")
    (root / "train.py").write_text(
        "import imagefeed as feed\nfrom imagefeed import ImageDataGenerator\n"
        "pipeline = feed.Pipeline.load('preprocess.safetensors')\ngenerator = ImageDataGenerator(rotation_range=20)\n"
    )
    result = CliRunner().invoke(
        app, ["cache", "build", str(root / "photos"), str(root / "photos-cache"), "--size", "32"]
    )
    assert result.exit_code == 0, result.output
    return root


@pytest.fixture
def workplace(belongings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the page's own, with all that pages take for granted."""
    shutil.copytree(belongings, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


# ------------------------------------------------------------------------------------------------ Python


@pytest.mark.parametrize("page", having("python"))
@pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies")
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras saves
def test_the_code_of_a_page_runs(
    page: str, workplace: Path, data: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (PROJECT / page).read_text("utf-8")
    code = "\n".join(blocks(page, "python"))
    for name in FRAMEWORKS:
        if re.search(rf"^ *(import|from) {name}\b|\bto_{name}\(|\.{name}\(", code, re.MULTILINE):
            pytest.importorskip(name)
    names: dict[str, Any] = {"model": a_model()} if page == "README.md" else {}
    if "feed.keras_dataset(" in code:
        monkeypatch.setattr("keras.datasets.cifar10.load_data", a_small_cifar)
    for need in re.findall(r"<!-- data: (\S+) -->", text):
        names["data"] = data(need).parent
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), names)
    printed = capsys.readouterr().out
    # What a comment after a print says is what is printed.
    for shown in re.findall(r"^ *print\(.*?\) +# (.*)", code, re.MULTILINE):
        assert shown in printed
    if page == "README.md":
        assert len(code.strip().splitlines()) == 11  # the import, and ten lines
        assert len(names["model"].history.history["val_loss"]) == 1


def libraries(page: str) -> set[str]:
    """What the code of another library imports."""
    return set(re.findall(r"^(?:import|from) (\w+)", "\n".join(code_of_others(page)), re.MULTILINE))


def together() -> list[list[str]]:
    """Pages with code of other libraries: those that wait for TensorFlow are run in one process, one after another."""
    pages = [page for page in PAGES if code_of_others(page)]
    slow = [page for page in pages if libraries(page) & {"keras", "tensorflow"}]
    return [slow, *([page] for page in pages if page not in slow)]


@pytest.mark.parametrize("pages", together(), ids=" ".join)
def test_the_code_of_another_library_runs(pages: list[str], workplace: Path) -> None:
    missing = {name for page in pages for name in libraries(page) if importlib.util.find_spec(name) is None}
    if missing:
        pytest.skip(f"{', '.join(sorted(missing))} is not installed")
    programs = [(page, code) for page in pages for code in code_of_others(page)]
    run_all = "import json, sys\nfor page, code in json.load(sys.stdin):\n    exec(compile(code, page, 'exec'), {})"
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "NO_ALBUMENTATIONS_UPDATE": "1"}
    pipes: dict[str, Any] = {"capture_output": True, "text": True, "input": json.dumps(programs)}
    ran = subprocess.run([sys.executable, "-c", run_all], **pipes, timeout=400, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr[-2000:]


def a_small_cifar() -> Any:
    """In place of what Keras would fetch."""
    rng = np.random.default_rng(0)
    return [(rng.integers(0, 256, (n, 8, 8, 3), np.uint8), rng.integers(0, 10, (n, 1))) for n in (300, 100)]


def a_model() -> Any:
    """What the README trains, which is no part of it."""
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    layers = keras.layers
    model = keras.Sequential([layers.AveragePooling2D(56), layers.Flatten(), layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_pages_are_found() -> None:
    assert len(having("python")) >= 24
    assert {"README.md", "docs/index.md", "docs/questions/units.md"} <= set(having("python"))
    assert {"CONTRIBUTING.md", "docs/command-line.md"} <= set(having("sh"))


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_known_kind(page: str) -> None:
    """Code that is in no language that is tested here would be code that nobody runs."""
    fences = re.findall(r"^ *```(.*)$", (PROJECT / page).read_text("utf-8"), re.MULTILINE)
    assert {re.sub(r' title="(with .+|\w+\.py)"$', "", one) for one in fences[::2]} <= LANGUAGES
    assert set(fences[1::2]) <= {""}
    for block in blocks(page, "json"):
        json.loads(block)
    assert not re.search(r"\bfeed\.\w", "".join(blocks(page, "text")))  # which is code that nobody runs


# ------------------------------------------------------------------------------------------------ commands


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a shell's text, as words: without comments, redirections and what only a shell knows."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(re.sub(r"[<>]+ *\S+|; do$", " ", line), comments=True)
        while words and re.fullmatch(r"\w+=.*|sudo", words[0]):
            words = words[1:]
        if words and words[0] not in ("for", "done", "[", "cd", "git", "."):
            yield words


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run one of our commands, or see that what it names is there."""
    name = re.sub(r"^\S*/bin/", "", words[0])
    if name == "imagefeed":
        run_imagefeed(words[1:], monkeypatch)
    elif name in ("pip", "python", "python3", "pytest"):
        rest = [one for one in words[1:] if not one.startswith("$")]
        if rest[0].endswith(".py"):
            has_options(PROJECT / rest[0], rest[1:])
        elif rest[0] == "install":
            are_installable(rest[1:])
        else:
            assert rest[:2] == ["-m", "venv"]
    else:
        assert words[0].startswith("scripts/"), words
        assert (PROJECT / words[0]).stat().st_mode & 0o100
        has_options(PROJECT / words[0], words[1:])


def run_imagefeed(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One of our own commands: as it is, but for what would not come to an end, or not soon."""
    if arguments[0] == "demo" or "--model" in arguments:  # test_cli.py and test_cli_saved.py have them
        group: Any = get_command(app)
        group.commands[arguments[0]].make_context(arguments[0], arguments[1:])
        return
    if arguments[0] == "bench":
        arguments = [*arguments, "--seconds", "0.1"]
    if arguments[0] == "studio":
        pytest.importorskip("uvicorn")
        monkeypatch.setattr("imagefeed.studio.Studio.run", lambda self: self._socket.close())
        monkeypatch.setattr("webbrowser.open", lambda address: True)
    result = CliRunner().invoke(app, arguments)
    expected = (0, 1) if "--expects" in arguments else (0,)  # 1 is "something is amiss", which it may be
    assert result.exit_code in expected, f"{arguments}: {result.output} {result.exception!r}"
    assert result.exception is None or isinstance(result.exception, SystemExit)


def has_options(script: Path, arguments: list[str]) -> None:
    """That a script is there, and knows the options and the names of files that it is given."""
    text = script.read_text("utf-8")
    for one in arguments:
        if one.startswith("--"):
            name = one.removeprefix("--").partition("=")[0]
            assert one.partition("=")[0] in text or name.replace("-", "_") in text, f"{script}: {one}"
        if one.startswith(("tests/", "benchmarks/")):
            assert (PROJECT / one).exists() or "latest" in one, one


def are_installable(arguments: list[str]) -> None:
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for one in arguments:
        found = re.fullmatch(r"(?:\.|imagefeed)\[(.*)\]", one)
        for extra in found[1].split(",") if found else ():
            assert extra in extras


@pytest.mark.parametrize("page", having("sh"))
def test_the_commands_of_a_page_run(page: str, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for block in blocks(page, "sh"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)
        for words in commands(block):
            run(words, monkeypatch)


def helped() -> dict[str, list[str]]:
    """The examples that `--help` shows, by their command."""
    found: dict[str, list[str]] = {}
    group: Any = get_command(app)
    for name, one in group.commands.items():
        for inner in getattr(one, "commands", {"": one}).values():
            whole = f"{name} {inner.name}" if inner is not one else name
            found[whole] = re.findall(r"\[cyan\](.*?)\[/\]", inner.epilog or "")
    return found


@pytest.mark.parametrize("name", helped())
def test_the_examples_of_help_run(name: str, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = helped()[name]
    assert examples, f"imagefeed {name} --help has no example"
    for example in examples:
        assert example.startswith(f"imagefeed {name} ") or example == f"imagefeed {name}"
        for words in commands(example.replace("\\[", "[")):
            run(words, monkeypatch)


# ------------------------------------------------------------------------------------------------ figures, site


def test_figures_come_from_what_was_measured() -> None:
    hooks = _hooks()
    results = json.loads(hooks.RESULTS.read_text("utf-8"))
    fast = {"rounds": [{"rate": 300.0}, {"rate": 200.0}, {"rate": 400.0}]}
    slow = {"rounds": [{"rate": 100.0}, {"rate": 100.0}, {"rate": 100.0}]}
    results["jobs"]["affine"]["systems"] = {"imagefeed": fast, "keras": slow}
    assert hooks.filled("{{ rate affine keras }}: {{ ratio affine keras }}", results) == "100: 3.0"
    assert "<svg" in hooks.filled("{{ plot affine }}", results)
    assert 0 < float(hooks.filled("{{ parity torch }}", results)) <= 1.01
    measured = json.loads(hooks.PAGES.read_text("utf-8"))
    assert hooks.filled("{{ percent units preset }}", results) == f"{measured['units']['preset']:.1%}"
    with pytest.raises(KeyError):
        hooks.filled("{{ rate affine nobody }}", results)
    with pytest.raises(KeyError):
        hooks.filled("{{ wish affine }}", results)


def test_tables_in_pages_are_those_of_the_benchmarks() -> None:
    hooks = _hooks()
    summary = hooks._benchmark("render_tables").summary(json.loads(hooks.RESULTS.read_text("utf-8")))
    assert summary in (PROJECT / "README.md").read_text("utf-8")
    measured = json.dumps(json.loads(hooks.RESULTS.with_name("compat.json").read_text("utf-8")))
    rates = {f"{float(one):,.0f}" for one in re.findall(r"\d+\.\d+", measured)}
    shown = re.findall(r"([\d,]+)/s", (PROJECT / "docs" / "migration.md").read_text("utf-8"))
    assert len(shown) > 60
    assert set(shown) <= rates


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_no_measured_figure_is_typed_by_hand(page: str) -> None:
    text = (PROJECT / page).read_text("utf-8")
    text = re.sub(r"<!-- speed -->.*?<!-- /speed -->|^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"\d[\d,.]*(?:/s\b| (?:\w+ )?a second\b| times as fast| ms\b)", text) == []


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    for name in ("mkdocs", "material", "mkdocstrings"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install 'imagefeed[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    index = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "Start in five minutes" in index
    pages = [file.read_text("utf-8") for file in (tmp_path / "site").rglob("*.html")]
    assert not any("{{ " in page for page in pages)
    assert "https://fonts." not in index
    reference = (tmp_path / "site" / "reference.html").read_text("utf-8")
    described = {name.rpartition(".")[2] for name in re.findall(r'id="(imagefeed\.[\w.]+)"', reference)}
    assert set(feed.__all__) - described == {"__version__"}
    assert "imagefeed.loader.Loader.state_dict" in reference


def _hooks() -> Any:
    spec = importlib.util.spec_from_file_location("docs_hooks", PROJECT / "scripts" / "docs_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
