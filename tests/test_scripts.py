"""The scripts, the README's code and the examples: what a person runs first."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed

SCRIPTS = ("setup", "test", "check", "demo", "wheel", "libjpeg-turbo")
# What scripts/setup needs of any system, apart from what it installs.
COREUTILS = ("bash", "echo", "dirname", "xargs", "tr", "sort", "find", "cat", "sha256sum", "rm", "env")


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for k in range(6):
            pixels = rng.integers(0, 256, (120, 160, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{k}.jpg")
    return tmp_path / "photos"


# ----------------------------------------------------------------------------------------------- scripts


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_sound_and_says_what_it_is_for(project: Path, name: str) -> None:
    file = project / "scripts" / name
    assert os.access(file, os.X_OK)
    subprocess.run(["bash", "-n", file], check=True)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[1].startswith("# ")
    assert "set -euo pipefail" in lines


def test_ci_runs_the_command_of_the_readme(project: Path) -> None:
    commands = [
        line
        for line in (project / ".ci" / "run").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "exec scripts/test"]
    assert "\nscripts/test    # the tests\n" in (project / "README.md").read_text(encoding="utf-8")


def bare_machine(tmp_path: Path, project: Path, *, user: int, apt: bool) -> tuple[Path, dict[str, str]]:
    """A checkout, and the environment of a machine that has Python but no compiler."""
    checkout, programs = tmp_path / "checkout", tmp_path / "bin"
    shutil.copytree(project / "scripts", checkout / "scripts")
    programs.mkdir()
    for name in COREUTILS:
        (programs / name).symlink_to(str(shutil.which(name)))
    for name, text in (
        ("id", f"echo {user}"),
        ("apt-get", f'echo apt-get "$@" >>{tmp_path}/asked; exit 100'),
    ):
        if name != "apt-get" or apt:
            (programs / name).write_text(f"#!{shutil.which('bash')}\n{text}\n")
            (programs / name).chmod(0o755)
    return checkout, {"PATH": str(programs), "IMAGEFEED_PYTHON": sys.executable}


def setup(checkout: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(shutil.which("bash")), checkout / "scripts" / "setup", "demo"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_setup_tells_a_user_what_to_install(tmp_path: Path, project: Path) -> None:
    checkout, environment = bare_machine(tmp_path, project, user=1000, apt=True)
    result = setup(checkout, environment)
    assert result.returncode == 1
    assert "sudo apt-get install" in result.stderr
    assert re.search(r"missing: .*g\+\+ libjpeg-dev", result.stderr)
    assert not (tmp_path / "asked").exists()
    assert not (checkout / ".venv").exists()


def test_setup_installs_what_is_missing_as_root(tmp_path: Path, project: Path) -> None:
    checkout, environment = bare_machine(tmp_path, project, user=0, apt=True)
    result = setup(checkout, environment)
    assert result.returncode == 100  # the stand-in for apt-get fails, and setup ends with it
    assert "installing system packages" in result.stderr
    assert "apt-get update" in (tmp_path / "asked").read_text()
    assert not (checkout / ".venv").exists()


def test_setup_without_apt_names_what_is_missing(tmp_path: Path, project: Path) -> None:
    checkout, environment = bare_machine(tmp_path, project, user=0, apt=False)
    result = setup(checkout, environment)
    assert result.returncode == 1
    assert re.search(r"missing: .*g\+\+ libjpeg-dev .*Debian", result.stderr)


# ------------------------------------------------------------------------------------- README and examples


@pytest.mark.parametrize("name", ["train", "own_transform"])
def test_an_example_runs(project: Path, photos: Path, name: str) -> None:
    options = ["--epochs", "1", "--size", "64"] if name == "train" else []
    if name == "train":
        pytest.importorskip("keras", reason="Keras is not installed")
    result = subprocess.run(
        [sys.executable, project / "examples" / f"{name}.py", photos, *options],
        cwd=photos.parent,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    if name == "train":
        assert (photos.parent / "model.keras").is_file()
    else:
        assert result.stdout.count("(4, 128, 128, 3) uint8") == 3
        assert "Dusk" in result.stdout


def test_the_picture_of_the_readme_is_there(project: Path) -> None:
    text = (project / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (project / link).exists(), link
    with Image.open(project / "docs" / "images" / "preview.jpg") as picture:
        assert picture.width >= 800
        assert picture.size == Image.fromarray(feed.read(project / "docs" / "images" / "preview.jpg")).size
