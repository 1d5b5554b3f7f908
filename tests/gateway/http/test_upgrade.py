"""From a request for ``/ws`` to a client, or to an answer that says why not: over real sockets."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.admission.address import TrustedProxies
from gateway.admission.origin import AllowedOrigins
from gateway.auth.settings import AuthSettings
from market.bus import BusDownError
from tests.client_frames import FIN, TEXT, client_frame
from tests.gateway.auth.tokens import SECRET, jwk, key_set, private_key, token
from tests.gateway.conftest import HOST, RunningGateway, Start, ask, start_bare_app
from tests.valkey import Valkey
from tests.waiting import until

JWT = AuthSettings(mode="jwt", jwt_secret=SECRET)
TICKET = "v1/ticket"


def good(**changes: Any) -> str:
    """A token of now."""
    return token("HS256", SECRET, **({"exp": time.time() + 3600} | changes))


def bearing(token: str) -> dict[str, str]:
    """Make the header with a token."""
    return {"Authorization": f"Bearer {token}"}


async def refusal(url: str, **options: Any) -> tuple[int, str]:
    """Status and code of the answer to who is not let in."""
    with pytest.raises(InvalidStatus) as caught:
        await connect(url, **options)
    response = caught.value.response
    assert response.body is not None
    return response.status_code, orjson.loads(response.body)["code"]


async def types(client: ClientConnection, count: int) -> list[str]:
    """The types of the next messages, or the codes of errors."""
    async with asyncio.timeout(10):
        messages = [orjson.loads(await client.recv()) for _ in range(count)]
    return [message.get("code", message["type"]) for message in messages]


async def close_code(client: ClientConnection) -> int:
    """Read until the connection ends; its close code."""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.recv()
    assert client.close_code is not None
    return client.close_code


async def new_ticket(running: RunningGateway, token: str) -> str:
    """Ask for a ticket."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(running.http_url + TICKET, headers=bearing(token)) as response,
    ):
        assert response.status == 200, await response.text()
        ticket: str = (await response.json())["ticket"]
        return ticket


async def until_nobody_is_counted(running: RunningGateway) -> None:
    """Wait until no address and no subject is counted."""
    admission = running.gateway.admission
    await until(lambda: (0, 0) == (len(admission._addresses), len(admission._subjects)))


async def test_a_token_in_the_header_opens_the_door(start_anyhow: Start) -> None:
    """At once: the client may subscribe with its first message."""
    running = await start_anyhow(auth=JWT)
    async with connect(running.url, additional_headers=bearing(good())) as client:
        await client.send('{"type":"subscribe","symbols":["BTC"]}')
        assert ["welcome", "status", "subscribed"] == await types(client, 3)
    await until_nobody_is_counted(running)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"exp": 1}, "expired"), ({"nbf": 4e9}, "not_yet_valid"), ({"sub": None}, "bad_token")],
)
async def test_a_bad_token_is_refused_with_401_and_the_reason(
    start_anyhow: Start, changes: dict[str, Any], code: str
) -> None:
    """The answer says what is wrong, holds nothing of the token, and is no answer of a browser's password dialogue."""
    running = await start_anyhow(auth=JWT)
    bad = good(**changes)
    with pytest.raises(InvalidStatus) as caught:
        await connect(running.url, additional_headers=bearing(bad))
    answer = caught.value.response
    assert answer.body is not None
    assert (401, code) == (answer.status_code, orjson.loads(answer.body)["code"])
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert all(part.encode() not in answer.body for part in bad.split("."))
    assert {"token": 1} == running.gateway.counters.connections_refused
    await until_nobody_is_counted(running)


async def test_a_token_in_the_url_is_ignored_unless_that_is_switched_on(start_anyhow: Start) -> None:
    """With AUTH_QUERY_TOKEN=1 it opens the door; without, who brings one is a client that has yet to show its token."""
    closed, opened = await start_anyhow(auth=JWT), await start_anyhow(auth=JWT, auth_query_token=True)
    for running, answer in ((closed, "unauthorised"), (opened, "pong")):
        async with connect(f"{running.url}?token={good()}") as client:
            await client.send('{"type":"ping"}')
            assert ["welcome", "status", answer] == await types(client, 3)
    assert (401, "bad_signature") == await refusal(f"{opened.url}?token={good()[:-8]}AAAAAAAA")
    assert (401, "bad_token") == await refusal(f"{opened.url}?token=")


async def test_a_token_in_the_first_message_opens_the_door(start_anyhow: Start) -> None:
    """Who brings none with the handshake is welcomed, and heard after it has shown one."""
    running = await start_anyhow(auth=JWT)
    async with connect(running.url) as client:
        await client.send('{"type":"subscribe","symbols":["BTC"]}')
        await client.send(orjson.dumps({"type": "auth", "token": good()}).decode())
        await client.send('{"type":"subscribe","symbols":["BTC"]}')
        assert ["welcome", "status", "unauthorised", "authenticated", "subscribed"] == await types(client, 5)
        assert 1 == running.gateway.admission._subjects["alice"]
    await until_nobody_is_counted(running)


async def test_no_token_in_time_closes_with_4409(start_anyhow: Start) -> None:
    """Who shows none does not stay."""
    running = await start_anyhow(auth=JWT, auth_timeout_s=0.2)
    async with connect(running.url) as client:
        assert 4409 == await close_code(client)


async def test_the_end_of_a_token_closes_with_4401(start_anyhow: Start) -> None:
    """While connected, after a notice."""
    leeway = AuthSettings(mode="jwt", jwt_secret=SECRET, jwt_leeway_s=0)
    running = await start_anyhow(auth=leeway)
    async with connect(running.url, additional_headers=bearing(good(exp=time.time() + 0.5))) as client:
        assert ["welcome", "status", "expiring", "expired"] == await types(client, 4)
        assert 4401 == await close_code(client)


async def test_a_ticket_opens_the_door_once(start_anyhow: Start) -> None:
    """Its bearer is who the token says; a second time it is refused, and so is what never was a ticket."""
    running = await start_anyhow(auth=JWT)
    ticket = await new_ticket(running, good(symbols=["BTCUSDT"]))
    async with connect(f"{running.url}?ticket={ticket}") as client:
        await client.send('{"type":"subscribe","symbols":["ETH"]}')
        assert ["welcome", "status", "forbidden"] == await types(client, 3)
        assert (401, "bad_ticket") == await refusal(f"{running.url}?ticket={ticket}")
    for nonsense in ("", "x", "A" * 43, "%00", ticket + "A"):
        assert (401, "bad_ticket") == await refusal(f"{running.url}?ticket={nonsense}")
    await until_nobody_is_counted(running)


async def test_a_ticket_is_spent_at_every_gateway_of_the_bus(start: Start, valkey: Valkey) -> None:
    """One gateway issues it, another takes it, and then no other does, nor the first; also when all ask at once."""
    gateways = [await start(auth=JWT, bus_url=valkey.url) for _ in range(3)]
    ticket = await new_ticket(gateways[0], good())
    async with connect(f"{gateways[1].url}?ticket={ticket}"):
        for running in gateways:
            assert (401, "bad_ticket") == await refusal(f"{running.url}?ticket={ticket}")
    ticket = await new_ticket(gateways[0], good())
    async with AsyncExitStack() as stack:
        tries = await asyncio.gather(
            *(connect(f"{running.url}?ticket={ticket}") for running in gateways * 3), return_exceptions=True
        )
        let_in = [one for one in tries if isinstance(one, ClientConnection)]
        for client in let_in:
            stack.push_async_callback(client.close)
        assert (1, 8) == (len(let_in), sum(isinstance(one, InvalidStatus) for one in tries))


async def test_a_ticket_counts_before_a_token(start_anyhow: Start) -> None:
    """Who brings both comes by the ticket, and is refused where that is spent, however good the token."""
    running = await start_anyhow(auth=JWT)
    ticket = await new_ticket(running, good(sub="alice"))
    url, bobs = f"{running.url}?ticket={ticket}", bearing(good(sub="bob"))
    async with connect(url, additional_headers=bobs):
        assert (1, 0) == (running.gateway.admission._subjects["alice"], running.gateway.admission._subjects["bob"])
        assert (401, "bad_ticket") == await refusal(url, additional_headers=bobs)


async def test_a_gateway_without_room_spends_no_ticket(start: Start, valkey: Valkey) -> None:
    """A load balancer takes the 503 to the next gateway, where the ticket is still good."""
    full = await start(auth=JWT, bus_url=valkey.url, max_connections=1)
    other = await start(auth=JWT, bus_url=valkey.url)
    async with connect(full.url, additional_headers=bearing(good())):
        ticket = await new_ticket(full, good())
        assert (503, "full") == await refusal(f"{full.url}?ticket={ticket}")
    async with connect(f"{other.url}?ticket={ticket}"):
        pass


async def test_who_is_one_too_many_of_a_subject_is_refused(start_anyhow: Start) -> None:
    """By token and by ticket, and told so with 429; the token's own number counts."""
    running = await start_anyhow(auth=JWT)
    twice = good(max_connections=2)
    ticket = await new_ticket(running, twice)
    async with connect(running.url, additional_headers=bearing(twice)):
        async with connect(running.url, additional_headers=bearing(twice)):
            assert (429, "subject") == await refusal(running.url, additional_headers=bearing(twice))
            assert (429, "subject") == await refusal(f"{running.url}?ticket={ticket}")
        await until(lambda: running.gateway.admission._subjects["alice"] == 1)
        async with connect(running.url, additional_headers=bearing(twice)):
            pass
    await until_nobody_is_counted(running)


async def test_without_the_bus_no_ticket_can_be_told(start_anyhow: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, not 401: it may be good, and nobody is counted."""
    running = await start_anyhow(auth=JWT)

    async def down(_key: str) -> bytes | None:
        raise BusDownError("no answer")

    monkeypatch.setattr(running.gateway.bus, "take", down)
    assert (503, "try_later") == await refusal(f"{running.url}?ticket={'A' * 43}")
    await until_nobody_is_counted(running)


class Issuer:
    """An issuer's web server, whose answer waits until the test says so."""

    def __init__(self) -> None:
        app = web.Application()
        app.router.add_get("/keys", self._answer)
        self.server = TestServer(app)
        self.may_answer = asyncio.Event()
        self.status = 200
        self.asked = asyncio.Event()

    @property
    def auth(self) -> AuthSettings:
        return AuthSettings(mode="jwt", jwt_jwks_url=str(self.server.make_url("/keys")), jwt_audience="tickgate")

    @property
    def token(self) -> str:
        return token("ES256", private_key("ES256"), {"kid": "k"}, exp=time.time() + 3600)

    async def _answer(self, _request: web.Request) -> web.Response:
        self.asked.set()
        await self.may_answer.wait()
        return web.Response(status=self.status, body=key_set(jwk(private_key("ES256"), kid="k")))


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """Serve keys for as long as the test runs."""
    issuer = Issuer()
    await issuer.server.start_server()
    yield issuer
    issuer.may_answer.set()
    await issuer.server.close()


async def test_a_handshake_waits_for_the_key_that_it_needs(start_anyhow: Start, issuer: Issuer) -> None:
    """It is answered when the key has come; what the client sent meanwhile is answered then, in order and whole."""
    unlimited = {"max_messages_per_second": 0, "max_messages_per_second_per_subject": 0}
    running = await start_anyhow(auth=issuer.auth, **unlimited)
    await issuer.asked.wait()
    reader, writer = await asyncio.open_connection(running.host, running.port, limit=16 * 1024 * 1024)
    writer.write(handshake(issuer.token))
    writer.write(client_frame(FIN | TEXT, b'{"type":"subscribe","symbols":["BTC"],"id":1}'))
    # Far more than is read before the answer.
    padding = b'{"type":"list","id":"' + b"x" * 60 + b'"}'
    count = 3000
    writer.write(count * client_frame(FIN | TEXT, padding))
    writer.write(client_frame(FIN | TEXT, b'{"type":"ping","id":2}'))
    await until(lambda: any(request._buffer_paused for request in running.requests))
    issuer.may_answer.set()
    async with asyncio.timeout(10):
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b'"subscribed"')
        answers = await reader.readuntil(b'"id":2}')
    assert count == answers.count(b'"subscriptions"')
    writer.close()
    await until_nobody_is_counted(running)


async def test_a_first_message_waits_for_the_key_that_it_needs(start_anyhow: Start, issuer: Issuer) -> None:
    """And so does what follows it."""
    running = await start_anyhow(auth=issuer.auth)
    await issuer.asked.wait()
    async with connect(running.url) as client:
        assert ["welcome", "status"] == await types(client, 2)
        await client.send(orjson.dumps({"type": "auth", "token": issuer.token}).decode())
        await client.send('{"type":"subscribe","symbols":["BTC"]}')
        await client.send('{"type":"list"}')
        issuer.may_answer.set()
        assert ["authenticated", "subscribed", "subscriptions"] == await types(client, 3)


@pytest.mark.parametrize("dies", [True, False])
async def test_who_goes_while_a_key_is_fetched_is_counted_nowhere(
    start_anyhow: Start, issuer: Issuer, dies: bool
) -> None:
    """Cut off or closed, in a handshake or after it: nothing of it is left, and nothing is logged as a fault."""
    running = await start_anyhow(auth=issuer.auth)
    await issuer.asked.wait()
    _, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(handshake(issuer.token))
    client = await connect(running.url)
    await client.send(orjson.dumps({"type": "auth", "token": issuer.token}).decode())
    await until(lambda: running.gateway._background_tasks and running.requests)
    if dies:
        writer.transport.abort()
        client.transport.abort()
    else:
        writer.close()
        await client.close()
    await until(lambda: len(running.gateway.hub) == 0)
    issuer.may_answer.set()
    await until(lambda: not running.gateway._background_tasks and not running.requests)
    await until_nobody_is_counted(running)
    assert 0 == len(running.gateway.hub)


async def test_a_refused_handshake_counts_once(start: Start) -> None:
    """Behind a trusted proxy it is looked at in both ways in; the second only passes the answer on."""
    proxies = TrustedProxies.parse(HOST, 1)
    running = await start(trusted_proxies=proxies, max_connections_per_ip=2, max_connect_rate_per_ip=1)
    behind = {"X-Forwarded-For": "192.0.2.7"}
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(connect(running.url, additional_headers=behind))
        # Ten may come at once: so many are refused for their number before one is for their rate.
        answers = [await refusal(running.url, additional_headers=behind) for _ in range(8)]
    assert [(429, "address")] * 8 == answers


async def test_one_refusal_is_not_the_next_ones(start: Start) -> None:
    """A connection that is kept alive may ask again, and better."""
    running = await start(allowed_origins=AllowedOrigins.parse("https://good.example"))
    reader, writer = await asyncio.open_connection(running.host, running.port)
    for origin, status in (("bad", b" 403 "), ("bad", b" 403 "), ("good", b" 101 ")):
        lines = (
            "GET /ws HTTP/1.1",
            f"Host: {HOST}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            f"Origin: https://{origin}.example",
        )
        writer.write("\r\n".join((*lines, "", "")).encode())
        async with asyncio.timeout(10):
            assert status in await reader.readuntil(b"\r\n\r\n")
            if status != b" 101 ":
                await reader.readuntil(b"}")
    writer.close()


async def test_a_bare_application_serves_no_strangers_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it listens is not its own to say: who comes by another address than loopback's is refused."""
    monkeypatch.setattr("gateway.http.upgrade.is_private", lambda _: False)
    running = await start_bare_app()
    assert (403, "anonymous") == await refusal(running.url)
    await running.close()
    running = await start_bare_app(allow_anonymous=True)
    async with connect(running.url) as client:
        assert ["welcome"] == await types(client, 1)
    await running.close()


async def test_an_issuer_that_does_not_answer_is_no_fault_of_the_token(start_anyhow: Start, issuer: Issuer) -> None:
    """503 to a handshake and to who wants a ticket, 1013 to who is in already; all may try again."""
    issuer.status = 500
    issuer.may_answer.set()
    running = await start_anyhow(auth=issuer.auth)
    assert (503, "try_later") == await refusal(running.url, additional_headers=bearing(issuer.token))
    async with connect(running.url) as client:
        await client.send(orjson.dumps({"type": "auth", "token": issuer.token}).decode())
        assert ["welcome", "status", "try_later"] == await types(client, 3)
        assert 1013 == await close_code(client)
    async with (
        aiohttp.ClientSession() as http,
        http.post(running.http_url + TICKET, headers=bearing(issuer.token)) as response,
    ):
        assert (503, "try_later") == (response.status, (await response.json())["code"])
    await until_nobody_is_counted(running)


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "HTTP/1.0": (lambda request: request.replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "HEAD": (lambda request: request.replace(b"GET", b"HEAD"), 405),
    "POST": (lambda request: request.replace(b"GET", b"POST"), 405),
    "a body": (lambda request: request[:-2] + b"Content-Length: 4\r\n\r\nbody", 400),
    "half a body": (lambda request: request[:-2] + b"Content-Length: 4\r\n\r\nbo", 400),
    "a chunked body": (lambda request: request[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
    "two hosts": (lambda request: request.replace(b"Host: x", b"Host: x\r\nHost: y"), 400),
    "no host": (lambda request: request.replace(b"Host: x\r\n", b""), 400),
    "//ws": (lambda request: request.replace(b"/ws", b"//ws"), 404),
    "/ws/": (lambda request: request.replace(b"/ws", b"/ws/"), 404),
    "/ws;": (lambda request: request.replace(b"/ws", b"/ws;x=1"), 404),
    "/%77s": (lambda request: request.replace(b"/ws", b"/%77s"), 101),
    "an absolute target": (lambda request: request.replace(b"/ws", b"http://x/ws"), 101),
    "an upgrade twice": (lambda request: request + request, 101),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_odd_requests_get_no_more_than_plain_ones(start_anyhow: Start, case: str) -> None:
    """Each is refused, or served like the plain one; either way a token is asked for and nobody stays counted."""
    running = await start_anyhow(auth=JWT)
    change, status = HOSTILE[case]
    for bearer, expected in ((good(), status), ("bad", 401 if status == 101 else status)):
        reader, writer = await asyncio.open_connection(running.host, running.port)
        writer.write(change(handshake(bearer)))
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
        assert expected == int(head.split()[1]), head
        writer.close()
    await until(lambda: len(running.gateway.hub) == 0)
    await until_nobody_is_counted(running)


async def test_a_declined_handshake_leaves_the_connection_to_other_requests(start: Start) -> None:
    """After a 426 the same connection serves the next request, which may be a better handshake."""
    running = await start(auth=JWT, spare_loopback=False)
    reader, writer = await asyncio.open_connection(running.host, running.port)
    worse = handshake(good()).replace(b"Version: 13", b"Version: 8")
    for request, expected in ((worse, b" 426 "), (handshake(good()), b" 101 ")):
        writer.write(request)
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            assert expected in head
            if b"Content-Length" in head:
                await reader.readuntil(b"}")
    assert 1 == running.gateway.admission._addresses["127.0.0.1"]
    writer.close()
    await until_nobody_is_counted(running)


async def test_a_bad_token_ends_its_connection(start_anyhow: Start) -> None:
    """Who tries another has to connect again, which has limits of its own."""
    running = await start_anyhow(auth=JWT)
    for request in (
        handshake("bad"),
        handshake(good()).replace(b"/ws", b"/ws?ticket=none"),
        b"POST /v1/ticket HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bad\r\n\r\n",
    ):
        assert b" 401 " in (await ask(running, request)).partition(b"\r\n")[0]


def handshake(token: str) -> bytes:
    """Write a handshake with a token."""
    return (
        f"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()
