"""The memory of the history, and what is decoded of it."""

import gc
import tracemalloc

import pytest

from gateway.fanout.feed.intake import ticks_of
from gateway.fanout.history.history import History
from gateway.protocol.forms import FramedTick
from gateway.protocol.json_encoding import JSON
from gateway.protocol.msgpack_encoding import MSGPACK
from market.wire.codec import encode_tick
from market.wire.tick_batch import encode_batch
from tests.fakes import tick

FULL = {"bid_size": 1736, "ask_size": 7105, "last": 6503218, "volume": 76977333, "event_us": 1795734825785900}


def batch_of(start: int, count: int) -> bytes:
    """A batch of so many usual ticks."""
    ticks = [encode_tick(tick("BTCUSDT", 1_795_734_825_000 + start + number, **FULL)) for number in range(count)]
    return encode_batch("term", start, ticks)


@pytest.mark.parametrize("ticks_at_once", [1, 20])
def test_it_takes_the_memory_that_it_says(ticks_at_once: int) -> None:
    """What Python allocates for a full history, decoded and not, is what it counts, and no more than it may."""
    limit = 4_000_000
    newest: dict[str, FramedTick] = {"BTCUSDT": FramedTick("BTCUSDT", 1, tick())}
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        history = History(limit, newest, ticks_of)
        for number in range(40_000 // ticks_at_once):
            payload = batch_of(number * ticks_at_once, ticks_at_once)
            if ticks_at_once == 1:
                payload = encode_tick(tick("BTCUSDT", 1_795_734_825_000 + number, **FULL))
            # As from a bus: an encoder's own bytes may have spare room.
            (history.ring.append_single if ticks_at_once == 1 else history.ring.append)(bytes(memoryview(payload)))
        for number in range(history.ring.first, history.ring.newest_block.number):
            block = history.ring.block(number)
            assert block is not None
            for form in (JSON.tick_frame, MSGPACK.tick_body):
                history.decoded.of(block, form)
        del payload, block
        gc.collect()
        took = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert history.size <= limit
    assert 0.85 * history.size <= took <= 1.1 * history.size
    assert history.size > 0.9 * limit


def test_what_was_decoded_is_kept_for_others() -> None:
    """A second client costs no decoding; of a block that grows, only what is new is decoded."""
    history = History(1_000_000, {}, ticks_of)
    history.ring.append(batch_of(0, 10))
    block = history.ring.newest_block
    first = history.decoded.of(block, JSON.tick_frame)
    assert (10, 10) == (len(first.seqs), history.decoded.decoded)
    assert history.decoded.of(block, JSON.tick_frame) is first
    history.ring.append(batch_of(10, 5))
    assert [1_795_734_825_000 + number for number in range(15)] == history.decoded.of(block, JSON.tick_frame).seqs
    assert 15 == history.decoded.decoded
    history.decoded.of(block, JSON.tick_body)
    assert 30 == history.decoded.decoded


def test_nothing_decoded_is_kept_without_memory() -> None:
    """With no memory at all, what is asked for is decoded each time."""
    history = History(0, {}, ticks_of)
    block = history.ring.newest_block
    block.entries.append(batch_of(0, 10))
    for _ in range(2):
        assert 10 == len(history.decoded.of(block, JSON.tick_frame).seqs)
    assert (20, 0) == (history.decoded.decoded, history.decoded.size)
