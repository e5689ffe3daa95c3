"""A new user's way, timed: look, tune in the studio, train with what was tuned, predict. A part of benchmarks/pages.py.

What is done is what docs/index.md says, in a folder that holds nothing but photographs; the commands are those that
stand beside this Python, and Chromium is the hand on the slider.
"""

from __future__ import annotations

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
COMMAND = [sys.executable, "-c", "from imagefeed.cli import main; main()"]


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

        timed("check", lambda: run([*COMMAND, "check", "photos"], place))
        (place / "tuned.py").write_text(timed("tune", lambda: tuned(place)), "utf-8")
        for name, code in re.findall(
            r"^```python title=\"(\w+)\.py\"\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S
        ):
            (place / f"{name}.py").write_text(code, "utf-8")
        timed("train", lambda: run([sys.executable, "train.py"], place))
        timed("predict", lambda: run([sys.executable, "predict.py"], place))
    return found


def run(command: list[str], place: Path) -> None:
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{command}: {ran.stdout}{ran.stderr}")


def tuned(place: Path) -> str:
    """The pipeline as Python, after a person has added a step, moved its slider and copied what came out."""
    command = [*COMMAND, "studio", "photos", "--no-browser"]
    server = subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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
