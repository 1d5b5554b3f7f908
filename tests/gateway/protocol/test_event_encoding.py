"""JSON in server-sent events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.event_encoding import EVENTS, positions_event, read_positions, written_positions
from gateway.protocol.forms import FramedTick
from gateway.protocol.json_encoding import JSON
from gateway.protocol.messages import Error, Pong
from tests.fakes import decoded, tick


def events_in(stream: bytes) -> list[dict[str, object]]:
    """The messages of a stream of events, each of which is one line."""
    assert stream.endswith(b"\n\n")
    events = stream.decode().removesuffix("\n\n").split("\n\n")
    assert all(event.startswith("data: ") and "\n" not in event for event in events)
    return [json.loads(event.removeprefix("data: ")) for event in events]


@pytest.mark.parametrize("decimal", [False, True])
def test_events_say_what_text_frames_say(decimal: bool) -> None:
    """Ticks, batches, snapshots and all other messages, line breaks in them too."""
    framed = FramedTick("币\nUSDT", 1, tick("币\nUSDT", last=10))
    said = []
    for encoding in (EVENTS.decimal, JSON.decimal) if decimal else (EVENTS, JSON):
        stream = encoding.joiner(batch=False)([encoding.form(batch=False)(framed)] * 2)
        stream += encoding.joiner(batch=True)([encoding.form(batch=True)(framed)] * 2)
        stream += encoding.snapshot_frames([framed])
        stream += encoding.message_frame(Pong()) + encoding.message_frame(Error(code="bad_json", message="a\nb\r\n"))
        said.append(stream)
    in_events, in_frames = said
    assert list(decoded(in_frames)) == events_in(in_events)


def test_streams_of_every_tick_share_their_bytes_with_the_others() -> None:
    """A tick is written once for both; only the notes of positions are more."""
    for encoding in (EVENTS, EVENTS.decimal):
        every = encoding.every
        assert every is not encoding
        assert (every.partial, every.every, encoding.partial) == (encoding, every, encoding)
        assert every.form(batch=False) is encoding.form(batch=False)
        assert (None, positions_event) == (encoding.positions, every.positions)


symbols = st.text("ABC:-币é", min_size=1, max_size=12)


@given(st.dictionaries(symbols, st.integers(0, 2**53 - 1), max_size=5))
def test_positions_are_read_as_they_were_written(positions: dict[str, int]) -> None:
    """Also of symbols with a venue in front."""
    assert positions == read_positions(written_positions(positions))


@pytest.mark.parametrize("text", ["BTC", "BTC:", ":5", "BTC:x", "BTC:-1", "BTC:1,ETH", "BTC:٣", "BTC:" + "9" * 17])
def test_anything_else_is_no_position(text: str) -> None:
    """However long its number is."""
    assert read_positions(text) is None
