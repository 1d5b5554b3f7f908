"""Where to go: the answers to those who look for prices at a wrong path, by a wrong method, or without a WebSocket."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from aiohttp import hdrs, web

from gateway.admission.origin import Authority
from gateway.errors import RefusalError
from gateway.websocket.header_fields import asks_for_websocket

NOTHING_HERE: Final = RefusalError(
    404, "not_found", "nothing is here; prices come by WebSocket from /ws, and / has the dashboard"
)
"""The answer at a path that has none."""

_FIRST: Final = '{"type":"subscribe","symbols":["*"]}'
"""What to send first to see prices."""


def require_path(request: web.Request, paths: Sequence[str], log: Callable[[str, str], None]) -> None:
    """Let a request pass unless it asks for a WebSocket at another path than ``paths``; ``log`` is told of that one.

    Raises:
        RefusalError: it does; the answer says where to connect: to the first of ``paths``.
    """
    right_path = paths[0]
    if request.method == hdrs.METH_GET and request.path not in paths and asks_for_websocket(request.headers):
        log(request.path, right_path)
        raise RefusalError(404, "path", f"no WebSocket is here: connect to {_url(request, right_path)}")


def require_upgrade(request: web.Request, first: str = _FIRST) -> None:
    """Let a request pass that asks for a WebSocket; ``first`` is what to send there first.

    Raises:
        RefusalError: it is a plain one; the answer says how to try it (RFC 9110, section 15.5.22).
    """
    if hdrs.UPGRADE not in request.headers:
        url = _url(request, request.path)
        problem = f"this is a WebSocket endpoint: try `npx wscat -c {url}`, and send {first}"
        raise RefusalError(426, "handshake", problem, {hdrs.UPGRADE: "websocket"})


def other_methods(allowed: Collection[str]) -> RefusalError:
    """The answer to a method that a path does not take, where it takes those ``allowed``."""
    methods = sorted(allowed)
    problem = f"this path takes only {' and '.join(methods)}"
    return RefusalError(405, "method", problem, {hdrs.ALLOW: ", ".join(methods)})


def _url(request: web.Request, path: str) -> str:
    """The WebSocket's URL, as the client would have to write it."""
    host = Authority.parse(request.headers.get(hdrs.HOST, ""))
    if host is None:
        return path
    # Only a word in an answer, so anybody's claim will do.
    is_tls = request.secure or request.headers.get("X-Forwarded-Proto") == "https"
    return f"{'wss' if is_tls else 'ws'}://{host}{path}"
