"""OpenAPI: the document is valid, says what is served, and a gateway does what it says."""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession
from msgspec.json import decode as loads
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.errors import REFUSALS
from gateway.http.documents.openapi import openapi
from gateway.http.routes import routes
from market.prices.symbols import parse_symbols
from tests.events import listening
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.conftest import RunningGateway, Start
from tests.gateway.http.documents.validating import problems, shape
from tests.gateway.http.test_routes import JWT, ask
from tests.waiting import until

DOCUMENT = openapi()
OPERATIONS = [(path, method, one) for path, methods in DOCUMENT["paths"].items() for method, one in methods.items()]
NOT_TOLD = {"/", "/web/{name:.+}", "/ws", "/ws/trade", "/metrics", "/ops", "/ops/processes"}
"""Pages, WebSockets, and what is for operators."""

_TICK: dict[str, Any] = {"bid_size": 1736, "ask_size": 7105, "last": 6503218, "volume": 76977333}


def test_it_is_valid() -> None:
    """As the validator of the specification has it."""
    assert [] == [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()]


def test_it_has_every_path_and_no_other() -> None:
    """With its methods, but for pages and those that browsers ask by themselves."""
    served = {(route.path, route.method.lower()) for route in routes()}  # type: ignore[attr-defined]
    told = {(path, method) for path, method, _ in OPERATIONS}
    assert told == {(path, method) for path, method in served if path not in NOT_TOLD and method != "options"}


def test_every_refusal_has_an_example_that_fits() -> None:
    """Of each status that an operation may refuse with."""
    for _, _, operation in OPERATIONS:
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                for code, example in content.get("examples", {}).items():
                    assert [] == problems(DOCUMENT, content["schema"], example["value"])
                    if status[0] in "45":
                        assert (int(status), code) in REFUSALS


def requests(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Query and headers of a request for each example of a parameter, and of one without any."""
    yield "", {}
    for parameter in operation.get("parameters", ()):
        for example in parameter.get("examples", {}).values():
            value = example["value"]
            text = ",".join(value) if isinstance(value, list) else str(value)
            if parameter["in"] == "query":
                more = {"conflate": "false"} if parameter["name"] == "since" else {}
                yield urlencode({parameter["name"]: text, **more}), {}
            else:
                yield "conflate=false", {parameter["name"]: text}


async def ready(start: Start, **settings: Any) -> RunningGateway:
    """A gateway with what the examples name."""
    running = await start(symbols=parse_symbols("BTCUSDT,ETHUSDT"), **settings)
    await running.heartbeat(source="binance-ws")
    now_us = time.time_ns() // 1000
    await running.publish("BTCUSDT", 1795734825341, size_scale=5, recv_us=now_us, event_us=now_us, **_TICK)
    await until(lambda: running.gateway.feed.live)
    return running


async def test_every_example_is_served(start: Start) -> None:
    """Each answer fits its schema, and the example of an answer has the same form."""
    running = await ready(start, auth=JWT)
    proof = {"Authorization": f"Bearer {token('HS256', SECRET, exp=time.time() + 3600)}"}
    for path, method, operation in OPERATIONS:
        content = operation["responses"]["200"]["content"]
        shapes = []
        for query, headers in requests(operation):
            url = f"{running.http_url}{path[1:]}?{query}"
            if "text/event-stream" in content:
                async with listening(url, **proof, **headers) as events:
                    await events.until(lambda events: events.of("subscribed"))
                continue
            async with ClientSession() as http, http.request(method, url, headers=proof | headers) as response:
                body = loads(await response.read())
                assert (200, "application/json") == (response.status, response.content_type), url
                assert [] == problems(DOCUMENT, content["application/json"]["schema"], body), url
                shapes.append(shape(body))
        for name, example in content.get("application/json", {}).get("examples", {}).items():
            told = shape(example["value"])
            for one in shapes:
                _forget_reasons(one)
            _forget_reasons(told)
            assert told in shapes, (path, name, shapes)


def _forget_reasons(told: Any) -> None:
    """What is not live says why; here all is."""
    for entry in told.get("ticks", ()) if isinstance(told, dict) else ():
        entry.pop("reason", None)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/ticks?symbols=NOPE", 404, "unknown_symbol"),
        ("/v1/stream?symbols=NOPE", 404, "unknown_symbol"),
        ("/v1/ticks?numbers=float", 400, "bad_query"),
        ("/v1/stream?max_hz=0", 400, "bad_query"),
        ("/nothing", 404, "not_found"),
    ],
)
async def test_refusals_come_as_they_are_told(start_anyhow: Start, path: str, status: int, code: str) -> None:
    """With a status that the operation has, and a body that fits."""
    running = await start_anyhow()
    answered, _, body = await ask(running, "GET", path[1:])
    assert (status, code) == (answered, loads(body)["code"])
    told = DOCUMENT["paths"].get(path.partition("?")[0], DOCUMENT["paths"]["/v1/ticks"])["get"]["responses"]
    schema = told[str(status)]["content"]["application/json"]["schema"]
    assert [] == problems(DOCUMENT, schema, loads(body))


@pytest.mark.parametrize("with_token", [pytest.param(False, marks=pytest.mark.long("gateway")), True])
async def test_nothing_that_can_be_asked_breaks_it(start: Start, with_token: bool, tmp_path: Path) -> None:
    """Schemathesis asks for what the document allows and for what it does not; each answer is one that it tells of.

    A stream never ends, so it is left out here.
    """
    running = await ready(start, **({"auth": JWT} if with_token else {}))
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{running.http_url}openapi.json"]
    command += ["--exclude-path", "/v1/stream", "--checks", "all", "--max-examples", "15", "--seed", "1", "--no-color"]
    command += ["--generation-database", "none", "--request-timeout", "20"]
    if with_token:
        command += ["-H", f"Authorization: Bearer {token('HS256', SECRET, exp=time.time() + 3600)}"]
    else:
        # Nobody needs a ticket here.
        command += ["--exclude-path", "/v1/ticket"]
    asking = await asyncio.create_subprocess_exec(
        # It leaves a folder behind.
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
    )
    said, _ = await asking.communicate()
    assert 0 == asking.returncode, said.decode()
