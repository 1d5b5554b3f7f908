"""A bus is found by its URL, and lies where other versions look for it."""

import asyncio

import pytest

from market.bus import Bus, BusUrlError, open_bus
from market.wire.codec import encode_tick
from tests.market.bus.receivers import TIMEOUT_S
from tests.market.bus.using import publish
from tests.market.samples import heartbeat, tick
from tests.valkey import Valkey


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:6379",
        "http://127.0.0.1:6379",
        "memory://x",
        "redis://127.0.0.1:port/0",
        "redis://127.0.0.1:70000/0",
        "redis://[::1/0",
        "redis://127.0.0.1:6379/zero",
        "redis://127.0.0.1:6379/0/1",
        "redis://127.0.0.1:6379/0?db=x",
        "redis://127.0.0.1:6379/0?nonsense=1",
        "redis://:sesame/street@127.0.0.1:6379/0",
    ],
)
def test_url_that_means_nothing(url: str) -> None:
    """A URL that no client can read is refused with the way to write one, and shows nothing of itself."""
    with pytest.raises(BusUrlError, match=r"write|remove") as refusal:
        open_bus(url)
    assert "sesame" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://user:sesame@example.org:6380/3", "redis example.org:6380 db 3"),
        ("rediss://:sesame@example.org", "redis example.org:6379 db 0"),
        ("unix:///run/valkey.sock?db=2", "redis /run/valkey.sock db 2"),
    ],
)
def test_name_shows_the_place_only(url: str, name: str) -> None:
    """A bus is named by its place; its password is in neither name nor representation."""
    bus = open_bus(url)
    assert name == bus.name
    assert "sesame" not in repr(bus)
    assert "sesame" not in repr(vars(bus))


async def test_layout_on_the_server(bus: Bus, valkey: Valkey) -> None:
    """Ticks go to ``tick.<SYMBOL>``, heartbeats to ``feed.status``, newest payloads to the hash ``ticks``."""
    async with asyncio.timeout(TIMEOUT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", valkey.port)
        writer.write(b"PSUBSCRIBE *\r\n")
        await reader.readuntil(b":1\r\n")
        await publish(bus, [tick("BTCUSDT", 5)], heartbeat())
        stream = await reader.readuntil(b"feed.status\r\n")
    assert b"tick.BTCUSDT\r\n" in stream
    assert {b"BTCUSDT": encode_tick(tick("BTCUSDT", 5))} == valkey.last_values()
    writer.close()
    await writer.wait_closed()
