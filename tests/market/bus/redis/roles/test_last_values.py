"""Last values on a server that anybody may write to."""

import pytest

from market.bus import Bus, LeaseLostError, Token
from market.wire.codec import encode_states, encode_tick
from market.wire.topics import last_states, last_ticks
from tests.market.bus.using import lead, publish
from tests.market.samples import heartbeat, states, tick
from tests.valkey import Valkey


async def test_strange_last_values_are_passed_on(bus: Bus, valkey: Valkey) -> None:
    """Foreign fields in the hash, even ones that are not UTF-8, are no error."""
    valkey.command("HSET", "ticks", "BTCUSDT", b"garbage", b"\xff", b"x")
    values = await last_ticks(bus.last_values)
    assert b"garbage" == values["BTCUSDT"]
    assert 2 == len(values)
    assert {"BTCUSDT": b"garbage"} == await last_ticks(bus.last_values, ["ETHUSDT", "BTCUSDT"])


@pytest.mark.parametrize("symbols", [None, ["BTCUSDT", "ETHUSDT"]], ids=["all", "some"])
async def test_what_is_too_long_for_a_tick_is_not_fetched(bus: Bus, valkey: Valkey, symbols: list[str] | None) -> None:
    """A value of megabytes does not block the others; a name of megabytes is left out."""
    await publish(bus, [tick("ETHUSDT")])
    valkey.command("HSET", "ticks", "BTCUSDT", b"x" * 50_000_000)
    valkey.command("HSET", "ticks", "X" * 1_000_000, b"x")
    assert {"BTCUSDT": b"", "ETHUSDT": encode_tick(tick("ETHUSDT"))} == await last_ticks(bus.last_values, symbols)
    valkey.command("SET", "states", b"x" * 50_000_000)
    assert b"" == await last_states(bus.last_values)


@pytest.mark.parametrize("kind", ["string", "list"])
async def test_keys_of_another_kind_stop_nobody(bus: Bus, valkey: Valkey, kind: str) -> None:
    """A key of another kind in place of ours reads as absent, and is replaced when we write."""
    await publish(bus, [tick()], heartbeat(), states=states())
    for key in ("ticks", "states", "lease.test"):
        valkey.command("DEL", key)
        if kind == "list" or key == "ticks":
            valkey.command(*(("RPUSH", key, "x") if kind == "list" else ("SET", key, "x")))
    assert {} == await last_ticks(bus.last_values) == await last_ticks(bus.last_values, ["BTCUSDT"])
    assert (b"" if kind == "list" else None) == await last_states(bus.last_values)
    with pytest.raises(LeaseLostError):
        await publish(bus, [tick(seq=2)], token=Token("test", "x", 1, 30))
    token = await lead(bus)
    await publish(bus, [tick(seq=3)], heartbeat(), states=states(), token=token)
    assert {"BTCUSDT": encode_tick(tick(seq=3))} == await last_ticks(bus.last_values)
    assert encode_states(states()) == await last_states(bus.last_values)
