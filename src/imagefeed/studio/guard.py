"""Who may ask for anything: every request passes here first.

The server listens on this machine only, but a browser on it also shows other people's pages, and those can send
requests here. So a request must name this server exactly (a page whose name was made to point here does not), must come
from the studio's own page, and must bring the token that only the address printed in the terminal holds.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import parse_qs

log = logging.getLogger("imagefeed.studio")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

METHODS = ("GET", "HEAD", "POST")
LONGEST_PATH = 200
MOST_BYTES = 64 << 20
"""Of a request's body, whatever it is for."""

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Refusal(NamedTuple):
    """What is answered to a request that is not let in."""

    status: int
    reason: str


class Guard:
    """Lets in what comes from the studio's own page, and nothing else.

    Args:
        app: What answers.
        token: The secret.
        hosts: The names, with the port, by which this server is called.
        cookie: The name of the cookie that keeps the token; cookies of one machine are shared by all ports.
    """

    def __init__(self, app: App, *, token: str, hosts: tuple[str, ...], cookie: str) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = hosts
        self._origins = tuple(f"http://{host}" for host in hosts)
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        refusal, by_address = self._judge(scope)
        if refusal is not None:
            note(scope, refusal)
            await _answer(send, refusal)
            return
        extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        if by_address:  # the page's own requests then bring the token by themselves
            text = f"{self._cookie}={self._token.decode()}; HttpOnly; SameSite=Strict; Path=/"
            extra.append((b"set-cookie", text.encode()))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *extra]
            await send(message)

        await self._app(scope, receive, with_headers)

    def _judge(self, scope: Scope) -> tuple[Refusal | None, bool]:
        """Why a request is refused, if it is; and whether it brings the token in its address."""
        headers = _headers(scope)
        path: str = scope["path"]
        at_front = scope["method"] == "GET" and path == "/"
        reason = self._outside(scope, headers, navigates=at_front)
        if reason is not None:
            return reason, False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", []) if at_front else []
        if len(given) == 1 and self._is_token(given[0]):
            return None, True
        bearer = headers.get("authorization", [""])[0]
        if bearer.startswith("Bearer ") and self._is_token(bearer.removeprefix("Bearer ")):
            return None, False
        if not self._is_token(_cookie_in(headers, self._cookie)):
            return Refusal(401, "open the address that the terminal shows; it holds the key"), False
        if scope["method"] == "POST" and "origin" not in headers:
            return Refusal(403, "the request does not say which page it comes from"), False
        return None, False

    def _outside(self, scope: Scope, headers: Mapping[str, list[str]], *, navigates: bool) -> Refusal | None:
        """Why a request is refused before its token is looked at."""
        names = headers.get("host", [])
        if len(names) != 1 or names[0].lower() not in self._hosts:
            return Refusal(421, "this server has another name")
        if scope["method"] not in METHODS:
            return Refusal(405, "no such method")
        if len(scope["path"]) > LONGEST_PATH:
            return Refusal(414, "the address is too long")
        if any(origin not in self._origins for origin in headers.get("origin", [])):
            return Refusal(403, "the request comes from another page")
        site = headers.get("sec-fetch-site", ["none"])[0]
        if site not in ("none", "same-origin") and not (navigates and headers.get("sec-fetch-mode") == ["navigate"]):
            return Refusal(403, "the request comes from another page")
        lengths = headers.get("content-length", ["0"])
        if len(lengths) != 1 or not lengths[0].isdigit() or int(lengths[0]) > MOST_BYTES:
            return Refusal(413, "the request is too large")
        return None

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token)


def note(scope: Scope, refusal: Refusal) -> None:
    """Log a refused request: by its method and path, never by its query or headers, which may hold the token."""
    log.warning("refused %s %s: %s (%d)", scope["method"], ascii(scope["path"][:80]), refusal.reason, refusal.status)


async def _answer(send: Send, refusal: Refusal) -> None:
    body = refusal.reason.encode()
    headers = HEADERS | {"content-type": "text/plain; charset=utf-8", "content-length": str(len(body))}
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _headers(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def _cookie_in(headers: Mapping[str, list[str]], name: str) -> str:
    jar = SimpleCookie()
    try:
        jar.load("; ".join(headers.get("cookie", [])))
    except CookieError:
        return ""
    return jar[name].value if name in jar else ""
