"""How long the studio's page takes from a moved slider to new pictures, in Chromium: a part of benchmarks/pages.py."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

import imagefeed as feed
from imagefeed.studio import Studio

MOVES = 30
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-proxy-server"]
PIPELINE = feed.Pipeline(
    [
        feed.RandomResizedCrop((160, 160), scale=(0.35, 1.0)),
        feed.HorizontalFlip(),
        feed.Rotate(degrees=(-15, 15)),
        feed.ColorJitter(),
    ]
)

# From the event of the slider until the grid is another and the browser has painted it.
MOVE = """(value) => new Promise((done) => {
    const slider = document.querySelector('input[type=range][aria-label="degrees to"]');
    const start = performance.now();
    const watch = new MutationObserver(() => {
        watch.disconnect();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
    });
    watch.observe(document.getElementById("note"), {childList: true});  // it is written when the grid has been
    slider.value = value;
    slider.dispatchEvent(new Event("input", {bubbles: true}));
})"""


def studio(photos: Path) -> dict[str, Any]:
    """Milliseconds for a grid of 5 by 4 at 160 pixels: of pictures of 375x500, and of 12 megapixels."""
    result: dict[str, Any] = {"moves": MOVES}
    with tempfile.TemporaryDirectory() as scratch, chromium() as page:
        for name, size in (("small", (500, 375)), ("large", (4000, 3000))):
            folder = Path(scratch) / name
            folder.mkdir()
            for number, file in enumerate(sorted(photos.rglob("*.jpg"))[:5]):
                with Image.open(file) as picture:
                    picture.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(folder / f"{number}.jpg")
            found = moved(page, feed.folder(folder, labels=None))
            result |= {f"{name}_median": median(found), f"{name}_most": max(found)}
    return result


@contextmanager
def chromium() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        yield browser.new_page(viewport={"width": 1360, "height": 900})
        browser.close()


def moved(page: Page, source: feed.Source) -> list[float]:
    """What each of some moves of a slider takes, after one that is not counted."""
    with Studio(source, PIPELINE, title="photos") as server:
        page.goto(server.address)
        page.wait_for_function("() => document.body.dataset.drawn")
        page.get_by_role("button", name="Rotate", exact=True).click()
        taken: list[float] = []
        for move in range(MOVES + 1):
            taken.append(page.evaluate(MOVE, 20 + move))
            time.sleep(0.03)  # a hand on a slider
    return taken[1:]
