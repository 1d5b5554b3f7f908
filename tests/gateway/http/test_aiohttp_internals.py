"""What is used of aiohttp that it does not document: these tests say what a new release of it has changed."""

import ast
import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.http.aiohttp_internals import USED, Internals
from tests.gateway.transports import RecordingTransport

ROOT = Path(__file__).resolve().parents[3]
ADAPTER = ROOT / "gateway/http/aiohttp_internals.py"
BESIDE = {
    ROOT / "gateway/websocket/framing/masking.py": "has a function of its own for where aiohttp's is gone",
}

GOOD = b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n"
BAD = b"GET\r\n\r\n"


class Recording(Internals):
    """Answers nothing by itself: what is queued stays queued until it is asked."""

    __slots__ = ("errors",)

    def __init__(self, server: web.Server) -> None:
        super().__init__(server, loop=asyncio.get_running_loop())
        self.errors: list[tuple[int, BaseException | None]] = []

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        self.errors.append((status, exc))
        return web.Response(status=status)


class PausingTransport(RecordingTransport):
    """One whose reading can be paused."""

    reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


async def _answer(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=request.path)


@pytest.fixture
async def handler() -> AsyncIterator[Recording]:
    """A handler on a connection on which nothing has come yet."""
    handler = Recording(web.Server(_answer))
    transport = PausingTransport(handler)
    yield handler
    transport.abort()
    await asyncio.sleep(0)


def test_aiohttp_has_every_private_name_that_is_used() -> None:
    """One that is gone is named here, with what it is for, before a connection meets it."""

    async def main() -> list[str]:
        handler = web.RequestHandler(web.Server(_answer), loop=asyncio.get_running_loop())
        return [f"{name}: {what}" for name, what in USED.items() if not hasattr(handler, name)]

    gone = asyncio.run(main())
    assert [] == gone, f"aiohttp {aiohttp.__version__} has no such name any more; fix {ADAPTER.relative_to(ROOT)}"


def _private_attributes(path: Path) -> Iterator[tuple[str, str]]:
    """Owner and name of each attribute in a file that begins with one underscore."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
            yield ast.unparse(node.value), node.attr


def test_every_private_name_that_is_used_is_looked_for() -> None:
    """The list of names is what the module's own code uses, no more and no less."""
    used = {name for owner, name in _private_attributes(ADAPTER) if owner in ("self", "super()")}
    assert used == USED.keys()


def test_nobody_else_uses_what_is_private_to_aiohttp() -> None:
    """Neither by an import, nor as an attribute of a handler or a request."""
    for path in sorted((ROOT / "gateway").rglob("*.py")):
        if path == ADAPTER or path in BESIDE:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aiohttp"):
                names = [*str(node.module).split("."), *(alias.name for alias in node.names)]
                assert [] == [name for name in names if name.startswith("_")], path
        if path.parent == ADAPTER.parent:
            attributes = set(_private_attributes(path))
            assert not {name for owner, name in attributes if owner == "self"} & USED.keys(), path
            assert {owner for owner, _ in attributes} <= {"self", "cls", "os", "message"}, path


def test_a_new_minor_version_waits_for_a_look_at_it() -> None:
    """``setup.cfg`` lets in the patch releases of one version, and the installed one is among them."""
    [bounds] = re.findall(r"^    aiohttp >=(\d+)\.(\d+)\.(\d+),<(\d+)\.(\d+)$", (ROOT / "setup.cfg").read_text(), re.M)
    major, minor, patch, next_major, next_minor = map(int, bounds)
    assert (major, minor + 1) == (next_major, next_minor)
    installed = tuple(map(int, aiohttp.__version__.split(".")[:3]))
    assert (major, minor, patch) <= installed < (next_major, next_minor)


async def test_what_is_parsed_waits_for_its_answer(handler: Recording) -> None:
    """Requests are counted and queued in order; the newest can be looked at, and dropped."""
    assert (0, 0, False) == (handler.parsed, handler.unanswered, handler.ends)
    handler.parse(GOOD)
    handler.parse(GOOD.replace(b"first", b"second"))
    assert (2, 2, True) == (handler.parsed, handler.unanswered, handler.has_room)
    newest = handler.newest()
    assert newest is not None
    assert "/second" == newest.path
    handler.drop_newest()
    assert 1 == handler.unanswered


async def test_what_cannot_be_parsed_is_queued_as_an_error(handler: Recording) -> None:
    """It has its turn like any request, but there is no message to look at."""
    handler.parse(BAD)
    assert (1, None) == (handler.unanswered, handler.newest())


async def test_an_error_of_our_own_is_answered_in_its_turn(handler: Recording) -> None:
    """`handle_error` is asked for the answer, also where the handler was waiting for a request."""
    await _until(lambda: handler.is_idle)
    error = ValueError("not that")
    handler.queue_error(418, error)
    assert 1 == handler.parsed
    await _until(lambda: handler.errors != [])
    assert [(418, error)] == handler.errors


async def test_a_connection_is_idle_between_two_requests(handler: Recording) -> None:
    """Not while an answer is due."""
    await _until(lambda: handler.is_idle)
    handler.parse(GOOD)
    assert not handler.is_idle
    await _until(lambda: handler.is_idle)
    assert 0 == handler.unanswered


async def test_an_upgrade_ends_what_is_parsed(handler: Recording) -> None:
    """What follows a handshake is for whoever takes the connection over."""
    assert not handler.is_upgraded
    handler.parse(GOOD[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert handler.is_upgraded
    taken: list[bytes] = []

    class Parser:
        def feed_data(self, data: bytes) -> tuple[bool, bytes]:
            taken.append(data)
            return False, b""

        def feed_eof(self) -> None:
            pass

    handler.leave(b"frames")
    handler.set_parser(Parser())
    assert [b"frames"] == taken


async def test_reading_pauses_and_goes_on(handler: Recording) -> None:
    """A second call of either changes nothing."""
    transport = handler.transport
    assert isinstance(transport, PausingTransport)
    for _ in range(2):
        handler.pause()
        assert not transport.reading
    for _ in range(2):
        handler.unpause()
        assert transport.reading


async def test_the_last_answer_ends_the_connection(handler: Recording) -> None:
    """Nothing that comes later is looked at."""
    handler.end_after_answer()
    handler.wait_for_no_body()
    assert handler.ends
    handler.parse(GOOD)
    assert 0 == handler.parsed


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - aiohttp sets no event
            await asyncio.sleep(0)
