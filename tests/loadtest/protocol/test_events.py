"""Tests of `loadtest.protocol._events`."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.event_encoding import event, positions_event
from loadtest.protocol._events import EventParser


@given(st.data())
def test_events_survive_any_cut_of_the_stream(data: st.DataObject) -> None:
    """However a gateway's stream is cut into reads, its events come out in order, and positions are none."""
    texts = data.draw(st.lists(st.binary(max_size=50).filter(lambda text: b"\n" not in text), max_size=8))
    stream = b"retry: 1325\n\n" + positions_event({"A": 1}).join(map(event, texts))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    parser = EventParser()
    found = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += parser.feed(stream[start:stop])
    assert texts == found
