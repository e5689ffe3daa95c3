"""The native kernels take no more instructions than is recorded: a guard that times nothing."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def guard(project: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("instructions", project / "benchmarks" / "instructions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.platform != "linux", reason="valgrind counts on Linux")
def test_promise_no_more_instructions_than_recorded(guard: ModuleType) -> None:
    recorded = json.loads(guard.RECORDED.read_text("utf-8"))
    if recorded["compiler"] != guard.compiler():
        pytest.skip(f"counted with {guard.compiler()}; the figures are of {recorded['compiler']}")
    try:
        found = guard.totals(guard.counted(None))
    except guard.UnavailableError as reason:
        pytest.skip(str(reason))
    lines = guard.comparison(found, recorded["instructions"])
    assert not lines, "\n".join([*lines, "if that is meant: python benchmarks/instructions.py --write"])


def test_what_is_beyond_the_tolerance_is_told(guard: ModuleType) -> None:
    recorded = {"crop, avx2": 1_000_000, "affine, avx2": 1_000_000, "color, avx2": 5}
    assert guard.comparison({"crop, avx2": 1_049_000, "affine, avx2": 951_000, "color, avx2": 5}, recorded) == []
    assert guard.comparison({"crop, avx2": 1_060_000, "affine, avx2": 940_000}, recorded) == [
        "affine, avx2: 940,000 instructions; 1,000,000 are recorded (-6.0%)",
        "color, avx2: not counted any more",
        "crop, avx2: 1,060,000 instructions; 1,000,000 are recorded (+6.0%)",
    ]


def test_only_our_own_instructions_are_counted(guard: ModuleType) -> None:
    text = "ob=/tmp/x/instructions\nfn=warp\n12 100\ncalls=1 0\n13 5000\n14 20\nob=/lib/libjpeg.so\nfn=idct\n0 5000\n"
    assert dict(guard.parsed(text, "instructions")) == {"warp": 120}
