"""The shape of the package: which way imports point, what is public, what an import costs."""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import imagefeed

PACKAGE = Path(imagefeed.__file__).parent
# Frameworks and whatever else is heavy: an adapter or a command may import them, the package must not.
HEAVY = (
    "keras",
    "tensorflow",
    "torch",
    "jax",
    "scipy",
    "pandas",
    "sklearn",
    "skimage",
    "cv2",
    "onnx",
    "ray",
    "rich",
    "typer",
)


def layers(text: str) -> dict[str, int]:
    """The rows of the table in docs/architecture.md that names the modules: 0 for the top one."""
    table = text.partition("| module | what it is |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`(\w+)(?:\.py|/)?`", line.split("|")[1]) for line in table.splitlines() if "`" in line]
    return {name: k for k, names in enumerate(rows) for name in names}


def doors(text: str) -> set[tuple[str, str]]:
    """The imports from above that architecture.md allows inside of functions: (module, what it imports)."""
    table = text.partition("| in | from |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`(\w+)(?:\.py|/)?`", line) for line in table.splitlines() if "`" in line]
    return {(unit, other) for unit, *others in rows for other in others}


def imported_units(text: str) -> Iterator[str]:
    """The modules and folders of the package that some source text imports from, anywhere in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "imagefeed":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("imagefeed."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("imagefeed."))


def wrong_way(unit: str, text: str, order: dict[str, int]) -> list[str]:
    """What is imported from above; a name of the package itself stands above everything."""
    return [other for other in imported_units(text) if order.get(other, -1) < order[unit]]


def outside_functions(text: str) -> str:
    """The source text without the bodies of its functions, and without what only a type checker reads."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.Pass()]
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return ast.unparse(tree)


def test_every_module_has_its_place_in_the_architecture(project: Path) -> None:
    order = layers((project / "docs" / "architecture.md").read_text(encoding="utf-8"))
    units = {file.relative_to(PACKAGE).parts[0].removesuffix(".py") for file in PACKAGE.rglob("*.py")}
    assert units - set(order) == {"__init__"}


def test_imports_point_one_way(project: Path) -> None:
    architecture = (project / "docs" / "architecture.md").read_text(encoding="utf-8")
    order, allowed = layers(architecture), doors(architecture)
    wrong = []
    for file in PACKAGE.rglob("*.py"):
        if file.parent == PACKAGE and file.name == "__init__.py":
            continue
        unit, text = file.relative_to(PACKAGE).parts[0].removesuffix(".py"), file.read_text("utf-8")
        at_once = wrong_way(unit, outside_functions(text), order)
        for other in wrong_way(unit, text, order):
            if other in at_once or (unit, other) not in allowed:
                wrong.append(f"{file.relative_to(PACKAGE)} imports {other}")
    assert wrong == []


def test_a_wrong_import_would_be_found() -> None:
    order = layers(
        "| module | what it is |\n|---|---|\n| `cli/`, `b.py` | top |\n| `_native` | bottom |\n\n| `x` | no |"
    )
    assert order == {"cli": 0, "b": 0, "_native": 1}
    text = "def f():\n    from imagefeed.cli.x import y\nimport imagefeed.b\nfrom imagefeed import _native"
    assert sorted(wrong_way("_native", text, order)) == ["b", "cli"]
    assert wrong_way("cli", text, order) == []
    assert wrong_way("cli", "from imagefeed import Loader", order) == ["Loader"]


def test_a_door_opens_inside_of_functions_only() -> None:
    assert doors("| in | from |\n|---|---|\n| `b.py` | `cli/`, `x.py` |\n\n| `no` | `y` |") == {
        ("b", "cli"),
        ("b", "x"),
    }
    text = (
        "from imagefeed import a\ndef f():\n  from imagefeed import b\nclass C:\n  def g(self):\n    import imagefeed.c"
    )
    assert sorted(imported_units(text)) == ["a", "b", "c"]
    assert list(imported_units(outside_functions(text))) == ["a"]


def test_exports_are_sorted_and_can_be_imported() -> None:
    assert imagefeed.__all__ == sorted(set(imagefeed.__all__))
    assert all(hasattr(imagefeed, name) for name in imagefeed.__all__)
    assert set(imagefeed.__all__) <= set(dir(imagefeed))


def test_a_name_that_is_not_there_is_said_to_be() -> None:
    with pytest.raises(AttributeError, match="RandomRotat"):
        imagefeed.RandomRotat  # noqa: B018


@pytest.mark.parametrize("base", [imagefeed.Transform, imagefeed.Variable, imagefeed.ImagefeedError])
def test_every_public_class_of_a_family_is_exported(base: type) -> None:
    # A class is known once its module is imported. Only those that ask for no framework are: some abort beside others.
    for file in [*PACKAGE.glob("*.py"), *(PACKAGE / "transforms").glob("*.py")]:
        importlib.import_module(".".join(("imagefeed", *file.relative_to(PACKAGE).with_suffix("").parts)))

    def below(one: type) -> Iterator[type]:
        yield one
        for other in one.__subclasses__():
            yield from below(other)

    found = {
        one.__name__
        for one in below(base)
        if one.__module__.startswith("imagefeed.")
        and not one.__module__.startswith("imagefeed.cli")
        and not inspect.isabstract(one)
        and not one.__name__.startswith("_")
    }
    assert found - {base.__name__} <= set(imagefeed.__all__)


def test_public_names_are_documented() -> None:
    public = [getattr(imagefeed, name) for name in imagefeed.__all__ if name != "__version__"]
    assert [one.__name__ for one in public if not inspect.getdoc(one)] == []


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.parametrize(("module", "allowed"), [("imagefeed", set[str]()), ("imagefeed.cli", {"rich", "typer"})])
def test_importing_loads_no_framework(module: str, allowed: set[str]) -> None:
    loaded = json.loads(fresh(f"import {module}, json, sys; print(json.dumps(sorted(sys.modules)))"))
    assert set(HEAVY) & set(loaded) == allowed


def test_importing_is_quick() -> None:
    """Under 0.3 s of processor time; on a slow machine, no more than three times what NumPy takes."""
    code = "import time; start = time.process_time(); import {}; print(time.process_time() - start)"
    ours, theirs = (min(float(fresh(code.format(name))) for _ in range(5)) for name in ("imagefeed", "numpy"))
    assert ours < max(0.3, 3 * theirs)


def test_a_first_batch_imports_only_what_it_needs() -> None:
    """What a plain loader never calls would keep people waiting for their first batch."""
    code = """
        import json, sys
        import numpy as np
        import imagefeed as feed
        pipeline = feed.Pipeline([feed.Rotate(degrees=(-15, 15)), feed.Rescale(1 / 255)])
        next(iter(feed.Loader(feed.arrays(np.zeros((8, 32, 32, 3), np.uint8)), pipeline, batch_size=4, seed=0)))
        print(json.dumps(sorted(sys.modules)))
    """
    loaded = set(json.loads(fresh(textwrap.dedent(code))))
    assert "imagefeed.transforms.geometric" in loaded
    needless = {
        "csv",
        "imagefeed.effects",
        "imagefeed.keeper",
        "imagefeed.report",
        "imagefeed.transforms.filter",
        "numpy.random._generator",
    }
    assert loaded & (needless | set(HEAVY)) == set()
