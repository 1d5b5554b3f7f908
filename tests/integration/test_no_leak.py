"""Nothing secret is said again: every path is gone with marked secrets, and all that anybody said is searched for them.

What is searched: the output of every process, at the most talkative level and in both formats, HAProxy's log, metrics,
every answer and close reason that clients got, and the command lines. What is marked: the secret that signs tokens,
tokens good and bad, tickets, the token of the metrics, and the password of the bus.
"""

import asyncio
import hashlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from deploy.launcher.programs import GUNICORN, plan_cluster
from deploy.launcher.stack import Stack
from deploy.ports import Address, free_port
from deploy.process.processes import ROOT
from market.process.logs import UNNAMED
from tests.gateway.auth.tokens import token
from tests.integration.stacks import GATEWAY_COUNT, cluster_environment, environment, eventually, members_of, start
from tests.reference.log_events import all_events
from tests.valkey import Valkey
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

SECRET = "marked-secret-7f3a91c0d2e84b65-of-forty-bytes"  # noqa: S105 # a mark to look for
PASSWORD = "marked-password-5d1c0b9e"  # noqa: S105 # a mark to look for
METRICS_TOKEN = "marked-metrics-token-c4e20d7a"  # noqa: S105 # a mark to look for
USER = "gateways"
ALONE = (sys.executable, "-m", "gateway")


ANSWERS = {"authenticated", "subscribed", "subscriptions", "error"}


class Marks:
    """Secrets, each of which must not be said."""

    def __init__(self) -> None:
        self.all: dict[str, str] = {
            "the secret": SECRET,
            "the password": PASSWORD,
            "the token of the metrics": METRICS_TOKEN,
        }
        """What it is -> what to look for."""

    def token(self, name: str, *, tampered: bool = False, **changes: Any) -> str:
        """A new one. Its header is nobody's secret; what it claims and how that is signed are."""
        told: dict[str, Any] = {"sub": name, "exp": time.time() + 600, "mark": os.urandom(6).hex()}
        made = token("HS256", SECRET, **(told | changes))
        header, payload, signature = made.split(".")
        if tampered:
            signature = signature[::-1]
        self.all[f"claims of the {name} token"] = payload
        self.all[f"signature of the {name} token"] = signature
        return f"{header}.{payload}.{signature}"

    def ticket(self, ticket: str) -> str:
        self.all[f"ticket {len(self.all)}"] = ticket
        return ticket

    def short(self) -> str:
        """A secret that is too short to be used."""
        self.all["the short secret"] = SECRET[:20]
        return SECRET[:20]

    def found(self, said: list[str]) -> list[tuple[str, str]]:
        """Where any of them was said: what, and the line."""
        return [(what, line) for line in said for what, mark in self.all.items() if mark in line]


class Stranger:
    """Somebody who tries everything, and keeps what was answered."""

    def __init__(self, address: Address, marks: Marks) -> None:
        self.address = address
        self.marks = marks
        self.received: list[str] = []
        self.outcomes: list[int] = []
        """Statuses and close codes, to see that the paths were what they should be."""

    async def request(self, method: str, path: str, **headers: str) -> bytes:
        """Any request; the body of its answer."""
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, f"http://{self.address}{path}", headers=headers, allow_redirects=False) as response,
        ):
            body = await response.read()
            self.outcomes.append(response.status)
            self.received.append(f"{response.status} {response.reason} {response.headers}")
            if path != "/v1/ticket" or response.status != 200:
                self.received.append(body.decode())
            return body

    async def raw(self, request: str) -> None:
        """Bytes that no client would send."""
        reader, writer = await asyncio.open_connection(self.address.host, self.address.port)
        writer.write(request.encode("latin-1"))
        async with asyncio.timeout(30):
            with suppress(ConnectionError):
                answer = await reader.readuntil(b"\r\n\r\n")
                self.outcomes.append(int(answer.split()[1]))
                self.received.append((answer + await reader.read(65536)).decode("latin-1"))
        writer.close()

    async def open(self, query: str = "", *messages: Any, bearer: str | None = None, **headers: str) -> None:
        """A WebSocket: says ``messages``, one after the answer to the other, and closes it, if the gateway does not."""
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        try:
            client = await connect(f"ws://{self.address}/ws{query}", additional_headers=headers, compression=None)
        except InvalidStatus as refused:
            response = refused.response
            self.outcomes.append(response.status_code)
            self.received.append(f"{response.reason_phrase} {response.headers} {(response.body or b'').decode()}")
            return
        async with client, asyncio.timeout(30):
            try:
                for message in messages:
                    await client.send(message if isinstance(message, str) else orjson.dumps(message).decode())
                    await self._receive_answer(client, stays=bearer is not None)
                self.outcomes.append(101)
            except ConnectionClosed:
                self.outcomes.append(client.close_code or 0)
                self.received.append(str(client.close_reason))

    async def _receive_answer(self, client: ClientConnection, *, stays: bool) -> None:
        """Until the answer to one message has come; until the close, where a bad token is somebody's first."""
        while True:
            self.received.append(str(await client.recv()))
            message = orjson.loads(self.received[-1])
            if message["type"] in ANSWERS and (stays or message.get("code") != "unauthorised"):
                return

    async def try_everything(self, *, query_token: bool) -> None:
        marks = self.marks
        good, expired, forged = (
            marks.token("good"),
            marks.token("expired", exp=1),
            marks.token("forged", tampered=True),
        )
        subscribe = {"type": "subscribe", "symbols": ["BTC"]}
        for bearer in (good, expired, forged):
            await self.open("", subscribe, bearer=bearer)
            await self.open(f"?token={bearer}")
            await self.open("", {"type": "auth", "token": bearer})
            await self.request("POST", "/v1/ticket", Authorization=f"Bearer {bearer}")
        expected_by_url = [101, 401, 401] if query_token else [101, 101, 101]
        by_header, by_url, by_message, tickets = (self.outcomes[start::4] for start in range(4))
        assert [101, 401, 401] == by_header
        assert expected_by_url == by_url
        assert [101, 4401, 4401] == by_message
        assert [200, 401, 401] == tickets
        await self._spend_tickets(good)
        await self._say_wrong_things(good, forged)

    async def _spend_tickets(self, good: str) -> None:
        self.outcomes.clear()
        for _ in range(2):
            body = await self.request("POST", "/v1/ticket", Authorization=f"Bearer {good}")
            ticket = self.marks.ticket(orjson.loads(body)["ticket"])
            await self.open(f"?ticket={ticket}")
            await self.open(f"?ticket={ticket}", bearer=good)
            await self.open(f"?ticket={ticket}x")
        assert [200, 101, 401, 401] * 2 == self.outcomes

    async def _say_wrong_things(self, good: str, forged: str) -> None:
        self.outcomes.clear()
        auth = {"type": "auth", "token": good}
        await self.open("", auth, auth | {"more": 1}, f"{{{good}", bearer=good)
        await self.open("", {"type": "auth", "token": forged}, bearer=good)
        await self.open("", auth | {"token": [good]}, auth | {"id": good}, {"type": good}, {"symbols": [good]})
        await self.open("", auth, {"type": "auth", "token": self.marks.token("others")}, bearer=good)
        await self.open(bearer=good, Origin="https://evil.example")
        await self.open(bearer=good + "\u00e9".encode().decode("latin-1"))
        paths = (
            "/",
            "/nothing",
            "/ws",
            "/ws/",
            "/v1/ticket",
            "/v1/ticks",
            "/v1/status",
            "/web/x",
            "/metrics",
            "/healthz",
        )
        for path in paths:
            for method in ("GET", "POST", "DELETE"):
                await self.request(method, f"{path}?token={good}&ticket={good}", Authorization=f"Bearer {good}")
        assert {200, 403, 404, 405, 426} <= set(self.outcomes), self.outcomes
        self.outcomes.clear()
        bearing = f"Host: localhost\r\nAuthorization: Bearer {good}"
        for request in (
            f"GET /ws?token={good}\x01 HTTP/1.1\r\n{bearing}\r\n\r\n",
            f"GET /ws HTTP/1.1\r\n{bearing}\x01\r\n\r\n",
            f"GET /ws?token={good} HTTP/1.1\r\n{bearing}\r\n{bearing}\r\n\r\n",
            f"GET http://{good}:99999/ HTTP/1.1\r\n{bearing}\r\n\r\n",
            f"GET /ws?token={good} HTTP/9.9\r\n{bearing}\r\n\r\n",
            f"GET /ws HTTP/1.1\r\n{bearing}\r\nX: {40_000 * 'x'}\r\n\r\n",
            f"POST /v1/ticket HTTP/1.1\r\n{bearing}\r\nTransfer-Encoding: chunked\r\n\r\n{good}\r\n\r\n",
        ):
            await self.raw(request)
        assert all(400 <= status < 500 for status in self.outcomes), self.outcomes

    async def ask_for_metrics(self) -> None:
        """With the token, with one that is nearly it, and with it where it does not belong."""
        self.outcomes.clear()
        path = "/metrics"
        await self.request("GET", path, Authorization=f"Bearer {METRICS_TOKEN}")
        await self.request("GET", path, Authorization=f"Bearer {METRICS_TOKEN}x")
        await self.request("GET", f"{path}?token={METRICS_TOKEN}")
        await self.request("GET", path, Authorization=f"Basic {METRICS_TOKEN}", Cookie=f"token={METRICS_TOKEN}")
        assert [200, 401, 401, 401] == self.outcomes


@asynccontextmanager
async def stack_that_is_watched(command: tuple[str, ...], said: list[str], **settings: str) -> AsyncIterator[Stack]:
    """Poller, one gateway and HAProxy; whatever they say goes to ``said``."""
    address = f"127.0.0.1:{free_port()}"
    variables = {f"TICKGATE_GATEWAY_{number}": address for number in range(1, GATEWAY_COUNT + 1)}
    plan = plan_cluster(cluster_environment(LOG_LEVEL="DEBUG", AUTH_MODE="jwt", **settings) | variables)
    stack = Stack(
        replace(plan, gateways=(replace(plan.gateways[0], command=command),), restart=False),
        lambda name, line: said.append(f"{name}: {line}"),
    )
    try:
        await start(stack)
        yield stack
    finally:
        await stack.stop()


def _files_of(folder: Path) -> dict[str, str]:
    """The secrets in files: variables that name them."""
    secrets = {"JWT_SECRET_FILE": SECRET, "METRICS_TOKEN_FILE": METRICS_TOKEN, "BUS_PASSWORD_FILE": PASSWORD}
    for name, secret in secrets.items():
        (folder / name).write_text(f"{secret}\n", encoding="ascii")
    return {name: str(folder / name) for name in secrets}


@pytest.mark.parametrize(
    ("command", "log_format", "query_token"),
    [(ALONE, "console", True), ((*GUNICORN, "--access-logfile", "-", "--log-level", "debug"), "json", False)],
    ids=["alone", "gunicorn"],
)
async def test_no_secret_is_said_on_any_path(
    valkey: Valkey, tmp_path: Path, command: tuple[str, ...], log_format: str, query_token: bool
) -> None:
    """In through every door, out of every door, past faults of the bus: none of the marks is said anywhere."""
    valkey.command("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~*", "&*", "+@all")
    in_files = command is not ALONE
    bus_url = f"redis://{USER}{'' if in_files else f':{PASSWORD}'}@127.0.0.1:{valkey.port}/0"
    said: list[str] = []
    marks = Marks()
    poller = Address("127.0.0.1", free_port(), "POLLER_METRICS_PORT")
    settings = {"BUS_URL": bus_url, "LOG_FORMAT": log_format, "AUTH_QUERY_TOKEN": str(int(query_token))}
    settings["POLLER_METRICS_PORT"] = str(poller.port)
    settings |= _files_of(tmp_path) if in_files else {"JWT_SECRET": SECRET, "METRICS_TOKEN": METRICS_TOKEN}
    async with stack_that_is_watched(command, said, **settings) as stack:
        gateway = stack.plan.gateways[0].listens[0]
        strangers = [Stranger(address, marks) for address in (gateway, stack.plan.front)]
        for stranger in strangers:
            await stranger.try_everything(query_token=query_token)
        strangers.append(Stranger(poller, marks))
        for stranger in (strangers[0], strangers[-1]):
            await stranger.ask_for_metrics()
        await provoke_faults(strangers[0], valkey)
        if in_files:
            (tmp_path / "JWT_SECRET_FILE").write_text(marks.short(), encoding="ascii")
            stack["gateway-1"].send(signal.SIGHUP)
            await until(lambda: any("settings_refused" in line for line in said))
        said.extend(members_of({pid for process in stack for pid in process.pids}).values())
    said.extend(line for stranger in strangers for line in stranger.received)

    assert [] == marks.found(said)
    # And it is what it should be that was searched.
    text = "\n".join(said)
    for word in ("GET /ws", "haproxy: ", "DEBUG", "connected from", "tickgate_connections_refused_total", "-m"):
        assert word in text, word
    if log_format == "json":
        events = [event_of(line) for name in ("gateway-1", "poller") for line in lines_of(said, name)]
        assert {"client_closed", "client_connected", "bus_link_down", "feed_began", UNNAMED} <= set(events)
        assert set(events) <= {event.name for event in all_events().values()} | {UNNAMED}


async def provoke_faults(stranger: Stranger, valkey: Valkey) -> None:
    """The bus holds nonsense where a ticket should be, then shuts the gateway out, and takes it back."""
    good = stranger.marks.token("late")
    tickets = []
    for _ in range(3):
        body = await stranger.request("POST", "/v1/ticket", Authorization=f"Bearer {good}")
        tickets.append(stranger.marks.ticket(orjson.loads(body)["ticket"]))
    nonsense, wrong_type, unheard = (f"ticket.{hashlib.sha256(ticket.encode()).hexdigest()}" for ticket in tickets)
    assert valkey.command("EXISTS", unheard)
    valkey.command("SET", nonsense, f"\xff{PASSWORD}")
    valkey.command("DEL", wrong_type)
    valkey.command("HSET", wrong_type, PASSWORD, good)
    stranger.outcomes.clear()
    for ticket in tickets[:2]:
        await stranger.open(f"?ticket={ticket}")
    assert 401 == stranger.outcomes[0]
    assert 500 <= stranger.outcomes[1] <= 503
    valkey.command("ACL", "SETUSER", USER, "off")
    valkey.command("CLIENT", "KILL", "USER", USER)
    await stranger.open(f"?ticket={tickets[2]}")
    await stranger.request("POST", "/v1/ticket", Authorization=f"Bearer {good}")
    assert [503, 503] == stranger.outcomes[2:]
    valkey.command("ACL", "SETUSER", USER, "on")

    async def is_back() -> bool:
        return b'"feed":"live"' in await stranger.request("GET", "/readyz")

    await eventually(is_back, within_s=30)
    await stranger.request("GET", "/metrics", Authorization=f"Bearer {METRICS_TOKEN}")


BAD_STARTS: tuple[dict[str, str], ...] = (
    {"AUTH_MODE": "jwt", "JWT_SECRET": SECRET[:20]},
    {"AUTH_MODE": "jwt", "JWT_SECRET": SECRET, "JWT_JWKS_URL": f"https://issuer.example/{SECRET}"},
    {"AUTH_MODE": "jwt", "JWT_SECRET": SECRET, "JWT_FAMILY": "RS"},
    {"AUTH_MODE": "jwt", "JWT_SECRET": SECRET, "GATEWAY_PORT": "http"},
    {"AUTH_MODE": "jwt", "JWT_JWKS_URL": f"https://user:{SECRET}@issuer.example/keys"},
    {"AUTH_MODE": "jwt", "JWT_JWKS_URL": f"http://issuer.example/{SECRET}"},
    {"BUS_URL": f"redis://user:{PASSWORD}@127.0.0.1:notaport/0"},
    {"BUS_URL": f"redis://user:12#{PASSWORD}@127.0.0.1:1/0"},
    {"BUS_URL": f"redis://user:12?{PASSWORD}@127.0.0.1:1/0"},
    {"BUS_URL": f"kafka://user:{PASSWORD}@127.0.0.1/0"},
    {"BUS_URL": f"redis://user:{PASSWORD}@127.0.0.1:1/0", "GATEWAY_HOST": "0.0.0.0"},  # noqa: S104 # refused
)


@pytest.mark.parametrize("command", [ALONE, GUNICORN], ids=["alone", "gunicorn"])
async def test_a_start_that_fails_names_the_setting_and_not_its_value(command: tuple[str, ...]) -> None:
    """Whatever is wrong with a secret, or beside one, the one line that says so does not hold it."""
    marks = Marks()
    marks.short()
    starts = BAD_STARTS if command is ALONE else BAD_STARTS[:3]
    outputs = await asyncio.gather(*(_output(command, **settings) for settings in starts))
    for settings, (code, output) in zip(starts, outputs, strict=True):
        assert [] == marks.found([output])
        assert code != 0
        assert any(name in output for name in settings), (settings, output)
        if command is ALONE:
            assert (2, 1) == (code, len(output.splitlines())), (settings, output)


async def test_a_token_that_cannot_be_made_does_not_show_the_secret() -> None:
    """The tool that makes tokens for development is as silent."""
    marks = Marks()
    marks.short()
    for arguments, secret in ((("--subject", "x"), SECRET[:20]), (("--subject", "x", "--ttl", "-5"), SECRET)):
        code, output = await _output((*ALONE, "token", *arguments), JWT_SECRET=secret)
        assert (2, []) == (code, marks.found([output])), output


async def _output(command: tuple[str, ...], **settings: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=environment(**({"GATEWAY_PORT": str(free_port())} | settings)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(40):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode()


def event_of(line: str) -> str:
    """The event of a JSON line, which has the keys of each."""
    read = orjson.loads(line)
    assert list(read)[:5] == ["time", "level", "event", "logger", "message"]
    return str(read["event"])


def lines_of(said: list[str], name: str) -> list[str]:
    """List what one program has said."""
    return [line.removeprefix(f"{name}: ") for line in said if line.startswith(f"{name}: ")]
