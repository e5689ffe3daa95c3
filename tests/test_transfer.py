"""The figures of docs/guides/transfer-learning.md, which examples/transfer_learning.py measured."""

import json


def test_the_figures_of_the_page_are_of_all_photographs(project) -> None:
    found = json.loads((project / "benchmarks" / "results" / "transfer-learning.json").read_text())
    assert (found["train"], found["test"]) == (500, 300)
    own, rescaled = (found["rows"][name]["pretrained"] for name in ("its own", "rescale=1/255"))
    assert own > 0.96
    assert rescaled < own - 0.1
