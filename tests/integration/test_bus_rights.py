"""The users of docs/access.md, on a real server that grants only what stands there."""

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from deploy.checks.bus import check_bus
from deploy.checks.rights import LACKING, Need, article, needs
from gateway.settings import Settings
from market.bus import BusDownError, open_bus
from market.bus.orders import MOST_ORDERS
from poller.settings import PollerSettings
from tests.integration.granted import (
    NAMED,
    PASSWORD,
    TOKENS,
    USERS,
    checked,
    documented,
    grant,
    serve_prices,
    without_one,
)
from tests.valkey import Valkey

pytestmark = pytest.mark.integration

TWO_VENUES = {"SYMBOLS": "BTCUSDT,coinbase:BTC-USD"}


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


@pytest.mark.parametrize(("user", "other"), [("poller", "gateway"), ("gateway", "poller")])
async def test_the_check_names_what_is_only_the_others(valkey: Valkey, user: str, other: str) -> None:
    """`tickgate check` says of a user with the rights of one program what the other would need, and nothing else."""
    grant(valkey.command, user, documented(user))
    environ = {"BUS_URL": f"redis://{user}:{PASSWORD}@127.0.0.1:{valkey.port}/0"} | TOKENS
    found = await check_bus(environ, [PollerSettings.from_environ(environ)], Settings.from_environ(environ))
    (wrong,) = (its for its in found if its.mark == "wrong")
    assert f"user {user} may not do what a {other} needs: " in wrong.text


@pytest.mark.parametrize("user", ["poller", "gateway"])
def test_each_right_of_the_document_is_needed(valkey: Valkey, user: str) -> None:
    """With all of them nothing is refused; without any single one something is."""
    grant(valkey.command, user, documented(user))
    assert 0 == refused(valkey, user)
    needless = []
    for right, rest in without_one(documented(user)):
        grant(valkey.command, user, rest)
        if not refused(valkey, user) and right != NAMED:
            needless.append(right)
    assert [] == needless


async def gives_orders(server: Valkey, words: list[str]) -> bool:
    """Whether an operator with these rights can give an order, and one more where there is no room for another."""
    grant(server.command, "operator", words)
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
    grant(valkey.command, "operator", words)
    with Redis(port=valkey.port, username="operator", password=PASSWORD) as client:
        for command in (("HSET", "ticks", "BTCUSDT", "x"), ("PUBLISH", "tick.BTCUSDT", "x"), ("GET", "states")):
            with pytest.raises(NoPermissionError):
                client.execute_command(*command)


def test_a_gateway_cannot_change_prices(valkey: Valkey) -> None:
    """It may neither publish nor write what others read, though it announces itself and keeps tickets."""
    grant(valkey.command, "gateway", documented("gateway"))
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
    """The server has refused nothing, and the check for each program finds that nothing is missing."""
    for user in USERS:
        grant(valkey.command, user, documented(user))
    valkey.command("ACL", "LOG", "RESET")

    def url_of(user: str) -> str:
        return f"redis://{user}:{PASSWORD}@127.0.0.1:{valkey.port}/0"

    await serve_prices(url_of, lambda: valkey.command("EXISTS", "standby.poller"))
    assert [] == valkey.command("ACL", "LOG")
    for user in USERS:
        assert {"ok"} == {its.mark for its in await checked(url_of(user), user)}
        for other in USERS:
            texts = [its.text for its in await checked(url_of(user), other) if its.mark == "wrong"]
            assert len(texts) == (user != other)
            assert all(f"user {user} may not do what {article(other)} needs: " in text for text in texts)
