"""The socket, the token and the server."""

from __future__ import annotations

import secrets
import socket
import threading
from contextlib import suppress
from types import TracebackType

import uvicorn

from imagefeed.pipeline import Pipeline
from imagefeed.sources import Source
from imagefeed.studio.app import Page, make_app

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Studio:
    """A server of the page, on this machine only unless another address is given.

    As a context manager it serves from a thread, and ends with the block:

        with Studio(folder("photos"), Pipeline([])) as studio:
            print(studio.address)

    Args:
        source: The person's pictures.
        pipeline: What the page begins with.
        title: What stands above the page.
        host: The address to listen at.
        port: The port; 0 for any that is free.
        token: The secret in the address; by default a new one.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        *,
        title: str = "pictures",
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        self.port: int = self._socket.getsockname()[1]
        self.token = token or secrets.token_urlsafe(24)
        self.page = Page(source, pipeline, title)
        named = f"[{host}]" if family == socket.AF_INET6 else host
        names = (named, "localhost") if host in LOOPBACK else (named,)
        self.hosts = tuple(f"{name}:{self.port}" for name in names)
        app = make_app(self.page, token=self.token, hosts=self.hosts, cookie=f"imagefeed_{self.port}")
        config = uvicorn.Config(
            app,  # pyright: ignore[reportArgumentType] - an ASGI application, whose scope is written otherwise there
            log_config=None,  # uvicorn's own would close the handlers of everybody else's loggers
            log_level="error",
            access_log=False,  # its lines would hold the token
            lifespan="off",
            ws="none",
            server_header=False,
            limit_concurrency=32,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=16 << 10,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where the page is, with the key to it."""
        return f"http://{self.hosts[0]}/?token={self.token}"

    def run(self) -> None:
        """Serve until Ctrl-C."""
        with suppress(KeyboardInterrupt):  # uvicorn ends in good order, and then raises the signal again
            self._server.run(sockets=[self._socket])

    def __enter__(self) -> Studio:
        self._thread = threading.Thread(target=self.run, name="imagefeed-studio", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(10)
        self._socket.close()
