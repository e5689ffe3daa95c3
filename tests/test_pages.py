"""The Python of the pages about sources, statistics, presets and saving, run as it stands there."""

import re

import numpy as np
import pytest
from PIL import Image


@pytest.mark.parametrize("page", ["sources", "statistics", "presets", "saving"])
def test_the_code_of_a_page_runs(page, project, tmp_path, monkeypatch, data, capsys) -> None:
    for needed in ("pandas", "torch", "jax") if page == "sources" else ():
        pytest.importorskip(needed)
    monkeypatch.chdir(tmp_path)
    for kind in ("cats", "dogs"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for number, file in enumerate(sorted(data(f"cats_dogs/validation/{kind}").glob("*.jpg"))[:12]):
            with Image.open(file) as image:
                image.resize((64, 48)).save(tmp_path / "photos" / kind / f"{number}.jpg")
    text = (project / "docs" / f"{page}.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert blocks
    names: dict[str, object] = {"np": np}
    for block in blocks:
        exec(compile(block, f"docs/{page}.md", "exec"), names)
    printed = capsys.readouterr().out
    # What a comment after a print says is what is printed.
    for shown in re.findall(r"print\(.*?\) +# (.*)", text):
        assert shown in printed
