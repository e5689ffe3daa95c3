"""The pages: their Python runs, what they print is what they say, and the site builds without a warning."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PROJECT = Path(__file__).resolve().parent.parent
DOCS = PROJECT / "docs"
ELSEWHERE = {"statistics.md", "presets.md", "saving.md"}  # in test_pages.py


def blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


PAGES = sorted(
    str(file.relative_to(DOCS))
    for part in (DOCS / "questions", DOCS / "guides", DOCS)
    for file in part.glob("*.md")
    if file.name not in ELSEWHERE and (part != DOCS or file.name == "index.md") and blocks(file.read_text("utf-8"))
)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `photos` in it: two classes of twelve."""
    rng = np.random.default_rng(0)
    for kind in ("cats", "dogs"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for number in range(12):
            small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
            small.resize((96, 80), Image.Resampling.BICUBIC).save(tmp_path / "photos" / kind / f"{number}.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page, workplace, data, capsys) -> None:
    text = (DOCS / page).read_text("utf-8")
    names: dict[str, object] = {}
    for need in re.findall(r"<!-- data: (\S+) -->", text):
        names["data"] = data(need).parent
    for block in blocks(text):
        exec(compile(block, f"docs/{page}", "exec"), names)
    printed = capsys.readouterr().out
    for shown in re.findall(r"print\(.*\)  # (.*)", text):
        assert shown in printed


def test_there_are_pages_to_run() -> None:
    assert len(PAGES) >= 12


def test_figures_come_from_what_was_measured() -> None:
    hooks = _hooks()
    results = json.loads(hooks.RESULTS.read_text("utf-8"))
    fast = {"rounds": [{"rate": 300.0}, {"rate": 200.0}, {"rate": 400.0}]}
    slow = {"rounds": [{"rate": 100.0}, {"rate": 100.0}, {"rate": 100.0}]}
    results["jobs"]["affine"]["systems"] = {"imagefeed": fast, "keras": slow}
    assert hooks.filled("{{ rate affine keras }}: {{ ratio affine keras }}", results) == "100: 3.0"
    assert "<svg" in hooks.filled("{{ plot affine }}", results)
    with pytest.raises(KeyError):
        hooks.filled("{{ rate affine nobody }}", results)
    with pytest.raises(KeyError):
        hooks.filled("{{ wish affine }}", results)


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
    assert not any("{{ " in page for page in pages if "speed" in page)
    assert "https://fonts." not in index
    shutil.rmtree(tmp_path / "site")


def _hooks():
    spec = importlib.util.spec_from_file_location("docs_hooks", PROJECT / "scripts" / "docs_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
