"""The studio's page in a real browser: what a person does, and that the pixels they saw are a loader's.

With IMAGEFEED_SCREENSHOTS=FOLDER the pictures for the documentation are left there.
"""

import base64
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imagefeed as feed

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("there is no Chromium on this machine: apt-get install chromium", allow_module_level=True)
for name in ("playwright", "starlette", "uvicorn", "skimage"):
    pytest.importorskip(name, reason=f"{name} is not installed: pip install 'imagefeed[test]'")

from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402

from imagefeed.cli.photographs import write_photographs  # noqa: E402
from imagefeed.studio import Studio  # noqa: E402

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-proxy-server",
]
FIRST = feed.Pipeline([feed.RandomResizedCrop((160, 160), scale=(0.35, 1.0)), feed.HorizontalFlip()])
PATIENCE = 120_000
"""Milliseconds: of a machine that does many other things. Everything waits for what happens, nothing for time."""

WIDE, PHONE = {"width": 1360, "height": 900}, {"width": 390, "height": 844}

expect.set_options(timeout=PATIENCE)

PIXELS = """({record, epoch}) => {
    const canvas = document.querySelector(`button[data-record="${record}"][data-epoch="${epoch}"] canvas`);
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return btoa(data.reduce((text, byte) => text + String.fromCharCode(byte), ""));  // a list would take seconds
}"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser") / "photos"
    write_photographs(folder)
    return folder / "whole"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def studio(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr("imagefeed.studio.app.PATIENCE", PATIENCE / 1000)
    with Studio(feed.folder(photos, labels=None), FIRST, title="photos") as studio:
        yield studio


@pytest.fixture
def page(browser: Browser, studio: Studio) -> Iterator[Page]:
    context = browser.new_context(viewport=WIDE, accept_downloads=True, color_scheme="light")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(studio.address)
    drawn(page, 0)
    yield page
    context.close()
    # A step that cannot be is answered by 422, which the browser's console mentions.
    assert [one for one in complaints if "422" not in one] == []


def drawn(page: Page, before: int) -> int:
    """Wait until the page has drawn since, and say how often it has."""
    page.wait_for_function("before => Number(document.body.dataset.drawn ?? 0) > before", arg=before, timeout=PATIENCE)
    return int(page.evaluate("document.body.dataset.drawn"))


def count(page: Page) -> int:
    return int(page.evaluate("document.body.dataset.drawn"))


def pixels(page: Page, record: int, epoch: int) -> np.ndarray:
    text = page.evaluate(PIXELS, {"record": record, "epoch": epoch})
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(160, 160, 4)[..., :3]


def records(page: Page) -> list[int]:
    found = page.evaluate("[...document.querySelectorAll('button.cell')].map(one => Number(one.dataset.record))")
    return sorted(set(found))


def shot(page: Page, name: str) -> None:
    folder = os.environ.get("IMAGEFEED_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.wait_for_function("() => [...document.images].every(one => one.complete)")
        page.screenshot(path=Path(folder) / f"{name}.png")


def add_rotation(page: Page) -> None:
    before = count(page)
    page.get_by_label("Add a step").select_option("Rotate")
    drawn(page, before)


def set_slider(page: Page, label: str, value: float) -> None:
    before = count(page)
    slider = page.get_by_role("slider", name=label, exact=True)
    slider.evaluate(
        "(one, value) => { one.value = value; one.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )
    drawn(page, before)


def test_a_person_tunes_exports_and_trains_with_the_pixels_they_saw(
    page: Page, studio: Studio, photos: Path, tmp_path: Path
) -> None:
    shown = records(page)
    before = pixels(page, shown[0], 0)
    add_rotation(page)
    rotated = pixels(page, shown[0], 0)
    assert not np.array_equal(before, rotated)
    set_slider(page, "degrees from", -90)
    set_slider(page, "degrees to", -60)
    slid = pixels(page, shown[0], 0)
    assert not np.array_equal(rotated, slid)
    begun = count(page)
    page.get_by_role("button", name="Next seed").click()
    drawn(page, begun)
    shot(page, "studio-light")

    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save safetensors").click()
    waiting.value.save_as(tmp_path / "pipeline.safetensors")
    pipeline = feed.Pipeline.load(tmp_path / "pipeline.safetensors")
    assert pipeline == feed.Pipeline([*FIRST, feed.Rotate(degrees=(-90, -60))])
    loader = feed.Loader(feed.folder(photos, labels=None), pipeline, seed=1)
    for record in shown:
        for epoch in range(4):
            assert np.array_equal(pixels(page, record, epoch), loader.replay(epoch, record))

    page.get_by_role("button", name="Copy as Python").click()
    code = page.locator("#code")
    expect(code).to_contain_text("pipeline = Pipeline(")
    names: dict[str, Any] = {}
    exec(code.text_content() or "", names)
    assert names["pipeline"] == pipeline

    page.reload()
    drawn(page, 0)
    assert np.array_equal(pixels(page, shown[0], 2), loader.replay(2, shown[0]))
    expect(page.get_by_label("Seed", exact=True)).to_have_value("1")
    expect(page.locator("#steps > li")).to_have_count(3)


def test_a_saved_file_is_opened_again(page: Page, tmp_path: Path) -> None:
    feed.Pipeline([feed.Resize((160, 160)), feed.Brightness(factor=(0.1, 0.2))]).save(tmp_path / "p.safetensors")
    before = count(page)
    page.locator("#file").set_input_files(tmp_path / "p.safetensors")
    drawn(page, before)
    expect(page.locator("#steps > li")).to_have_count(2)
    assert pixels(page, records(page)[0], 0).mean() < 60


def test_by_keyboard_alone(page: Page) -> None:
    """A step is added, moved, switched off and removed without a pointer; every control has a name."""
    add_rotation(page)
    before = count(page)
    page.get_by_role("button", name="Move Rotate up").focus()
    page.keyboard.press("Enter")
    before = drawn(page, before)
    names = page.locator("#steps > li .name").all_text_contents()
    assert names == ["RandomResizedCrop", "Rotate", "HorizontalFlip"]
    page.get_by_label("Rotate is on").focus()
    page.keyboard.press("Space")
    before = drawn(page, before)
    assert page.locator("#steps > li.off").count() == 1
    page.get_by_role("button", name="Remove Rotate").focus()
    page.keyboard.press("Enter")
    drawn(page, before)
    assert page.evaluate("document.activeElement.id") == "add"
    unnamed = page.evaluate(
        """[...document.querySelectorAll("button, input, select, canvas, img")].filter(one =>
            !one.hidden && !one.closest("dialog, [hidden], [aria-hidden=true]") && !one.ariaHidden
            && !(one.ariaLabel || one.alt || one.labels?.length || one.textContent.trim())).map(one => one.outerHTML)"""
    )
    assert unnamed == []


def test_a_step_is_dragged(page: Page) -> None:
    before = count(page)
    steps = page.locator("#steps > li")
    steps.nth(1).locator(".handle").drag_to(steps.first)
    drawn(page, before)
    assert page.locator("#steps > li .name").all_text_contents() == ["HorizontalFlip", "RandomResizedCrop"]


def test_a_picture_is_explained(page: Page) -> None:
    page.get_by_role("button", name="pagoda.jpg, draw 1").click()
    expect(page.locator("#plan")).to_contain_text("steps[0] RandomResizedCrop")
    shot(page, "studio-detail")
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()


def test_masks_boxes_and_points_are_drawn_over(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cat whose head, eyes and outline are marked: they turn with her, and can be hidden."""
    from skimage import data  # Chelsea the cat, by Stefan van der Walt, CC0

    cat = np.asarray(data.chelsea())
    rows, columns = np.ogrid[: cat.shape[0], : cat.shape[1]]
    head = ((columns - 255) / 165) ** 2 + ((rows - 140) / 130) ** 2 < 1
    targets = {
        "mask": feed.Mask(head.astype(np.uint8)[None]),
        "boxes": feed.Boxes([[[90, 10, 420, 270]]], labels=[[0]]),
        "points": feed.Keypoints([[[166, 113, 2], [330, 113, 2], [268, 238, 2]]]),
    }
    source = feed.arrays(cat[None], targets, classes=("head",))
    steps = feed.Pipeline([feed.Rotate(degrees=(-40, 40)), feed.RandomResizedCrop((160, 160), scale=(0.5, 1.0))])
    monkeypatch.setattr("imagefeed.studio.app.PATIENCE", PATIENCE / 1000)
    with (
        Studio(source, steps, title="cat") as studio,
        browser.new_context(viewport={"width": 1360, "height": 460}) as context,
    ):
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(studio.address)
        drawn(page, 0)
        assert page.locator(".cell canvas.marks").count() == 4
        inked = page.evaluate(
            """[...document.querySelectorAll(".cell canvas.marks")].map(one => one.getContext("2d")
                .getImageData(0, 0, one.width, one.height).data.filter((ink, k) => k % 4 === 3 && ink > 0).length)"""
        )
        assert all(5_000 < one < 320 * 320 for one in inked)
        shot(page, "studio-targets")
        page.locator("button.cell").nth(1).click()
        assert page.locator("#detail-stack canvas.marks").count() == 1
        page.keyboard.press("Escape")
        page.get_by_label("Boxes, masks").uncheck()
        assert page.locator(".cell canvas.marks").count() == 0


def test_levels_and_times(page: Page) -> None:
    before = count(page)
    page.get_by_label("Add a step").select_option("Normalize")
    drawn(page, before)
    page.locator("#measures summary").click()
    expect(page.locator("#measured table")).to_have_count(3)
    expect(page.locator("#measured")).to_contain_text("RandomResizedCrop")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.locator("#measures").scroll_into_view_if_needed()
    shot(page, "studio-levels")


def test_a_mistake_is_told_beside_its_step(page: Page) -> None:
    page.get_by_label("Add a step").select_option("Normalize")
    expect(page.locator("#steps > li")).to_have_count(3)
    page.get_by_role("button", name="Move Normalize up").click()
    expect(page.get_by_role("alert")).to_contain_text("works on levels from 0 to 255")
    expect(page.locator("#steps > li.wrong .name")).to_have_text("HorizontalFlip")


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "dark"), (PHONE, "light"), (PHONE, "dark")])
def test_it_fits_windows_of_any_width(browser: Browser, studio: Studio, size: Any, scheme: Any) -> None:
    context = browser.new_context(viewport=size, color_scheme=scheme)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(studio.address)
    drawn(page, 0)
    add_rotation(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(20, 23, 27)"
    assert dark == (scheme == "dark")
    shot(page, f"studio-{'phone' if size is PHONE else 'wide'}-{scheme}")
    context.close()
