"""Pings with a number, and the pongs that answer them."""

from gateway.websocket.framing.frames import PING, frame
from gateway.websocket.numbered_pings import ping, pong_number


def test_a_pong_says_which_ping_it_answers() -> None:
    """Its payload is the ping's; another client's ping is answered with another payload."""
    assert frame(PING, bytes(4) + b"\x01\x02") == ping(258)
    assert (258, None, None) == (pong_number(bytes(4) + b"\x01\x02"), pong_number(b""), pong_number(b"\x01\x02"))
