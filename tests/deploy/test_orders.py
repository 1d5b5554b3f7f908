"""``tickgate kick`` and ``tickgate revoke``, with a real bus."""

import asyncio
import time

import pytest

from deploy.orders import kick, revoke
from market.bus import open_bus
from market.bus.orders import Order
from market.wire.orders import KICK_S, AnyOrder, Kick, Revoke, decode_order
from tests.valkey import Valkey

MOMENT = 1_900_000_000


@pytest.fixture
def bus(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty bus, which the variables name."""
    monkeypatch.setenv("BUS_URL", valkey.url)
    return valkey.url


def standing(url: str) -> list[tuple[AnyOrder | None, float]]:
    """The orders on the bus, each with the seconds that it stands."""

    async def read() -> list[Order]:
        bus = open_bus(url)
        found = await bus.orders.standing()
        await bus.aclose()
        assert found is not None
        return list(found.orders.values())

    return [(decode_order(order.value), (order.ends_us - order.given_us) / 1e6) for order in asyncio.run(read())]


def test_a_kick_stands_for_an_hour(bus: str, capsys: pytest.CaptureFixture[str]) -> None:
    """So that a gateway which does not reach the bus obeys it when it does."""
    assert 0 == kick(["alice"])
    assert [(Kick("alice"), KICK_S)] == standing(bus)
    assert "tickgate kick: told all gateways to close the connections of 'alice'\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("until", "left_s"),
    [
        ([], 30 * 86_400),
        (["--until", "1900000100"], 100),
        (["--until", "2030-03-17T20:33:20Z"], 10_000),
        (["--until", "2030-03-17T20:33:20"], 10_000),
    ],
)
def test_a_token_is_revoked_until_a_time(
    until: list[str], left_s: float, bus: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In Unix seconds or as a date, which is UTC unless it says otherwise; without one for 30 days."""
    monkeypatch.setattr(time, "time", lambda: float(MOMENT))
    assert 0 == revoke(["id-1", *until])
    [(order, stands_s)] = standing(bus)
    assert (Revoke("id-1"), left_s) == (order, stands_s)
    assert "UTC" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        (kick, [], "SUBJECT"),
        (kick, ["a\nb"], "cannot be printed"),
        (kick, ["x" * 201], "1 to 200 letters"),
        (kick, [""], "1 to 200 letters"),
        (revoke, ["a", "--until", "tomorrow"], "is no time"),
        (revoke, ["a", "--until", "5"], "later than now"),
        (revoke, ["a", "--until", "99999999999"], "366 days"),
    ],
)
def test_a_wrong_argument_is_one_line(
    command: object, arguments: list[str], words: str, bus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nobody is told anything."""
    assert callable(command)
    with pytest.raises(SystemExit) as caught:
        command(arguments)
    assert 2 == caught.value.code
    printed = capsys.readouterr().err
    assert words in printed
    assert 1 == printed.count("\n")
    assert [] == standing(bus)


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("memory://", 2, "within one process"),
        ("http://a", 2, "BUS_URL"),
        ("kafka://127.0.0.1:1", 2, "STORE_URL"),
        ("redis://127.0.0.1:1/0", 1, "the bus did not take it"),
    ],
)
def test_without_a_bus_it_says_so(
    url: str, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line; who reads the exit code knows that nobody was kicked."""
    monkeypatch.setenv("BUS_URL", url)
    assert code == kick(["alice"])
    printed = capsys.readouterr()
    assert "" == printed.out
    assert words in printed.err
    assert 1 == printed.err.count("\n")
