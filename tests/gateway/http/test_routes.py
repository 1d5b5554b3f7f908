"""What a gateway answers over HTTP."""

import re
import time
from typing import Any

import pytest
from aiohttp import ClientSession
from msgspec.json import decode as loads
from prometheus_client.parser import text_string_to_metric_families

from gateway.admission.origin import AllowedHosts, AllowedOrigins
from gateway.auth.settings import AuthSettings
from market.bus import BusDownError
from tests.client import connected
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.conftest import RunningGateway, Start, stop_the_clock
from tests.gateway.conftest import ask as converse

JWT = AuthSettings(mode="jwt", jwt_secret=SECRET)
SCRAPER = "a-token-for-the-scraper"
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
BAD = {"Authorization": "Bearer bad"}
PAGE, OTHER_PAGE = "https://app.example", "https://evil.example"


def bearing(**changes: Any) -> dict[str, str]:
    """The header with a token of now."""
    told: dict[str, Any] = {"exp": time.time() + 3600} | changes
    return {"Authorization": f"Bearer {token('HS256', SECRET, **told)}"}


async def ask(running: RunningGateway, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with ClientSession() as http, http.request(method, running.http_url + path, headers=named) as response:
        return response.status, dict(response.headers), await response.read()


async def test_health_and_readiness(start: Start) -> None:
    """Alive always; ready once the last values are there; 404 when draining, so that HAProxy sends nobody new."""
    running = await start()
    async with ClientSession() as http:

        async def status(path: str) -> int:
            async with http.get(running.http_url + path) as response:
                return response.status

        assert 200 == await status("healthz")
        assert 200 == await status("readyz")
        running.gateway.feed.ready = False
        assert 503 == await status("readyz")
        running.gateway.draining = True
        assert 404 == await status("readyz")
        assert 200 == await status("healthz")


async def test_metrics_tell_what_happened(start: Start) -> None:
    """Prometheus text, with the gateway's own counts in it."""
    running = await start()
    async with connected(running.url) as client, ClientSession() as http:
        await client.subscribe("BTC")
        await running.publish("BTCUSDT", 1)
        running.gateway.feed.tick_received("BTCUSDT", b"nonsense")
        await client.until(lambda client: client.newest_seq("BTCUSDT") == 1)
        async with http.get(running.http_url + "metrics") as response:
            text = await response.text()
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert 1 == values["tickgate_connections",]
    assert 1 == values["tickgate_cohorts",]
    assert 1 == values["tickgate_ticks_received_total",]
    assert 1 == values["tickgate_ticks_sent_total",]
    assert 1 == values["tickgate_bus_refused_total", "not_a_tick"]
    assert 0 < values["process_resident_memory_bytes",]


async def test_a_ticket_is_for_who_brings_a_token(start_anyhow: Start) -> None:
    """It comes with how long it is good, is kept by no cache, and is another each time."""
    running = await start_anyhow(auth=JWT)
    answers = [await ask(running, "POST", "v1/ticket", **bearing()) for _ in range(2)]
    for status, headers, _ in answers:
        assert (200, "no-store") == (status, headers["Cache-Control"])
    tickets = [loads(body) for _, _, body in answers]
    assert [30, 30] == [ticket["expires_in_s"] for ticket in tickets]
    assert 2 == len({ticket["ticket"] for ticket in tickets})
    assert 2 == running.gateway.counters.tickets_issued


@pytest.mark.parametrize("path", ["v1/ticket", "v1/ticket?token=x"])
async def test_without_a_good_token_there_is_no_ticket(start_anyhow: Start, path: str) -> None:
    """401 says why; a token in the URL is none here, whatever AUTH_QUERY_TOKEN says."""
    running = await start_anyhow(auth=JWT, auth_query_token=True)
    for headers, code in (({}, "bad_token"), (bearing(exp=1), "expired"), ({"Authorization": "Bearer x"}, "bad_token")):
        status, answer_headers, body = await ask(running, "POST", path, **headers)
        assert (401, code) == (status, loads(body)["code"])
        assert answer_headers["WWW-Authenticate"].startswith("Bearer")
    assert {"token": 3} == running.gateway.counters.connections_refused


async def test_where_nobody_needs_a_token_there_are_no_tickets(start_anyhow: Start) -> None:
    """404, and why."""
    status, _, body = await ask(await start_anyhow(), "POST", "v1/ticket")
    assert (404, "ticket") == (status, loads(body)["code"])
    assert "AUTH_MODE" in loads(body)["error"]


async def test_tickets_count_as_messages_of_their_subject(start_anyhow: Start) -> None:
    """The store keeps each for a while, so nobody fills it; another subject is not concerned."""
    running = await start_anyhow(auth=JWT, max_messages_per_second_per_subject=0.001)
    statuses = [(await ask(running, "POST", "v1/ticket", **bearing(sub=name)))[0] for name in ("a", "a", "b")]
    assert [200, 429, 200] == statuses


async def test_without_the_bus_there_is_no_ticket(start_anyhow: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """503: the token is good, and the client may try again."""
    running = await start_anyhow(auth=JWT)

    async def down(*_: object) -> None:
        raise BusDownError("no answer")

    monkeypatch.setattr(running.gateway.bus, "put", down)
    status, headers, body = await ask(running, "POST", "v1/ticket", **bearing())
    assert (503, "try_later", "3") == (status, loads(body)["code"], headers["Retry-After"])


async def test_pages_of_allowed_origins_may_fetch_a_ticket(start_anyhow: Start) -> None:
    """They may ask (the preflight), and they may read the answer, also one that refuses."""
    running = await start_anyhow(auth=JWT, allowed_origins=AllowedOrigins.parse(PAGE))
    asked = {"Origin": PAGE, "Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization"}
    status, headers, _ = await ask(running, "OPTIONS", "v1/ticket", **asked)
    assert (204, PAGE, "Origin") == (status, headers["Access-Control-Allow-Origin"], headers["Vary"])
    assert ("POST", "Authorization") == (
        headers["Access-Control-Allow-Methods"],
        headers["Access-Control-Allow-Headers"],
    )
    for proof, expected in ((bearing(), 200), ({}, 401)):
        status, headers, _ = await ask(running, "POST", "v1/ticket", Origin=PAGE, **proof)
        assert (expected, PAGE) == (status, headers["Access-Control-Allow-Origin"])
        assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize("origin", [OTHER_PAGE, "null", PAGE + ".evil.example", ""])
async def test_pages_of_other_origins_get_nothing(start_anyhow: Start, origin: str) -> None:
    """Neither a leave to ask nor an answer, and no ticket is issued for them."""
    running = await start_anyhow(auth=JWT, allowed_origins=AllowedOrigins.parse(PAGE))
    for method in ("OPTIONS", "POST"):
        status, headers, _ = await ask(running, method, "v1/ticket", Origin=origin, **bearing())
        assert (403, None) == (status, headers.get("Access-Control-Allow-Origin"))
    assert (0, {"origin": 2}) == (
        running.gateway.counters.tickets_issued,
        running.gateway.counters.connections_refused,
    )


async def test_other_names_are_for_operators_only(start_anyhow: Start) -> None:
    """Probes and scrapers ask by address or short name too; pages, tickets and prices need a name that is served."""
    hosts = AllowedHosts.parse("prices.example.com", only_loopback=False)
    running = await start_anyhow(allowed_hosts=hosts)
    for path in ("healthz", "readyz", "metrics", "%68ealthz"):
        for host in ("10.1.2.3", "gateway", "prices.example.com."):
            assert 200 == (await ask(running, "GET", path, Host=host))[0]
        status, _, body = await ask(running, "GET", path, Host="evil.example")
        assert (403, "host") == (status, loads(body)["code"])
    for path in ("", "ws", "web/app.js", "nothing", "healthz/", "metrics/../"):
        assert 403 == (await ask(running, "GET", path, Host="evil.example"))[0], path
    assert 200 == (await ask(running, "GET", "", Host="prices.example.com"))[0]


@pytest.mark.parametrize("path", ["web/" + "a" * 300, "web/" + "a/" * 3000, "web/%00", "web/..%2f..%2fsetup.cfg"])
async def test_what_no_file_can_be_called_is_not_found(start_anyhow: Start, path: str) -> None:
    """And is no fault that would fill the log."""
    running = await start_anyhow()
    assert (await ask(running, "GET", path))[0] in (403, 404)


async def test_metrics_are_for_who_brings_their_token(start_anyhow: Start) -> None:
    """Where one is set; probes need none."""
    running = await start_anyhow(metrics_token=SCRAPER)
    for proof, status in (
        ({"Authorization": f"Bearer {SCRAPER}"}, 200),
        ({"Authorization": f"bearer  {SCRAPER} "}, 200),
        ({}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": f"Bearer {SCRAPER}x"}, 401),
        ({"Authorization": f"Basic {SCRAPER}"}, 401),
        ({"Authorization": "Bearer \udcff\N{LATIN SMALL LETTER E WITH ACUTE}"}, 401),
    ):
        raw = "".join(f"{name}: {value}\r\n" for name, value in proof.items()).encode(errors="surrogateescape")
        answer = await converse(running, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + raw + b"\r\n")
        assert f" {status} ".encode() in answer.partition(b"\r\n")[0], proof
        assert (status == 401) == (b"\r\nWWW-Authenticate: Bearer" in answer)
        assert (status == 200) == (b"tickgate_connections" in answer)
    assert 200 == (await ask(running, "GET", "readyz"))[0]


async def test_no_answer_names_a_version(start_anyhow: Start) -> None:
    """Neither a page, an error, a redirect, nor what is said to who sent no request."""
    running = await start_anyhow(auth=JWT)
    for request in (
        *(b"GET /", b"GET /web/app.js", b"GET /healthz", b"GET /nothing", b"DELETE /", b"GET /ws", b"POST /v1/ticket"),
        *(b"OPTIONS /v1/ticket", b"HEAD /readyz"),
    ):
        answer = await converse(running, request + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"\r\nServer: tickgate\r\n" in answer, request
        assert not re.search(rb"aiohttp|python/", answer.partition(b"\r\n\r\n")[0], re.IGNORECASE), request


async def test_who_asks_too_often_is_told_so_and_disconnected(start_anyhow: Start) -> None:
    """The limit is of an address; metrics and tokens that open nothing cost more than a page."""
    for path, proof, count in (
        ("nothing", {}, 40),
        ("", {}, 160),
        ("metrics", {}, 3),
        ("ws?ticket=x", UPGRADE, 4),
        ("v1/ticket", BAD, 4),
    ):
        running = await start_anyhow(auth=JWT, spare_loopback=False, max_request_rate_per_ip=20)
        stop_the_clock(running)
        method = "POST" if path == "v1/ticket" else "GET"
        statuses = [(await ask(running, method, path, **proof))[0] for _ in range(count + 1)]
        assert {200, 401, 404} & set(statuses[:count])
        assert 429 not in statuses[:count]
        status, headers, body = await ask(running, method, path, **proof)
        assert (429, "1", "close") == (status, headers["Retry-After"], headers["Connection"])
        assert b"requests" in body
        assert 200 == (await ask(running, "GET", "readyz"))[0]


async def test_good_tokens_cost_no_more_than_a_request(start_anyhow: Start) -> None:
    """Their signatures are paid back: a crowd behind one address gets its tickets."""
    running = await start_anyhow(auth=JWT, spare_loopback=False, max_request_rate_per_ip=20)
    stop_the_clock(running)
    assert [200] * 30 == [(await ask(running, "POST", "v1/ticket", **bearing()))[0] for _ in range(30)]
