"""What a loader says of its own work, and what becomes of pictures that cannot be read."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import imagefeed as feed
from imagefeed import Loader, Pipeline

PIPELINE = Pipeline([feed.Resize((32, 32)), feed.Rescale(1 / 255)])


@pytest.fixture
def photos(tmp_path, data) -> feed.Source:
    """Forty photographs, of which three cannot be read."""
    for number, file in enumerate(sorted(data("cats_dogs/validation").rglob("*.jpg"))[:40]):
        folder = tmp_path / "photos" / ("even", "odd")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / f"{number:02}.jpg")
    for name in ("even/06", "even/28", "odd/11"):
        (tmp_path / "photos" / f"{name}.jpg").write_bytes(b"once upon a time")
    return feed.folder(tmp_path / "photos")


def good(photos: feed.Source) -> feed.Source:
    names = [Path(name).name for name in photos.names(np.arange(len(photos)))]
    return photos.subset([k for k, name in enumerate(names) if name not in ("06.jpg", "28.jpg", "11.jpg")])


def test_a_report_says_what_was_done_and_who_waited(photos) -> None:
    loader = Loader(good(photos), PIPELINE, batch_size=10)
    assert loader.report().advice == "Nothing has been loaded yet."
    list(loader)
    quick = loader.report()
    assert (quick.images, quick.batches, quick.bad) == (37, 4, 0)
    assert quick.wait_share > 0.5
    assert quick.limit in ("decode", "draw", "read", "python")
    assert "The loader limits" in quick.advice
    with feed.Watch(loader, tell=False) as watch:
        for _ in loader:
            time.sleep(0.6)
    assert watch.report.images == 37
    assert watch.report.seconds > 2.3
    assert watch.report.limit is None
    assert "The model limits" in watch.report.advice
    assert json.loads(json.dumps(quick.as_dict()))["images"] == 37
    assert "decoding JPEG" in str(quick)


def test_an_isolated_loader_reports_too(photos) -> None:
    loader = Loader(good(photos), PIPELINE, batch_size=10, isolate=True)
    list(loader)
    assert loader.report().images == 37


def test_a_trace_has_the_spans(photos, tmp_path) -> None:
    report = feed.profile(Loader(good(photos), PIPELINE, batch_size=10), tmp_path / "trace.json", batches=2)
    assert report.batches == 2
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {"wait", "fetch", "plan"} <= {event["name"] for event in events if event["ph"] == "X"}
    assert all(event["ts"] >= 0 and event["dur"] >= 0 for event in events if event["ph"] == "X")


@pytest.mark.parametrize("isolate", [False, True])
def test_bad_pictures_are_replaced(photos, tmp_path, isolate) -> None:
    batches = {}
    for batch_size in (8, 40):
        loader = Loader(
            photos, PIPELINE, batch_size=batch_size, on_error="replace", max_bad=0.1, seed=3, isolate=isolate
        )
        images, indices = [], []
        for batch in loader.batches(1):
            assert len(batch.images) == len(batch.targets) == len(batch.indices) == batch_size
            np.testing.assert_array_equal(batch.targets, photos.class_indices(batch.indices))
            images.append(batch.images)
            indices.append(batch.indices)
        batches[batch_size] = np.concatenate(images)
        taken = np.concatenate(indices)
        names = {Path(name).name for name in photos.names(taken)}
        assert names.isdisjoint({"06.jpg", "28.jpg", "11.jpg"})
        assert len(taken) == 40
        assert {Path(error.path).name for error in loader.bad} == {"06.jpg", "28.jpg", "11.jpg"}
    np.testing.assert_array_equal(batches[8], batches[40])
    loader.bad.save(tmp_path / "bad.csv")
    rows = list(csv.DictReader((tmp_path / "bad.csv").read_text().splitlines()))
    assert sorted(Path(row["path"]).name for row in rows) == ["06.jpg", "11.jpg", "28.jpg"]
    assert all("not a picture" in row["reason"] for row in rows)


def test_nothing_left_to_replace_with_is_an_error(tmp_path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.jpg").write_bytes(b"")
    loader = Loader(feed.folder(tmp_path, labels=None), PIPELINE, on_error="replace", max_bad=1.0)
    with pytest.raises(feed.SourceError, match="8 pictures tried in place of one cannot be read either"):
        list(loader)


def test_quarantine_moves_what_cannot_be_read(photos, tmp_path) -> None:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from imagefeed.cli import main; main()", "quarantine", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"},
        )

    root, to = tmp_path / "photos", tmp_path / "away"
    assert "would be moved  3 of 40" in run(root, "--to", to, "--dry-run").stdout
    assert not to.exists()
    assert run(root, "--to", root / "inside").returncode == 1
    assert "moved  3 of 40" in run(root, "--to", to).stdout
    assert (to / "even" / "06.jpg").read_bytes() == b"once upon a time"
    assert len(list(csv.DictReader((to / "quarantine.csv").read_text().splitlines()))) == 3
    assert sum(len(images) for images, _ in Loader(feed.folder(root), PIPELINE)) == 37
