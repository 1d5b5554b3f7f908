"""Every encoding: what it sends is read back by other libraries, MessagePack by `msgpack`."""

from json import loads

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol import messages
from gateway.protocol.encoding import Encoding
from gateway.protocol.forms import FramedTick
from gateway.protocol.json_encoding import JSON
from gateway.protocol.messages import Message, Pong
from gateway.protocol.msgpack_encoding import MSGPACK
from gateway.protocol.served_symbol import ServedSymbol
from gateway.websocket.framing.deflate import LEAST_BYTES
from gateway.websocket.framing.frames import BINARY, TEXT
from market.prices.stats import Stats
from market.prices.tick import Tick
from market.wire.codec import decode_tick, encode_tick
from market.wire.stats import encode_stats
from tests.fakes import decoded, tick
from tests.gateway.other_libraries import read_by_others
from tests.market.samples import stats


def test_msgpack_goes_in_binary_frames() -> None:
    """A MessagePack message is a binary frame, a JSON message a text frame."""
    assert (BINARY, TEXT) == tuple(encoding.message_frame(Pong())[0] & 0xF for encoding in (MSGPACK, JSON))


whole_numbers = st.integers(0, 2**53 - 1)
absent_or_number = whole_numbers | st.just(msgspec.UNSET)
ticks = st.builds(
    Tick,
    symbol=st.text("ABCXYZ0189", min_size=2, max_size=20),
    seq=whole_numbers,
    bid=absent_or_number,
    ask=absent_or_number,
    bid_size=absent_or_number,
    ask_size=absent_or_number,
    last=absent_or_number,
    volume=absent_or_number,
    price_scale=st.integers(0, 15),
    size_scale=st.integers(0, 15),
    event_us=absent_or_number,
    recv_us=whole_numbers,
    update_id=absent_or_number,
)


@given(ticks)
def test_every_form_of_a_tick_says_the_same(original: Tick) -> None:
    """JSON and MessagePack, single, batched or as a snapshot, carry the bus's fields and their own type."""
    fields = msgspec.json.decode(encode_tick(original))
    framed = FramedTick(original.symbol, original.seq, original)
    for encoding in (JSON, MSGPACK):
        single = encoding.joiner(batch=False)([encoding.form(batch=False)(framed)])
        batch = encoding.joiner(batch=True)([encoding.form(batch=True)(framed)] * 2)
        snapshot = encoding.snapshot_frames([framed])
        expected = [
            {"type": "tick"} | fields,
            {"type": "ticks", "ticks": [fields, fields]},
            {"type": "snapshot"} | fields,
        ]
        assert expected == list(decoded(single + batch + snapshot))
    assert original == decode_tick(JSON.tick_body(framed))


@given(stats())
def test_every_form_of_figures_says_the_same(original: Stats) -> None:
    """Every digit is there in JSON and in MessagePack, single, batched, or as a snapshot, which is no other message."""
    fields = msgspec.json.decode(encode_stats(original))
    framed = FramedTick("A@stats", 7, original)
    for encoding in (JSON, MSGPACK):
        of_stats = encoding.of("stats")
        assert of_stats is not None
        assert ("stats", of_stats) == (of_stats.channel, of_stats.of("stats"))
        assert encoding is encoding.of("ticker")
        single = of_stats.joiner(batch=False)([of_stats.form(batch=False)(framed)])
        batch = of_stats.joiner(batch=True)([of_stats.form(batch=True)(framed)] * 2)
        snapshot = of_stats.snapshot_frames([framed])
        assert single == snapshot
        expected = [{"type": "stats"} | fields, {"type": "stats_batch", "stats": [fields, fields]}]
        assert expected == list(decoded(single + batch))
        assert expected == read_by_others(single + batch)


def test_the_exact_forms_of_the_new_fields() -> None:
    """What clients of any language find on the wire."""
    numbered = FramedTick("BTCUSDT", 1, tick(update_id=400900217))
    assert JSON.tick_body(numbered).endswith(b',"update_id":400900217}')
    assert MSGPACK.tick_body(numbered).endswith(b"\xa9update_id\xce" + (400900217).to_bytes(4))
    assert b"update_id" not in JSON.tick_body(FramedTick("BTCUSDT", 1, tick()))
    its = FramedTick("BTCUSDT@stats", 1, Stats(symbol="BTCUSDT", ts_us=7, open="0.10000000", change="-1.0", trades=3))
    in_json, in_msgpack = JSON.of("stats"), MSGPACK.of("stats")
    assert in_json is not None
    assert in_msgpack is not None
    text = b'{"type":"stats","symbol":"BTCUSDT","ts_us":7,"open":"0.10000000","change":"-1.0","trades":3}'
    assert bytes((0x81, len(text))) + text == in_json.tick_frame(its)
    packed = b"\xde\x00\x06\xa4type\xa5stats\xa6symbol\xa7BTCUSDT\xa5ts_us\x07"
    packed += b"\xa4open\xaa0.10000000\xa6change\xa4-1.0\xa6trades\x03"
    assert bytes((0x82, len(packed))) + packed == in_msgpack.tick_frame(its)


def stream_of(encoding: Encoding, framed: list[FramedTick]) -> bytes:
    """Every way in which ticks are sent."""
    return b"".join(
        (
            encoding.joiner(batch=False)([encoding.form(batch=False)(one) for one in framed]),
            encoding.joiner(batch=True)([encoding.form(batch=True)(one) for one in framed]),
            encoding.joiner(batch=True, deflate=True)([encoding.form(batch=True)(one) for one in framed]),
            encoding.snapshot_frames(framed),
        )
    )


@given(st.lists(ticks, min_size=1, max_size=8))
def test_another_library_reads_in_messagepack_what_json_says(originals: list[Tick]) -> None:
    """Ticks, batches, compressed or not, and snapshots have equal values in both encodings, to the last digit."""
    framed = [FramedTick(one.symbol, one.seq, one) for one in originals]
    in_msgpack = stream_of(MSGPACK, framed)
    assert read_by_others(stream_of(JSON, framed)) == read_by_others(in_msgpack)
    assert [{"type": "tick"} | loads(JSON.tick_body(one)) for one in framed] == read_by_others(in_msgpack)[
        : len(framed)
    ]


def test_a_long_batch_is_compressed_in_both_encodings() -> None:
    """What the libraries read there is compressed indeed: RSV1 is set, and the frame is shorter."""
    framed = [FramedTick("BTCUSDT", seq, tick(seq=seq)) for seq in range(1, 101)]
    for encoding in (JSON, MSGPACK):
        bodies = [encoding.form(batch=True)(one) for one in framed]
        plain, deflated = (encoding.joiner(batch=True, deflate=deflate)(bodies) for deflate in (False, True))
        assert (0, 0x40) == (plain[0] & 0x40, deflated[0] & 0x40)
        assert LEAST_BYTES < 2 * len(deflated) < len(plain)


MESSAGES: list[Message] = [
    messages.Welcome(client="6b1a0a54-7f3c-4a4e-9a41-0d1d8e5c3c11", heartbeat_s=20),
    messages.Subscribed(symbols=["BTCUSDT", "ETHUSDT"], id=7),
    messages.Subscribed(symbols=[]),
    messages.Subscribed(symbols=["BTCUSDT"], channel="stats"),
    messages.Unsubscribed(symbols=["BTCUSDT"], channel="stats"),
    messages.Subscriptions(symbols=[], channels={"stats": ["BTCUSDT"]}),
    messages.Gap(symbol="币安人生USDT", from_seq=1_700_000_000_001, to_seq=1_700_000_010_000),
    messages.Gap(symbol="BTCUSDT", from_seq=0),
    messages.Unsubscribed(symbols=["BTCUSDT"], id="a"),
    messages.Subscriptions(symbols=[f"S{number}" for number in range(1000)], id=2**53 - 1),
    messages.ServedSymbols(
        symbols=[
            ServedSymbol("币安人生USDT", "binance", "halted"),
            ServedSymbol("BTCUSDT", "binance", "live", ["BTC"], 2, 5),
        ],
        more=True,
        id=3,
    ),
    messages.ServedSymbols(symbols=[]),
    messages.SymbolStatus(symbol="币安人生USDT", state="halted", reason="grüße", since_us=1_700_000_000_000_000),
    messages.Status(feed="stale", reason="grüße: no beat for 3 s", source="binance-ws", since_us=1_700_000_000_000_000),
    messages.SymbolStatus(symbol="BTCUSDT", state="halted", reason="BREAK", since_us=1_700_000_000_000_000),
    messages.Authenticated(subject="ada", expires_us=1_700_000_000_000_000, id=-1),
    messages.Expiring(expires_us=1_700_000_000_000_000),
    messages.Lag(conflated=123_456),
    messages.Pong(id="x" * 64),
    messages.Pong(),
    messages.Error(code="bad_json", message='not JSON: "{"', id=0),
    messages.Shutdown(reconnect_after_ms=1500),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_another_library_reads_every_message(message: Message) -> None:
    """Each message has the same fields and values in MessagePack as in JSON; what is not set is absent."""
    in_json, in_msgpack = (read_by_others(encoding.message_frame(message)) for encoding in (JSON, MSGPACK))
    assert in_json == in_msgpack
    assert [msgspec.to_builtins(message)] == in_msgpack


def test_no_message_is_forgotten() -> None:
    """The list above has one of every kind there is."""
    assert set(Message.__subclasses__()) == {type(message) for message in MESSAGES}
