"""The coverage-guided fuzz target, for a few seconds; `scripts/fuzz SECONDS` goes on for longer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def test_the_corpus_is_small_and_of_pictures(project: Path) -> None:
    files = sorted((project / "fuzz" / "corpus").iterdir())
    assert len(files) <= 20
    assert sum(file.stat().st_size for file in files) < 50_000
    kinds = {file.read_bytes()[12:14] for file in files}
    assert kinds == {b"\xff\xd8", b"\x89P"}


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
@pytest.mark.skipif("IMAGEFEED_TORTURE" not in os.environ, reason="takes minutes: scripts/torture fuzz --long")
def test_promise_fuzz_of_rendering(project: Path) -> None:
    if shutil.which(os.environ.get("CLANG", "clang++")) is None:
        pytest.skip("needs clang++ with libFuzzer")
    done = subprocess.run([project / "scripts" / "fuzz", "300"], capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr[-3000:]
