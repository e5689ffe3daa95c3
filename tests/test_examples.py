"""The examples in docstrings, run as they stand there."""

import doctest
import importlib
import inspect
import io
import pkgutil
import re
import tarfile
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import imagefeed

MODULES = [
    module.name
    for module in pkgutil.walk_packages(imagefeed.__path__, "imagefeed.")
    if not module.name.endswith(("__main__", "._native"))
]


@pytest.fixture
def names(data, tmp_path) -> dict[str, object]:
    """What the examples take for granted: a photograph's bytes, and a folder of twelve of them."""
    folder = tmp_path / "photos"
    for kind in ("cats", "dogs"):
        (folder / kind).mkdir(parents=True)
        for number, file in enumerate(sorted(data(f"cats_dogs/validation/{kind}").glob("*.jpg"))[:6]):
            with Image.open(file) as image:
                image.resize((64, 48)).save(folder / kind / f"{number}.jpg")
    tiny = (folder / "cats" / "0.jpg").read_bytes()
    with Image.open(io.BytesIO(tiny)) as image:
        assert np.asarray(image).shape == (48, 64, 3)
    photos = imagefeed.folder(folder)
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        for number, (file, label) in enumerate(zip(photos.files, photos.labels, strict=True)):
            tar.add(file, f"{number:03d}.jpg")
            name = photos.classes[label].encode()
            member = tarfile.TarInfo(f"{number:03d}.cls")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name))
    return {"shard_file": tmp_path / "photos.tar", "tiny_jpeg": tiny, "photo_folder": folder, "photos": photos}


def examples(module: ModuleType) -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder().find(module) if test.examples]


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_show(module, request) -> None:
    try:
        found = examples(importlib.import_module(module))
    except ModuleNotFoundError as error:
        pytest.skip(f"{module} needs {error.name}, which is not installed")
    for test in found:
        imported = re.findall(r"^import ([\w, ]+)$", "".join(one.source for one in test.examples), re.MULTILINE)
        if not all(find_spec(name.strip()) for names in imported for name in names.split(",")):
            continue  # a framework that is not installed
        test.globs |= request.getfixturevalue("names")
        output = io.StringIO()
        doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=output.write)
        assert output.getvalue() == ""


def test_examples_are_found() -> None:
    """What a user meets first has one."""
    for thing in (imagefeed.Loader, imagefeed.folder, imagefeed.arrays, imagefeed.read, imagefeed.render):
        assert ">>> " in inspect.getdoc(thing)
        assert any(thing.__name__ in test.name for test in examples(inspect.getmodule(thing)))
