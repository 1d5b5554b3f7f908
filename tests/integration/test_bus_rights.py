"""The users of docs/access.md, on a real server that grants only what stands there."""

import asyncio
import re
import sys
from pathlib import Path

import aiohttp
import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from deploy.checks.bus import check_bus
from deploy.checks.rights import LACKING, Need, needs
from deploy.ports import free_port
from deploy.process.processes import Process
from gateway.settings import Settings
from market.bus import BusDownError, open_bus
from market.bus.orders import MOST_ORDERS
from poller.settings import PollerSettings
from tests.client import connected
from tests.gateway.auth.tokens import SECRET, token
from tests.integration.stacks import answers, environment, eventually
from tests.valkey import Valkey

pytestmark = pytest.mark.integration

TOKENS = {"AUTH_MODE": "jwt", "JWT_SECRET": SECRET}
TWO_VENUES = {"SYMBOLS": "BTCUSDT,coinbase:BTC-USD"}
NAMED = "+client|setinfo"
"""Each connection names its library. Without this right it goes on, and the server's log of refusals fills."""
PASSWORD = "sesame"  # noqa: S105


def documented(user: str) -> list[str]:
    """The words of the document for a user, after its name; what is in brackets is one word."""
    text = Path("docs/access.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^ACL SETUSER {user} reset on >\S+ (.+)$", text, re.MULTILINE)
    return re.findall(r"\([^)]*\)|\S+", line)


def grant(server: Valkey, user: str, words: list[str]) -> None:
    """Give these rights and no others."""
    server.command("ACL", "SETUSER", user, "reset", "on", f">{PASSWORD}", *words)


def wanted(user: str) -> list[Need]:
    """What the program sends, on two venues and with tokens."""
    if user == "gateway":
        return needs([], Settings.from_environ(TOKENS | TWO_VENUES))
    return needs([PollerSettings.from_environ({"VENUE": venue}) for venue in ("binance", "coinbase")], None)


def refused(server: Valkey, user: str) -> int:
    """How much of it the server refuses; all of it without EVAL."""
    needed = [need.encoded for need in wanted(user)]
    with Redis(port=server.port, username=user, password=PASSWORD) as client:
        try:
            return len(client.execute_command("EVAL", LACKING, 0, *needed)) // 2
        except NoPermissionError:
            return len(needed)


def without_one(words: list[str]) -> list[tuple[str, list[str]]]:
    """Each single right, in brackets or not, and the words without it."""
    found = []
    for number, word in enumerate(words):
        before, after = words[:number], words[number + 1 :]
        if word.startswith("("):
            inner = word[1:-1].split()
            for place, right in enumerate(inner):
                rest = " ".join(inner[:place] + inner[place + 1 :])
                found.append((f"{right} in {word}", [*before, f"({rest})", *after]))
        else:
            found.append((word, before + after))
    return found


@pytest.mark.parametrize(("user", "other"), [("poller", "gateway"), ("gateway", "poller")])
async def test_the_check_names_what_is_only_the_others(valkey: Valkey, user: str, other: str) -> None:
    """`tickgate check` says of a user with the rights of one program what the other would need, and nothing else."""
    grant(valkey, user, documented(user))
    environ = {"BUS_URL": f"redis://{user}:{PASSWORD}@127.0.0.1:{valkey.port}/0"} | TOKENS
    found = await check_bus(environ, [PollerSettings.from_environ(environ)], Settings.from_environ(environ))
    (wrong,) = (its for its in found if its.mark == "wrong")
    assert f"user {user} may not do what a {other} needs: " in wrong.text


@pytest.mark.parametrize("user", ["poller", "gateway"])
def test_each_right_of_the_document_is_needed(valkey: Valkey, user: str) -> None:
    """With all of them nothing is refused; without any single one something is."""
    grant(valkey, user, documented(user))
    assert 0 == refused(valkey, user)
    needless = []
    for right, rest in without_one(documented(user)):
        grant(valkey, user, rest)
        if not refused(valkey, user) and right != NAMED:
            needless.append(right)
    assert [] == needless


async def gives_orders(server: Valkey, words: list[str]) -> bool:
    """Whether an operator with these rights can give an order, and one more where there is no room for another."""
    grant(server, "operator", words)
    bus = open_bus(f"redis://operator:{PASSWORD}@127.0.0.1:{server.port}/0")
    server.command("DEL", "orders")
    try:
        await bus.orders.give("subject", b"value", 60)
        # Those that nobody can read make room; what is no hash does so, too.
        server.command("HSET", "orders", *(word for number in range(MOST_ORDERS) for word in (f"x{number}", "x")))
        await bus.orders.give("other", b"value", 60)
        server.command("SET", "orders", "x")
        await bus.orders.give("subject", b"value", 60)
    except BusDownError:
        return False
    finally:
        await bus.aclose()
    return True


async def test_an_operator_needs_each_right_of_the_document(valkey: Valkey) -> None:
    """And can change nothing else."""
    words = documented("operator")
    assert await gives_orders(valkey, words)
    rests = {right: rest for right, rest in without_one(words) if right != NAMED}
    assert [] == [right for right, rest in rests.items() if await gives_orders(valkey, rest)]
    grant(valkey, "operator", words)
    with Redis(port=valkey.port, username="operator", password=PASSWORD) as client:
        for command in (("HSET", "ticks", "BTCUSDT", "x"), ("PUBLISH", "tick.BTCUSDT", "x"), ("GET", "states")):
            with pytest.raises(NoPermissionError):
                client.execute_command(*command)


def test_a_gateway_cannot_change_prices(valkey: Valkey) -> None:
    """It may neither publish nor write what others read, though it announces itself and keeps tickets."""
    grant(valkey, "gateway", documented("gateway"))
    with Redis(port=valkey.port, username="gateway", password=PASSWORD) as client:
        for words in (
            *(("PUBLISH", "tick.BTCUSDT", "x"), ("PUBLISH", "0#batch.binance", "x"), ("SET", "states", "x")),
            *(("HSET", "ticks", "BTCUSDT", "x"), ("DEL", "ticks"), ("DEL", "states"), ("GETDEL", "states")),
            *(("SET", "lease.poller", "x"), ("PEXPIRE", "ticks", "1"), ("KEYS", "*"), ("FLUSHALL",)),
            *(
                ("CONFIG", "GET", "*"),
                ("ACL", "LIST"),
                ("EVAL", "return redis.call('HSET', KEYS[1], 1, 1)", "1", "ticks"),
            ),
        ):
            with pytest.raises(Exception, match=r"(?i)NOPERM|no permissions|can't (run|access)"):
                client.execute_command(*words)
        assert client.set("ticket.x", "y", px=1000)
    assert 0 == valkey.command("EXISTS", "ticks", "states", "lease.poller")


async def test_programs_with_these_rights_alone_serve_prices(valkey: Valkey) -> None:
    """A client with a ticket hears prices, also after a stand-by has taken over, and the server has refused nothing."""
    for user in ("poller", "gateway"):
        grant(valkey, user, documented(user))
    valkey.command("ACL", "LOG", "RESET")
    port, lines = free_port(), list[str]()

    def program(user: str, **variables: str) -> Process:
        url = f"redis://{user}:{PASSWORD}@127.0.0.1:{valkey.port}/0"
        env = environment(BUS_URL=url, GATEWAY_PORT=str(port), **variables)
        return Process(user, (sys.executable, "-m", user), env=env, say=lambda _, line: lines.append(line))

    # The last one stands by, and takes over.
    programs = program("poller"), program("gateway", **TOKENS), program("poller")
    try:
        for its in programs:
            await its.start()
        await answers(f"http://127.0.0.1:{port}/readyz", 200)
        bearer = {"Authorization": f"Bearer {token('HS256', SECRET)}"}
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=bearer) as session:
            async with session.post("/v1/ticket") as answer:
                assert 200 == answer.status
                ticket = (await answer.json())["ticket"]
            async with connected(f"ws://127.0.0.1:{port}/ws?ticket={ticket}") as client:
                await client.subscribe("BTCUSDT")
                await client.until(lambda client: len(client.prices["BTCUSDT"]) >= 3, 20)
                await eventually(lambda: asyncio.to_thread(valkey.command, "EXISTS", "standby.poller"), 20)
                await programs[0].stop(10)
                heard = len(client.prices["BTCUSDT"])
                await client.until(lambda client: len(client.prices["BTCUSDT"]) >= heard + 3, 20)
    finally:
        for its in programs:
            await its.stop(10)
    refusals = [(entry[b"username"], entry[b"object"]) for entry in map(dict, valkey.command("ACL", "LOG"))]
    assert [] == refusals, lines
