"""Figures in the documentation, from the files that the benchmarks wrote.

A page says `{{ rate affine imagefeed }}`, `{{ ratio affine keras }}`, `{{ plot affine }}`, `{{ plots }}` or
`{{ speed }}` of the main benchmarks; `{{ transforms }}` of that of every transform; `{{ percent units preset }}`,
`{{ count units judged }}`, `{{ number targets cost }}`, `{{ round studio small_median }}` or
`{{ tiny statistics error }}` of what benchmarks/pages.py measured; `{{ cache ram }}` or `{{ cache raw size }}` of what
benchmarks/cache.py did; `{{ parity torch }}` for the largest difference in the table of parity; `{{ table inmodel }}`
for results/inmodel.md. A name that is in no file ends the build.
"""

from __future__ import annotations

import json
import re
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent

TOKEN = re.compile(r"\{\{ (\w+)((?: [\w-]+)*) \}\}")
RESULTS = PROJECT / "benchmarks" / "results" / "latest.json"
PAGES = PROJECT / "benchmarks" / "results" / "pages.json"
TRANSFORMS = PROJECT / "benchmarks" / "results" / "transforms.md"
PARITY = PROJECT / "docs" / "parity.md"


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    """What MkDocs calls for every page."""
    return filled(markdown, json.loads(RESULTS.read_text("utf-8")))


def filled(markdown: str, results: dict[str, Any]) -> str:
    """The text with its figures."""
    makers = {
        "rate": rate,
        "ratio": ratio,
        "plot": plot,
        "plots": plots,
        "speed": speed,
        "transforms": transforms,
        "parity": parity,
        "table": table,
    }
    for name, form in (("percent", ".1%"), ("number", ".2f"), ("round", ".0f"), ("count", ",d"), ("tiny", ".0e")):
        makers[name] = partial(figure, form)
    makers |= {"cache": cache, "scale": scale, "plan": plan, "example": example}
    return TOKEN.sub(lambda found: makers[found[1]](results, *found[2].split()), markdown)


def rates(results: dict[str, Any], job: str, system: str) -> list[float]:
    """Pictures a second, in every round."""
    return [one["rate"] for one in results["jobs"][job]["systems"][system]["rounds"]]


def scale(results: dict[str, Any], *path: str) -> str:
    """A figure of benchmarks/scale.py: ratios as shares, milliseconds with two digits, and counts."""
    found: Any = _scale()
    for name in path:
        found = found[name]
    if path[-2] == "ratio" or "to_one" in path:
        return f"{found:.0%}"
    return f"{found:.2f}" if "milliseconds" in path[-2] else f"{found:,.0f}"


def cache(results: dict[str, Any], case: str, *of: str) -> str:
    """Pictures a second in one case of benchmarks/cache.py; or its bytes, of those of the files."""
    found = json.loads(RESULTS.with_name("cache.json").read_text("utf-8"))
    if of == ("size",):
        return f"{found['sizes'][f'{case} of the files']:.1f}"
    return f"{found['cases'][case]['rate']['median']:,.0f}"


def plan(results: dict[str, Any]) -> str:
    """The plan for a billion pictures, from the figures of benchmarks/scale.py."""
    return str(_benchmark("scale_plan").table(_scale()))


def example(results: dict[str, Any], name: str) -> str:
    """One of the examples, which are run by tests."""
    return f"```python\n{(PROJECT / 'examples' / f'{name}.py').read_text('utf-8')}```"


def _scale() -> dict[str, Any]:
    return json.loads((PROJECT / "benchmarks" / "results" / "scale.json").read_text("utf-8"))


def rate(results: dict[str, Any], job: str, system: str) -> str:
    """The median of pictures a second."""
    return f"{median(rates(results, job, system)):,.0f}"


def ratio(results: dict[str, Any], job: str, peer: str) -> str:
    """How many times a peer's rate ours is: the median of the rounds."""
    pairs = zip(rates(results, job, "imagefeed"), rates(results, job, peer), strict=True)
    return f"{median(ours / theirs for ours, theirs in pairs):.1f}"


def figure(form: str, results: dict[str, Any], part: str, name: str) -> str:
    """A figure that benchmarks/pages.py measured."""
    return format(json.loads(PAGES.read_text("utf-8"))[part][name], form)


def parity(results: dict[str, Any], backend: str) -> str:
    """The largest difference between the loader and a backend, of all rows of the table, in levels."""
    rows = [line.strip("| \n").split(" | ") for line in PARITY.read_text("utf-8").splitlines() if line.startswith("| ")]
    column = rows[0].index(backend)
    cells = (row[column] for row in rows[1:] if len(row) == len(rows[0]))
    return f"{max(float(cell.split(' / ')[0]) for cell in cells if cell[:1].isdigit()):.2f}"


def transforms(results: dict[str, Any]) -> str:
    """The table of every transform, without its heading."""
    return TRANSFORMS.read_text("utf-8").partition("\n")[2].lstrip()


def speed(results: dict[str, Any]) -> str:
    """The whole table of a measured run, without its heading."""
    return str(_benchmark("render_tables").page(results)).partition("\n")[2].lstrip()


def table(results: dict[str, Any], name: str) -> str:
    """What another benchmark, or an example, wrote of its figures."""
    return RESULTS.with_name(f"{name}.md").read_text("utf-8").strip()


def plot(results: dict[str, Any], job: str) -> str:
    """Bars of pictures a second, as an SVG that takes the page's colors."""
    return str(_benchmark("plots").plot(results["jobs"][job]["systems"]))


def plots(results: dict[str, Any]) -> str:
    """A heading and bars for every job that has a rate."""
    found = [one for one in results["jobs"].values() if one["job"]["measure"] == "rate"]
    bars = _benchmark("plots").plot
    return "\n\n".join(f"## {one['job']['letter']}) {one['job']['short']}\n\n{bars(one['systems'])}" for one in found)


def _benchmark(name: str) -> Any:
    """A module of the benchmarks, which import each other by their bare names."""
    folder = str(PROJECT / "benchmarks")
    if folder not in sys.path:  # MkDocs puts the path back after it has loaded a hook
        sys.path.insert(0, folder)
    return import_module(name)
