"""The events that only streams have."""

import pytest

from gateway.events.messages import Heartbeat, closing, retry, written
from gateway.websocket.close_codes import CloseReason
from tests.gateway.protocol.test_event_encoding import events_in


def test_a_heartbeat_tells_the_time() -> None:
    """A page can see it, and the clocks' difference in it."""
    assert [{"type": "heartbeat", "server_us": 17}] == events_in(written(Heartbeat(server_us=17)))


@pytest.mark.parametrize("reason", CloseReason)
def test_the_end_says_what_a_close_frame_says(reason: CloseReason) -> None:
    """And whether to come back, which a browser would do in any case."""
    (told,) = events_in(closing(reason))
    assert {"type": "closed", "code": reason.code, "reason": reason.reason} | {
        "reconnect": reason.value.reconnect
    } == told


def test_a_browser_is_told_when_to_connect_again() -> None:
    """In a field, which is no event."""
    assert b"retry: 1500\n\n" == retry(1500)
