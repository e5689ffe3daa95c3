"""A new user's way, timed: install, look, tune in the studio, train with what was tuned, predict. A part of
benchmarks/pages.py.

What is done is what docs/index.md says, in a folder that holds nothing but photographs, with what is installed there;
Chromium is the hand on the slider. How long installing takes depends on the network too, and on what pip has fetched
before.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio_page import chromium

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "index.md"
EACH = 60  # photographs of each class
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def walk(photos: Path) -> dict[str, Any]:
    """Seconds for each step, and what came out."""
    found: dict[str, Any] = {"photographs": 2 * EACH}
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        for folder in sorted(photos.iterdir()):
            (place / "photos" / folder.name).mkdir(parents=True)
            for file in sorted(folder.glob("*.jpg"))[:EACH]:
                shutil.copy(file, place / "photos" / folder.name)

        def timed(name: str, work: Callable[[], Any]) -> Any:
            start = time.perf_counter()
            result = work()
            found[name] = time.perf_counter() - start
            return result

        timed("install", lambda: install(place))
        timed("check", lambda: run(place, "imagefeed", "check", "photos"))
        (place / "tuned.py").write_text(timed("tune", lambda: tuned(place)), "utf-8")
        for name, code in re.findall(
            r"^```python title=\"(\w+)\.py\"\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S
        ):
            (place / f"{name}.py").write_text(code, "utf-8")
        timed("train", lambda: run(place, "python", "train.py"))
        timed("predict", lambda: run(place, "python", "predict.py"))
    return found


def install(place: Path) -> None:
    """As the page says, and built from nothing."""
    subprocess.run([sys.executable, "-m", "venv", place / ".venv"], check=True)
    run(place, "pip", "install", "-q", f"{PROJECT}[studio,demo]", "-C", f"build-dir={place / 'build'}")


def run(place: Path, program: str, *arguments: str) -> None:
    """A program of what was installed."""
    command = [str(place / ".venv" / "bin" / program), *arguments]
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    if ran.returncode:
        raise RuntimeError(f"{command}: {ran.stdout}{ran.stderr}")


def tuned(place: Path) -> str:
    """The pipeline as Python, after a person has added a step, moved its slider and copied what came out."""
    command = [str(place / ".venv" / "bin" / "imagefeed"), "studio", "photos", "--no-browser"]
    pipes: dict[str, Any] = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    server = subprocess.Popen(command, cwd=place, env=ENVIRONMENT, **pipes)
    try:
        assert server.stderr is not None
        address = server.stderr.readline().strip()
        with chromium() as page:
            page.goto(address)
            page.wait_for_function("() => document.body.dataset.drawn")
            page.get_by_label("Add a step").select_option("Rotate")
            page.get_by_role("slider", name="degrees to", exact=True).fill("20")
            page.get_by_role("button", name="Copy as Python").click()
            page.wait_for_function("() => document.getElementById('code').textContent.includes('Rotate')")
            return str(page.locator("#code").text_content())
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=30)
