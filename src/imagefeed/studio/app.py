"""The requests that there are."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from imagefeed.errors import ImagefeedError, SpecError
from imagefeed.loader import Loader
from imagefeed.pipeline import Pipeline
from imagefeed.presets import PRESETS
from imagefeed.sources import Source
from imagefeed.studio import export
from imagefeed.studio.catalog import catalog
from imagefeed.studio.drawing import MOST_PIXELS, Painter, check_shown, packed
from imagefeed.studio.guard import App, Guard, Refusal, note
from imagefeed.studio.measuring import measure
from imagefeed.studio.work import Arrays, Work, records_of, step_of
from imagefeed.waiting import StoppedError

T = TypeVar("T")

MOST_TEXT = 1 << 20
"""Bytes of a request but for those that bring a file."""

MOST_FILE = 48 << 20
PATIENCE = 20.0
"""Seconds after which a request is given up."""

STATIC = Path(__file__).parent / "static"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class RefusedError(Exception):
    """A request is answered by a reason instead."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.refusal = Refusal(status, reason)


class OutdatedError(Exception):
    """A newer request has taken the place of this one."""


class Page:
    """What is behind the page: a source, and what is being made of it.

    Args:
        source: The person's pictures.
        pipeline: What the page begins with.
        title: What stands above.
    """

    def __init__(self, source: Source, pipeline: Pipeline, title: str) -> None:
        self.source = source
        self.title = title
        self._painter = Painter(source)
        self._drawing = threading.Event()  # set to end the drawing under way
        self.arrays = Arrays()
        self._files = {
            file.name: (file.read_bytes(), _TYPES[file.suffix])
            for file in STATIC.iterdir()
            if file.suffix in _TYPES  # and nothing else, whatever else comes to lie there
        }
        steps = self.arrays.steps(pipeline)
        rows = min(5, len(source))
        spread = tuple(int((k + 0.5) * len(source) / rows) for k in range(rows))
        self.work = Work(steps=tuple(steps), on=(True,) * len(steps), training=pipeline.training, records=spread)

    @property
    def pipeline(self) -> Pipeline:
        """What stands on the page."""
        return self.arrays.pipeline(self.work)

    # ---------------------------------------------------------------------------------------------- requests

    async def front(self, request: Request) -> Response:
        return self._file("index.html")

    async def file(self, request: Request) -> Response:
        return self._file(request.path_params["name"])

    async def begin(self, request: Request) -> Response:
        """All that the page needs to know before the first picture."""
        return JSONResponse(
            {
                "title": self.title,
                "count": len(self.source),
                "classes": list(self.source.classes),
                "catalog": await asyncio.to_thread(catalog),
                "presets": {name: line._asdict() for name, line in sorted(PRESETS.items())},
                "work": self.work.plain(),
            }
        )

    async def draw(self, request: Request) -> Response:
        """The grid; it also becomes what a reload of the page finds. A newer request ends one that is under way."""
        work, pipeline = await self._asked(request)
        check_shown(pipeline)
        quick = request.query_params.get("quick") == "1"

        def make(stopped: threading.Event) -> bytes:
            epochs = range(work.epoch, work.epoch + work.draws)
            drawing = self._painter.draw(
                pipeline,
                seed=work.seed,
                records=work.records,
                epochs=epochs,
                size=work.size,
                stopped=stopped,
                quick=quick,
            )
            names = [name.replace("\\", "/").rsplit("/", 1)[-1] for name in self._names(work)]
            return packed(drawing, {"names": names})

        self.work = work
        return Response(await self._latest(make), media_type="application/octet-stream")

    async def explain(self, request: Request) -> Response:
        """What is done to the first of the records in the first draw, in words."""
        work, pipeline = await self._asked(request)

        def make(stopped: threading.Event) -> str:
            loader = Loader(self.source, pipeline, seed=work.seed, threads=1, max_pixels=MOST_PIXELS)
            return loader.explain(work.records[0], epoch=work.epoch)

        text = await _limited(make)
        where = self._names(work)[0]
        return JSONResponse({"text": text.replace(where, where.replace("\\", "/").rsplit("/", 1)[-1])})

    async def measure(self, request: Request) -> Response:
        """Histograms, and what each step costs."""
        work, pipeline = await self._asked(request)
        check_shown(pipeline)
        work = replace(work, records=work.records[:8])
        make = partial(measure, self._painter, pipeline, seed=work.seed, records=work.records, epoch=work.epoch)
        return JSONResponse(await _limited(lambda stopped: make(stopped=stopped)))

    async def export(self, request: Request) -> Response:
        """The pipeline as text or as a file."""
        _, pipeline = await self._asked(request)
        kind = request.path_params["kind"]
        if kind == "python":
            return Response(export.as_python(pipeline), media_type="text/plain")
        if kind in ("json", "safetensors"):
            return Response(export.as_file(pipeline, f".{kind}"), media_type="application/octet-stream")
        raise RefusedError(404, "there is no such form; expected python, json or safetensors")

    async def open(self, request: Request) -> Response:
        """The steps in a file that the page sends."""
        _is(request, "application/octet-stream")
        pipeline = export.from_bytes(await _body(request, MOST_FILE))
        steps = self.arrays.steps(pipeline)
        return JSONResponse({"steps": steps, "training": pipeline.training})

    async def picture(self, request: Request) -> Response:
        """A picture as it is stored, by its place in the source."""
        text: str = request.path_params["id"]
        if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) < len(self.source)):
            raise RefusedError(404, "there is no such picture")
        size = request.query_params.get("size", "320")
        side = int(size) if size in ("320", "1024") else 320
        return Response(await _limited(lambda stopped: self._painter.original(int(text), side)), media_type="image/png")

    # ---------------------------------------------------------------------------------------------- parts

    def _file(self, name: str) -> Response:
        found = self._files.get(name)
        if found is None:
            raise RefusedError(404, "there is no such file")
        return Response(found[0], media_type=found[1])

    async def _latest(self, work: Callable[[threading.Event], T]) -> T:
        """Draw, unless something newer is to be drawn meanwhile."""
        self._drawing.set()
        mine = self._drawing = threading.Event()
        try:
            return await _limited(work, mine)
        except RefusedError:
            if self._drawing is not mine:
                raise OutdatedError from None
            raise

    def _names(self, work: Work) -> list[str]:
        return self.source.names(records_of(work.records))

    async def _asked(self, request: Request) -> tuple[Work, Pipeline]:
        """The work that a request brings, and its pipeline."""
        _is(request, "application/json")
        body = await _body(request, MOST_TEXT)
        try:
            content: Any = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RefusedError(400, "the request is no JSON") from error
        work = Work.parse(content, len(self.source))
        if not work.records:
            raise SpecError("work.records: got none; expected at least one picture")
        try:
            return work, self.arrays.pipeline(work)
        except RecursionError as error:
            raise RefusedError(400, "the request is nested too deeply") from error


def make_app(page: Page, *, token: str, hosts: tuple[str, ...], cookie: str = "imagefeed") -> App:
    """The application: what answers, behind the guard."""
    routes = [
        Route("/", page.front),
        Route("/static/{name}", page.file),
        Route("/api/begin", page.begin),
        Route("/api/picture/{id}", page.picture),
        Route("/api/draw", page.draw, methods=["POST"]),
        Route("/api/explain", page.explain, methods=["POST"]),
        Route("/api/measure", page.measure, methods=["POST"]),
        Route("/api/export/{kind}", page.export, methods=["POST"]),
        Route("/api/open", page.open, methods=["POST"]),
    ]
    handlers: dict[Any, Any] = {
        ImagefeedError: _not_possible,
        RefusedError: _refused,
        OutdatedError: _outdated,
        404: _not_there,
        405: _not_there,
    }
    inner: Any = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(inner, token=token, hosts=hosts, cookie=cookie)


async def _not_possible(request: Request, error: Exception) -> Response:
    """A pipeline that cannot be: the page shows the reason beside the step."""
    message = str(error)
    if "got type" in message or message.startswith("work"):  # the page never sends that
        note(request.scope, Refusal(422, message[:200]))
    return JSONResponse({"error": message, "step": step_of(message)}, 422)


async def _refused(request: Request, error: Exception) -> Response:
    refusal = error.refusal if isinstance(error, RefusedError) else Refusal(500, "refused")
    note(request.scope, refusal)
    return JSONResponse({"error": refusal.reason}, refusal.status)


async def _outdated(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "a newer request has come"}, 409)


async def _not_there(request: Request, error: Exception) -> Response:
    return await _refused(request, RefusedError(getattr(error, "status_code", 404), "there is nothing at this address"))


def _is(request: Request, kind: str) -> None:
    """Forms of other pages can send neither kind without being asked first."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != kind:
        raise RefusedError(415, f"expected {kind}")


async def _body(request: Request, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise RefusedError(413, "the request is too large")
        parts.append(part)
    return b"".join(parts)


async def _limited(work: Callable[[threading.Event], T], stopped: threading.Event | None = None) -> T:
    """Do some work in a thread; give up, and tell the work so, when it takes too long."""
    stopped = stopped or threading.Event()
    try:
        return await asyncio.wait_for(asyncio.to_thread(work, stopped), PATIENCE)
    except (TimeoutError, StoppedError) as error:
        raise RefusedError(503, "that takes too long; take smaller or fewer pictures") from error
    finally:
        stopped.set()
