"""Every color, filter and noise transform is compared with an oracle that is not ours; none is listed by hand."""

import ast
import re
from pathlib import Path

import pytest

import imagefeed as feed
from imagefeed import Transform

# What these modules hold changes pixels and not places.
MODULES = {"color", "tint", "tone", "filter", "noise", "erase"}
FOUND = [
    cls
    for name in feed.__all__
    if isinstance(cls := getattr(feed, name), type)
    and issubclass(cls, Transform)
    and cls.__module__.rpartition(".")[2] in MODULES
]
SOURCE = re.compile(r"Pillow|OpenCV|SciPy|scipy|NumPy|colorsys|definition|et al\.|\((19|20)\d\d\)")
TOLERANCE = re.compile(r"to the\s+level|[Ww]ithin|deciles")


def compared() -> set[str]:
    """The names of the package that the tests of tests/test_effects.py use."""
    tree = ast.parse((Path(__file__).parent / "test_effects.py").read_text("utf-8"))
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return {
        node.attr
        for test in tests
        for node in ast.walk(test)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "feed"
    }


@pytest.mark.parametrize("cls", FOUND)
def test_a_transform_of_pixels_has_an_oracle(cls: type[Transform]) -> None:
    assert cls.__name__ in compared()
    assert SOURCE.search(cls.__doc__ or ""), "the docstring names no source"
    assert TOLERANCE.search(cls.__doc__ or ""), "the docstring states no tolerance"


def test_they_are_found() -> None:
    assert len(FOUND) >= 31
    assert {feed.Clahe, feed.Hue, feed.MotionBlur, feed.PoissonNoise, feed.Brightness} <= set(FOUND)
