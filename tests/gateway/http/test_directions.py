"""Where those are sent who look for prices at a wrong path, or without a WebSocket."""

import pytest
from aiohttp import ClientSession, WSServerHandshakeError
from msgspec.json import decode as loads

from gateway.admission.origin import AllowedOrigins
from tests.gateway.conftest import Start
from tests.gateway.http.test_routes import UPGRADE, ask


@pytest.mark.parametrize("path", ["", "ws/", "websocket", "stream", "web/app.js", "v1/symbols", "nothing?token=x"])
async def test_a_websocket_at_a_wrong_path_is_told_the_right_one(
    start_anyhow: Start, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """404, with the whole URL; and the log says it, as clients do not show what an answer holds."""
    running = await start_anyhow()
    status, _, body = await ask(running, "GET", path, **UPGRADE)
    assert (404, "path") == (status, loads(body)["code"])
    assert loads(body)["error"].endswith(f"connect to {running.url}")
    assert {"path": 1} == running.gateway.counters.connections_refused
    (line,) = [record.getMessage() for record in caplog.records if record.name == "gateway.admission.names"]
    assert f"/{path.partition('?')[0]}, where none is: connect to /ws" in line
    async with ClientSession() as http:
        with pytest.raises(WSServerHandshakeError):
            await http.ws_connect(running.http_url + path)


async def test_another_upgrade_is_ignored(start_anyhow: Start) -> None:
    """Who offers HTTP/2 on the way, or asks whether we live, gets what it asked for."""
    running = await start_anyhow()
    assert 200 == (await ask(running, "GET", "", Upgrade="h2c", Connection="Upgrade"))[0]
    assert 200 == (await ask(running, "GET", "healthz", **UPGRADE))[0]


async def test_a_plain_request_for_prices_is_told_how_to_try(start_anyhow: Start) -> None:
    """426, with a command and the first message to send; behind TLS the URL begins with wss."""
    running = await start_anyhow()
    status, headers, body = await ask(running, "GET", "ws")
    assert (426, "websocket", "handshake") == (status, headers["Upgrade"], loads(body)["code"])
    assert f"wscat -c {running.url}" in loads(body)["error"]
    assert '"type":"subscribe"' in loads(body)["error"]
    _, _, body = await ask(running, "GET", "ws", Host="prices.example.com", X_Forwarded_Proto="https")
    assert "wscat -c wss://prices.example.com/ws" in loads(body)["error"]
    _, _, body = await ask(running, "GET", "ws", Host="a\\b\udcff")
    assert "wscat -c /ws" in loads(body)["error"]


async def test_where_nothing_is_the_answer_says_what_there_is(start_anyhow: Start) -> None:
    """Of any path, by any method."""
    running = await start_anyhow()
    for path in ("ws/", "nothing", "web/nothing.js"):
        status, _, body = await ask(running, "GET", path)
        assert (404, "not_found") == (status, loads(body)["code"])
        assert "/ws" in loads(body)["error"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "ws", "GET, OPTIONS"),
        ("HEAD", "ws", "GET, OPTIONS"),
        ("PUT", "v1/symbols", "GET, OPTIONS"),
        ("GET", "v1/ticket", "OPTIONS, POST"),
        ("DELETE", "", "GET, HEAD"),
        ("OPTIONS", "healthz", "GET, HEAD"),
        ("PATCH", "web/app.js", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(start_anyhow: Start, method: str, path: str, allowed: str) -> None:
    """405, in words and in `Allow`, in JSON as every refusal."""
    running = await start_anyhow()
    status, headers, body = await ask(running, method, path)
    assert (405, allowed, "application/json") == (status, headers["Allow"], headers["Content-Type"].split(";")[0])
    if method != "HEAD":
        assert {"error": f"this path takes only {allowed.replace(', ', ' and ')}", "code": "method"} == loads(body)


async def test_a_page_can_read_which_method_was_due(start_anyhow: Start) -> None:
    """Of an allowed origin, at the paths that are for pages."""
    running = await start_anyhow(allowed_origins=AllowedOrigins.parse("https://app.example"))
    status, headers, _ = await ask(running, "PUT", "v1/symbols", Origin="https://app.example")
    assert (405, "https://app.example") == (status, headers["Access-Control-Allow-Origin"])


async def test_a_page_can_ask_whether_it_may_connect(start_anyhow: Start) -> None:
    """Its browser hides the answer to a handshake, but not this one's: the origin is looked at, and the room."""
    running = await start_anyhow(allowed_origins=AllowedOrigins.parse("https://app.example"))
    own = running.http_url.rstrip("/")
    status, _, body = await ask(running, "OPTIONS", "ws", Origin=own)
    assert (403, "origin") == (status, loads(body)["code"])
    assert "own pages may not connect: add self to its ALLOWED_ORIGINS" in loads(body)["error"]
    status, headers, _ = await ask(running, "OPTIONS", "ws", Origin="https://app.example")
    assert (204, "no-store") == (status, headers["Cache-Control"])
    running.gateway.full = True
    status, _, body = await ask(running, "OPTIONS", "ws", Origin="https://app.example")
    assert (503, "full") == (status, loads(body)["code"])
