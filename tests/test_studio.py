"""The studio's server: what it draws, what it gives away, and whom it answers."""

import http.client
import json
import logging
import signal
import struct
import subprocess
import sys
import threading
import time
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

import imagefeed as feed
from imagefeed import transforms
from imagefeed.targets import Boxes, Keypoints, Mask

pytest.importorskip("starlette", reason="the studio needs starlette: pip install 'imagefeed[studio]'")
pytest.importorskip("uvicorn", reason="the studio needs uvicorn: pip install 'imagefeed[studio]'")

from imagefeed.studio import Studio, export
from imagefeed.studio.catalog import catalog
from imagefeed.studio.drawing import Painter
from imagefeed.studio.work import Arrays, Work
from imagefeed.waiting import StoppedError

TUNED = feed.Pipeline(
    [
        feed.RandomResizedCrop((96, 96), scale=(0.3, 1.0)),
        feed.HorizontalFlip(),
        feed.Rotate(degrees=(-20, 20)),
        feed.Brightness(factor=(0.7, 1.3)),
        feed.Normalize.preset("imagenet"),
    ]
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of smooth pictures; one with script in its name, one that cannot be read."""
    root = tmp_path_factory.mktemp("studio") / "photos"
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (root / name).mkdir(parents=True)
        for k in range(4):
            small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
            small.resize((200 + 10 * k, 150), Image.Resampling.BICUBIC).save(root / name / f"{k}.jpg", quality=90)
    (root / "dogs" / "3.jpg").rename(root / "dogs" / "3<script>alert(1)<.jpg")
    (root / "dogs" / "9.jpg").write_bytes(b"\xff\xd8 no picture")
    return root


@dataclass
class Client:
    """Asks as a browser's page does, unless told otherwise."""

    studio: Studio

    def ask(
        self, method: str, path: str, *, body: bytes | None = None, **headers: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        host = self.studio.hosts[0]
        given: dict[str, str | None] = {
            "host": host,
            "cookie": f"imagefeed_{self.studio.port}={self.studio.token}",
        }
        if method == "POST":
            given |= {"origin": f"http://{host}", "content-type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.studio.port, timeout=30)
        if given["host"] is None:  # a request of HTTP/1.1 without one gets no further than the library that reads it
            vars(connection).update(_http_vsn=10, _http_vsn_str="HTTP/1.0")
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None and "content-length" not in given:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def post(self, path: str, content: object) -> tuple[int, bytes]:
        status, _, body = self.ask("POST", path, body=json.dumps(content).encode())
        return status, body

    def work(self, pipeline: feed.Pipeline, **other: object) -> dict[str, typing.Any]:
        steps = self.studio.page.arrays.steps(pipeline)
        made = Work(steps=tuple(steps), on=(True,) * len(steps), records=(1, 5), seed=7, epoch=2, draws=3)
        return made.plain() | other


@pytest.fixture(scope="module")
def client(photos: Path) -> Iterator[Client]:
    with Studio(feed.folder(photos), TUNED, title="photos") as studio:
        yield Client(studio)


def unpacked(body: bytes) -> tuple[dict[str, typing.Any], list[np.ndarray]]:
    (length,) = struct.unpack_from("<I", body)
    header = json.loads(body[4 : 4 + length])
    pixels = memoryview(body)[4 + length :]
    pictures = []
    for cell in header["cells"]:
        if not cell["error"]:
            shape = cell["height"], cell["width"], 4
            pictures.append(np.frombuffer(pixels, np.uint8, int(np.prod(shape)), cell["at"]).reshape(shape))
    return header, pictures


# ------------------------------------------------------------------------------------------------ drawing


def test_the_grid_has_a_loaders_own_pixels(client: Client, photos: Path) -> None:
    status, body = client.post("/api/draw", client.work(TUNED))
    assert status == 200
    header, pictures = unpacked(body)
    assert header["exact"]
    assert [(cell["record"], cell["epoch"]) for cell in header["cells"]] == [(r, e) for r in (1, 5) for e in (2, 3, 4)]
    loader = feed.Loader(feed.folder(photos), feed.Pipeline(TUNED.steps[:-1]), seed=7)
    whole = feed.Loader(feed.folder(photos), TUNED, seed=7)
    for cell, picture in zip(header["cells"], pictures, strict=True):
        expected, _ = loader.replay(cell["epoch"], cell["record"])
        assert np.array_equal(picture[..., :3], expected)
        units, _ = whole.replay(cell["epoch"], cell["record"])
        levels = units * np.array(TUNED.steps[-1].std) + np.array(TUNED.steps[-1].mean)
        assert np.abs(levels - expected).max() <= 0.51
    assert header["cells"][0]["words"] == ["cats"]
    assert header["cells"][-1]["words"] == ["dogs"]


def test_pictures_may_be_of_several_sizes(client: Client, photos: Path) -> None:
    pipeline = feed.Pipeline([feed.Rotate(degrees=(5, 9))])
    status, body = client.post("/api/draw", client.work(pipeline, records=[0, 2], epoch=0, draws=1, seed=3))
    header, pictures = unpacked(body)
    assert status == 200
    assert (header["exact"], header["several"]) == (True, True)
    for record, picture in zip((0, 2), pictures, strict=True):
        alone = feed.Loader(feed.folder(photos).subset([record]), pipeline, seed=3)
        assert picture.shape[:2] == alone.replay(0, 0)[0].shape[:2]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two smooth pictures of 800x1200."""
    root = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(1)
    for k in range(2):
        small = Image.fromarray(rng.integers(0, 256, (8, 12, 3), np.uint8))
        small.resize((1200, 800), Image.Resampling.BICUBIC).save(root / f"{k}.jpg", quality=95)
    return root


def test_what_is_large_is_shown_smaller(large: Path) -> None:
    with Studio(feed.folder(large, labels=None), feed.Pipeline([])) as studio:
        client = Client(studio)
        status, body = client.post("/api/draw", client.work(feed.Pipeline([feed.Rotate(degrees=(5, 9))]), records=[1]))
    header, pictures = unpacked(body)
    assert status == 200
    assert not header["exact"]
    assert {picture.shape for picture in pictures} == {(107, 160, 4)}


@pytest.mark.parametrize(
    "first",
    [feed.RandomResizedCrop((96, 96)), feed.Resize((96, 96)), feed.RandomCrop((96, 96)), feed.Rotate(degrees=(1, 9))],
)
def test_quick_pictures_are_nearly_the_loaders(
    large: Path, first: feed.Transform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are made from copies, for which the files are decoded once; and are the same views."""
    with Studio(feed.folder(large, labels=None), feed.Pipeline([])) as studio:
        client = Client(studio)
        work = client.work(feed.Pipeline([first, feed.HorizontalFlip()]), records=[0, 1])
        exact, expected = unpacked(client.post("/api/draw", work)[1])
        quick, found = unpacked(client.post("/api/draw?quick=1", work)[1])
        monkeypatch.delattr("imagefeed.reading.Reading.begin")  # no file is read any more
        again = unpacked(client.post("/api/draw?quick=1", work)[1])[1]
    assert not quick["exact"]
    assert [cell["epoch"] for cell in quick["cells"]] == [cell["epoch"] for cell in exact["cells"]]
    for one, two, three in zip(expected, found, again, strict=True):
        assert one.shape == two.shape
        assert np.abs(one.astype(float) - two).mean() < 3
        assert np.array_equal(two, three)


def test_a_newer_drawing_ends_the_one_under_way(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    began = threading.Event()
    draw = Painter.draw

    def slow(self: Painter, pipeline: feed.Pipeline, **given: typing.Any) -> typing.Any:
        if given["seed"] == 1:
            began.set()
            assert given["stopped"].wait(20)
            raise StoppedError
        return draw(self, pipeline, **given)

    monkeypatch.setattr(Painter, "draw", slow)
    answers: list[int] = []
    first = threading.Thread(target=lambda: answers.append(client.post("/api/draw", client.work(TUNED, seed=1))[0]))
    first.start()
    assert began.wait(20)
    assert client.post("/api/draw", client.work(TUNED, seed=2))[0] == 200
    first.join(20)
    assert answers == [409]


def test_a_picture_that_cannot_be_read_says_why(client: Client) -> None:
    status, body = client.post("/api/draw", client.work(TUNED, records=[8, 1], draws=1))
    header, pictures = unpacked(body)
    assert status == 200
    assert [bool(cell["error"]) for cell in header["cells"]] == [True, False]
    assert len(pictures) == 1


def test_a_step_that_is_switched_off_is_not_there(client: Client) -> None:
    _, without = client.post("/api/draw", client.work(feed.Pipeline([TUNED.steps[0], TUNED.steps[2]])))
    off = client.work(feed.Pipeline(TUNED.steps[:3]), on=[True, False, True])
    _, switched = client.post("/api/draw", off)
    for first, second in zip(unpacked(without)[1], unpacked(switched)[1], strict=True):
        assert np.array_equal(first, second)


def test_an_error_names_the_step_as_the_page_numbers_it(client: Client) -> None:
    work = client.work(feed.Pipeline(TUNED.steps[:4]), on=[True, False, True, True])
    work["steps"][3]["factor"] = [3, 1]
    status, body = client.post("/api/draw", work)
    assert status == 422
    assert json.loads(body) == {
        "error": "steps[3].Brightness.factor: got (3, 1); low must not exceed high",
        "step": 3,
    }


def test_targets_come_with_the_pictures() -> None:
    images = np.zeros((2, 40, 60, 3), np.uint8)
    masks = np.zeros((2, 40, 60), np.uint8)
    masks[:, 10:20, 30:50] = 3
    targets = {
        "boxes": Boxes([[[30, 10, 50, 20]], []], labels=[[1], []]),
        "points": Keypoints([[[30, 10, 2], [0, 0, 0]], [[5, 6, 1], [7, 8, 2]]]),
        "mask": Mask(masks),
    }
    source = feed.arrays(images, targets, classes=("a", "b"))
    with Studio(source, feed.Pipeline([feed.HorizontalFlip(probability=1.0)])) as studio:
        client = Client(studio)
        work = client.work(feed.Pipeline([feed.HorizontalFlip(probability=1.0)]), records=[0, 1], draws=1)
        status, _, body = client.ask("POST", "/api/draw", body=json.dumps(work).encode())
    assert status == 200
    header, _ = unpacked(body)
    first, second = header["cells"]
    assert first["boxes"] == [[10, 10, 30, 20]]
    assert first["names"] == ["b"]
    assert first["points"] == [[30, 10]]
    assert second["boxes"] == []
    assert second["points"] == [[55, 6], [53, 8]]
    (length,) = struct.unpack_from("<I", body)
    mask = np.frombuffer(body, np.uint8, 40 * 60, 4 + length + first["mask"]).reshape(40, 60)
    assert np.array_equal(mask, masks[0][:, ::-1])


def test_drawing_is_quick(client: Client) -> None:
    """5 by 4 pictures at 160 pixels in 100 ms; three times that on a machine that does other things too."""
    work = client.work(TUNED, records=[0, 1, 2, 3, 4], draws=4)
    taken = []
    for seed in range(8):
        start = time.perf_counter()
        status, _ = client.post("/api/draw", work | {"seed": seed})
        taken.append(time.perf_counter() - start)
        assert status == 200
    assert min(taken) < 0.3


# ------------------------------------------------------------------------------------------------ the rest


def test_every_transform_can_be_added(client: Client) -> None:
    entries = {entry["type"]: entry for entry in catalog()}
    assert set(transforms.__all__) - set(entries) <= {"Apply", "Drawn", "Transform", "Whiten"}
    for entry in entries.values():
        pipeline = Arrays().pipeline(Work(steps=(entry["starter"],), on=(True,)))
        assert type(pipeline.steps[0]).__name__ == entry["type"]
        for field in entry["fields"]:
            assert field["doc"], f"{entry['type']}.{field['name']} has no words"
            if "low" in field:
                assert field["low"] < field["high"]
                assert field["step"] > 0


def test_limits_are_those_that_the_class_checks() -> None:
    fields = {
        (entry["type"], field["name"]): (field.get("least"), field.get("most"))
        for entry in catalog()
        for field in entry["fields"]
    }
    assert fields["Rotate", "degrees"] == (-360, 360)
    assert fields["Perspective", "strength"] == (0, 0.45)
    assert fields["Brightness", "factor"] == (0, None)
    assert fields["HorizontalFlip", "probability"] == (0, 1)


def test_exports_give_the_pipeline_again(client: Client, tmp_path: Path) -> None:
    work = client.work(TUNED)
    _, python = client.post("/api/export/python", work)
    names: dict[str, typing.Any] = {}
    exec(python.decode(), names)
    assert names["pipeline"] == TUNED
    _, text = client.post("/api/export/json", work)
    assert export.from_bytes(text) == TUNED
    _, file = client.post("/api/export/safetensors", work)
    (tmp_path / "p.safetensors").write_bytes(file)
    assert feed.Pipeline.load(tmp_path / "p.safetensors") == TUNED


def test_a_file_with_arrays_can_be_opened_drawn_and_saved(client: Client, photos: Path, tmp_path: Path) -> None:
    steps = [feed.Resize((32, 32))]
    statistics = feed.Statistics.fit(feed.folder(photos).take(4), feed.Pipeline(steps))
    pipeline = feed.Pipeline([*steps, feed.Normalize(statistics)])
    pipeline.save(tmp_path / "p.safetensors")
    data = (tmp_path / "p.safetensors").read_bytes()
    status, _, body = client.ask("POST", "/api/open", body=data, content_type="application/octet-stream")
    assert status == 200
    opened = json.loads(body)
    work = client.work(TUNED) | {"steps": opened["steps"], "on": [True, True]}
    assert client.post("/api/draw", work)[0] == 200
    _, saved = client.post("/api/export/safetensors", work)
    (tmp_path / "again.safetensors").write_bytes(saved)
    again = feed.Pipeline.load(tmp_path / "again.safetensors")
    assert np.array_equal(again.steps[1].statistics.mean, statistics.mean)
    assert client.post("/api/export/json", work)[0] == 422


def test_a_reload_finds_the_work(client: Client) -> None:
    work = client.work(feed.Pipeline([feed.Resize((48, 48))]), seed=99)
    assert client.post("/api/draw", work)[0] == 200
    begun = json.loads(client.ask("GET", "/api/begin")[2])
    assert begun["work"] == json.loads(json.dumps(work))
    assert begun["count"] == 9


def test_ctrl_c_prints_the_pipeline(photos: Path) -> None:
    # What runs in the background of a shell would ignore it.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heed}; from imagefeed.cli import main; main()"
    words = [sys.executable, "-c", code, "studio", str(photos), "--no-browser"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = urlsplit(process.stderr.readline().strip())
        connection = http.client.HTTPConnection(address.netloc, timeout=120)
        connection.request("GET", f"/?{address.query}")  # it answers, so that Ctrl-C finds it serving
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(signal.SIGINT)
        printed, problems = process.communicate(timeout=120)
    assert process.returncode == 0, problems
    names: dict[str, typing.Any] = {}
    exec(printed, names)
    assert isinstance(names["pipeline"], feed.Pipeline)


def test_explaining_names_no_folder(client: Client, photos: Path) -> None:
    status, body = client.post("/api/explain", client.work(TUNED))
    text = json.loads(body)["text"]
    assert status == 200
    assert "steps[2] Rotate(degrees=(-20, 20)): degrees" in text
    assert str(photos) not in text


def test_measuring(client: Client) -> None:
    status, body = client.post("/api/measure", client.work(TUNED))
    found = json.loads(body)
    assert status == 200
    before, after = found["before"]["channels"][0], found["after"]["channels"][0]
    mean, std = TUNED.steps[-1].mean[0], TUNED.steps[-1].std[0]
    assert after["mean"] == pytest.approx((before["mean"] - mean) / std, abs=1e-3)
    assert after["std"] == pytest.approx(before["std"] / std, rel=1e-3)
    assert sum(before["counts"]) == 2 * 96 * 96
    assert [cost["name"] for cost in found["costs"]][:2] == ["read, decode", "RandomResizedCrop"]


def test_originals_come_by_their_place(client: Client) -> None:
    import io

    status, headers, body = client.ask("GET", "/api/picture/3?size=320")
    assert status == 200
    assert headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(body)) as image:
        assert image.size == (230, 150)


def test_the_page_and_its_files(client: Client) -> None:
    status, headers, body = client.ask("GET", f"/?token={client.studio.token}", cookie=None)
    assert status == 200
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=Strict" in headers["set-cookie"]
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "access-control-allow-origin" not in headers
    text = body.decode()
    assert "<script>" not in text
    assert " style=" not in text
    for name in ("studio.css", "studio.js"):
        assert f"/static/{name}" in text
        assert client.ask("GET", f"/static/{name}")[0] == 200


# ------------------------------------------------------------------------------------------------ hostility

DEEP = b"[" * 100_000
Hostile = tuple[str, str, dict[str, str | None], bytes | None, tuple[int, ...]]
LONG = "x" * 5000


def hostile() -> dict[str, Hostile]:
    step = {"type": "Subprocess", "command": "true"}
    function = {"type": "Apply", "function": {"function": "system"}, "random": False}

    def work(**other: object) -> bytes:
        return json.dumps(Work(records=(0,)).plain() | other).encode()

    none: dict[str, str | None] = {}
    return {
        "rebinding: another host": ("GET", "/", {"host": "evil.example:80"}, None, (421,)),
        "rebinding: this address without its port": ("GET", "/", {"host": "127.0.0.1"}, None, (421,)),
        "no host": ("GET", "/", {"host": None}, None, (421,)),
        "a foreign origin": ("POST", "/api/draw", {"origin": "http://evil.example"}, work(), (403,)),
        "a null origin": ("POST", "/api/draw", {"origin": "null"}, work(), (403,)),
        "no origin": ("POST", "/api/draw", {"origin": None}, work(), (403,)),
        "the origin of another port": ("GET", "/api/begin", {"origin": "http://127.0.0.1:1"}, None, (403,)),
        "embedded by another page": ("GET", "/api/picture/0", {"sec_fetch_site": "same-site"}, None, (403,)),
        "asked by another site": ("GET", "/api/begin", {"sec_fetch_site": "cross-site"}, None, (403,)),
        "no token": ("GET", "/api/begin", {"cookie": None}, None, (401,)),
        "a wrong token": ("GET", "/?token=guess", {"cookie": None}, None, (401,)),
        "a wrong bearer": ("GET", "/api/begin", {"cookie": None, "authorization": "Bearer x"}, None, (401,)),
        "a path for an id": ("GET", "/api/picture/..%2F..%2Fetc%2Fpasswd", none, None, (404,)),
        "a path in the address": ("GET", "/static/../../../../etc/passwd", none, None, (404,)),
        "an encoded path": ("GET", "/static/%2e%2e%2fapp.py", none, None, (404,)),
        "an id that is not there": ("GET", "/api/picture/99999", none, None, (404,)),
        "a negative id": ("GET", "/api/picture/-1", none, None, (404,)),
        "a long address": ("GET", "/static/" + LONG, none, None, (414,)),
        "an oversize body": ("POST", "/api/draw", none, b" " * (1 << 20) + b"{}", (413,)),
        "an announced oversize body": ("POST", "/api/draw", {"content-length": str(1 << 40)}, b"{}", (413,)),
        "a form": ("POST", "/api/draw", {"content_type": "text/plain"}, work(), (415,)),
        "no JSON": ("POST", "/api/draw", none, b"{", (400,)),
        "nested without end": ("POST", "/api/draw", none, DEEP, (400,)),
        "an unknown step": ("POST", "/api/draw", none, work(steps=[step], on=[True]), (422,)),
        "a function by its name": ("POST", "/api/draw", none, work(steps=[function], on=[True]), (422,)),
        "records that are not there": ("POST", "/api/draw", none, work(records=[10**6]), (422,)),
        "pictures without number": ("POST", "/api/draw", none, work(draws=10**9), (422,)),
        "a pickle for a pipeline": (
            "POST",
            "/api/open",
            {"content_type": "application/octet-stream"},
            b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x94.",
            (422,),
        ),
        "another method": ("DELETE", "/api/begin", none, None, (405,)),
        "asking leave": ("OPTIONS", "/api/draw", {"origin": "http://evil.example"}, None, (403, 405)),
    }


LOGGED_ELSEWHERE = {"a function by its name", "a pickle for a pipeline"}


@pytest.mark.parametrize("name", hostile())
def test_hostile_requests_are_refused_and_logged(client: Client, name: str, caplog: pytest.LogCaptureFixture) -> None:
    method, path, headers, body, statuses = hostile()[name]
    before = client.studio.page.work
    with caplog.at_level(logging.INFO, "imagefeed.studio"):
        status, answered, content = client.ask(method, path, body=body, **headers)
    assert status in statuses
    assert "access-control-allow-origin" not in answered
    assert b"root:" not in content
    assert client.studio.token.encode() not in content
    assert client.studio.token not in caplog.text
    assert client.studio.page.work is before
    if name not in LOGGED_ELSEWHERE:
        assert "refused" in caplog.text


def test_names_are_sent_as_text_only(client: Client) -> None:
    """A file name is data in JSON, and of no type that a browser would run."""
    status, headers, body = client.ask(
        "POST", "/api/draw", body=json.dumps(client.work(TUNED, records=[7], draws=1)).encode()
    )
    assert status == 200
    assert headers["content-type"] == "application/octet-stream"
    assert unpacked(body)[0]["names"] == ["3<script>alert(1)<.jpg"]


def test_a_picture_too_large_for_the_page_is_refused(client: Client) -> None:
    status, body = client.post("/api/draw", client.work(feed.Pipeline([feed.Resize((20_000, 20_000))])))
    assert status == 422
    assert "at most" in json.loads(body)["error"]
