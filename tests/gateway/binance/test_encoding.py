"""The frames of streams."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import UNSET

from gateway.binance.encoding import Encodings, Writing
from gateway.protocol.forms import FramedTick
from gateway.protocol.messages import Lag, Message, Shutdown, Status, SymbolStatus
from gateway.websocket.framing.inflate import inflate
from market.prices.stats import Stats
from tests.fakes import frames_of, run_virtual, tick
from tests.gateway.binance.conftest import QUOTE, stats
from tests.gateway.fanout.test_hub import Market

RAW, COMBINED, MICRO = Writing(False, False), Writing(True, False), Writing(False, True)
ENCODINGS = Encodings(lambda: 1_770_123_456_789_123, lambda _symbol: tick(**QUOTE))

OTHERS: tuple[Message, ...] = (
    Lag(conflated=3),
    Status(feed="stale", reason="", source="", since_us=1),
    SymbolStatus(symbol="BTCUSDT", state="stale", reason="", since_us=1),
)


def framed(update: Any) -> FramedTick:
    """An update as the hub passes it on."""
    return FramedTick(f"{update.symbol}@stats" if isinstance(update, Stats) else update.symbol, 1, update)


def read(blob: bytes) -> Iterator[Any]:
    """The messages in a blob."""
    return (json.loads(bytes(frame.data)) for frame in frames_of(blob))


def test_one_object_serves_all_that_take_the_same() -> None:
    """So they share a cohort, and each message is written once."""
    assert ENCODINGS.quotes(RAW) is ENCODINGS.quotes(Writing(False, False))
    assert ENCODINGS.stats(RAW, ["ticker"]) is ENCODINGS.stats(RAW, ("ticker",))
    assert ENCODINGS.stats(RAW, ["ticker"]) is not ENCODINGS.stats(RAW, ["miniTicker"])
    assert ENCODINGS.quotes(RAW) is not ENCODINGS.quotes(COMBINED)


@pytest.mark.parametrize("message", OTHERS, ids=lambda message: type(message).__name__)
def test_what_binance_has_no_word_for_is_not_said(message: Message) -> None:
    """An empty frame would be a message that is no JSON."""
    assert b"" == ENCODINGS.quotes(RAW).message_frame(message)
    assert b"" == ENCODINGS.stats(COMBINED, ["ticker"]).message_frame(message)


def test_an_end_is_said_in_the_units_and_wrapper_of_the_client() -> None:
    """As Binance does since 2026."""
    shutdown = Shutdown(reconnect_after_ms=7)
    assert [{"e": "serverShutdown", "E": 1_770_123_456_789}] == list(
        read(ENCODINGS.quotes(RAW).message_frame(shutdown))
    )
    assert [{"e": "serverShutdown", "E": 1_770_123_456_789_123}] == list(
        read(ENCODINGS.quotes(MICRO).message_frame(shutdown))
    )
    (wrapped,) = read(ENCODINGS.quotes(COMBINED).message_frame(shutdown))
    assert ("!serverShutdown", "serverShutdown") == (wrapped["stream"], wrapped["data"]["e"])


def test_a_quote_without_a_number_has_no_frame() -> None:
    """Not even an empty one."""
    assert b"" == ENCODINGS.quotes(RAW).tick_frame(framed(tick()))
    assert b"" == ENCODINGS.quotes(COMBINED).snapshot_frames([framed(tick())])


def test_a_quote_is_written_once_for_all() -> None:
    """The second client gets the very same bytes."""
    its, encoding = framed(tick(**QUOTE)), ENCODINGS.quotes(COMBINED)
    assert encoding.tick_frame(its) is encoding.form(batch=False)(its)
    assert encoding.snapshot_frames([its]) == encoding.tick_frame(its)


def test_figures_become_a_frame_for_each_stream() -> None:
    """In one blob, in the order of the streams."""
    encoding = ENCODINGS.stats(COMBINED, ["miniTicker", "ticker"])
    messages = list(read(encoding.tick_frame(framed(stats()))))
    assert ["btcusdt@miniTicker", "btcusdt@ticker"] == [message["stream"] for message in messages]
    assert "65234.56000000" == messages[1]["data"]["b"]


@pytest.mark.parametrize("name", ["!miniTicker@arr", "!miniTicker@arr@1000ms"])
def test_a_flush_becomes_one_array_for_streams_of_all(name: str) -> None:
    """With the name that was asked for; streams of single symbols beside it have frames of their own."""
    encoding = ENCODINGS.stats(COMBINED, ["miniTicker", name])
    form, join = encoding.form(batch=True), encoding.joiner(batch=True)
    messages = list(read(join([form(framed(stats())), form(framed(stats("ETHUSDT")))])))
    assert ["btcusdt@miniTicker", "ethusdt@miniTicker", name] == [message["stream"] for message in messages]
    assert ["BTCUSDT", "ETHUSDT"] == [entry["s"] for entry in messages[2]["data"]]
    assert messages[2]["data"][0] == messages[0]["data"]
    assert messages == list(read(encoding.snapshot_frames([framed(stats()), framed(stats("ETHUSDT"))])))


def test_figures_that_are_not_known_are_in_no_array() -> None:
    """An array of none is not sent."""
    encoding = ENCODINGS.stats(RAW, ["!miniTicker@arr"])
    form, join = encoding.form(batch=True), encoding.joiner(batch=True)
    nothing = form(framed(stats(last=UNSET)))
    assert b"" == join([nothing])
    assert [["ETHUSDT"]] == [
        [entry["s"] for entry in array] for array in read(join([nothing, form(framed(stats("ETHUSDT")))]))
    ]


def test_a_long_array_is_compressed_for_those_who_can_read_it() -> None:
    """The same array, in fewer bytes."""
    encoding = ENCODINGS.stats(RAW, ["!miniTicker@arr"])
    bodies = [encoding.form(batch=True)(framed(stats(f"S{number}USDT"))) for number in range(50)]
    plain, compressed = (encoding.joiner(batch=True, deflate=deflate)(bodies) for deflate in (False, True))
    assert len(compressed) < len(plain) / 5
    inflated = inflate(compressed[4:], 1_000_000)
    assert inflated is not None
    assert [json.loads(inflated)] == list(read(plain))


def test_without_a_stream_of_all_nothing_is_compressed() -> None:
    """Single messages never are."""
    encoding = ENCODINGS.stats(RAW, ["ticker"])
    frame = encoding.tick_frame(framed(stats()))
    assert frame * 2 == encoding.joiner(batch=False, deflate=True)([frame, frame])


def test_a_slow_client_gets_the_newest_quote_and_no_other_word() -> None:
    """Also if a tick without another quote has come since: a last price alone must not hide what it missed."""

    async def main() -> None:
        market = Market()
        encoding = ENCODINGS.quotes(RAW)
        fast, slow = (market.join("BTCUSDT", encoding=encoding, snapshot=False) for _ in range(2))

        async def quote(seq: int, number: int) -> None:
            market.last["BTCUSDT"] = its = FramedTick("BTCUSDT", seq, tick(**QUOTE | {"seq": seq, "update_id": number}))
            market.hub.publish(its)
            await asyncio.sleep(0.1)

        await quote(1, 1)
        slow.draining = False
        await quote(2, 2)
        await quote(3, 3)
        market.change_states("BTCUSDT")
        await quote(4, 3)
        slow.draining = True
        await asyncio.sleep(1)
        assert [1, 2, 3] == [message["u"] for message in fast.messages()]
        assert [1, 3] == [message["u"] for message in slow.messages()]

    run_virtual(main())
