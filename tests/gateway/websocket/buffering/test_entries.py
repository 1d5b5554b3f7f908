"""What one connection keeps: how old it is, and what it costs."""

from gateway.websocket.buffering.entries import PIECE_BYTES, Unfinished, Unread
from tests.client_frames import FIN, PING, TEXT, client_frame


def test_small_pieces_cost_more_than_their_bytes() -> None:
    """Small pieces count with the event loop's own cost for each."""
    pongs = Unread(0, 2, 2000, pieces=1000)
    assert 2000 + 1000 * PIECE_BYTES == pongs.cost(2000)
    assert 1000 + 500 * PIECE_BYTES == pongs.cost(1000)
    assert 0 == pongs.cost(0)


def test_a_frame_is_the_same_as_long_as_it_grows() -> None:
    """An unfinished frame that grows keeps its time; another one has a new time."""
    frame = bytearray(client_frame(FIN | TEXT, b"half")[:7])
    unfinished = Unfinished(0, frame, None)
    frame += b"more"
    assert unfinished.continues(frame, None)
    assert not unfinished.continues(bytearray(frame), None)


def test_a_message_is_as_old_as_its_first_frame() -> None:
    """A message's time begins with its first frame, also while that is unfinished."""
    begun = Unfinished(0, bytearray(client_frame(TEXT, b"one")[:5]), None)
    message = bytearray(b"one")
    assert begun.continues(None, message)
    assert begun.continues(bytearray(b"\x00"), message)


def test_pings_in_between_give_a_message_no_time() -> None:
    """Pings within a message, whole or half, do not restart its time."""
    message = bytearray(b"one")
    unfinished = Unfinished(0, None, message)
    half_ping = bytearray(client_frame(FIN | PING, b"12345")[:4])
    assert unfinished.continues(half_ping, message)
    assert unfinished.continues(None, message)
    assert not unfinished.continues(half_ping, None)
    assert not unfinished.continues(None, bytearray(b"one"))


def test_a_message_behind_a_half_ping_is_younger_than_that() -> None:
    """A message behind a half ping has its own time."""
    half_ping = bytearray(client_frame(FIN | PING, b"12345")[:4])
    assert not Unfinished(0, half_ping, None).continues(None, bytearray(b"one"))
