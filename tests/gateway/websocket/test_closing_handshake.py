"""How long a closing connection keeps its socket, in virtual time."""

import asyncio
from collections.abc import Callable
from typing import Any

from gateway.websocket.closing_handshake import (
    CLOSE_TIMEOUT_S,
    LATE_BYTES,
    LATE_FRAMES,
    LINGER_S,
    QUIET_BEFORE_CLOSE_S,
    ClosingHandshake,
)
from tests.fakes import run_virtual


class TimedTransport(asyncio.Transport):
    """Notes when it is closed and aborted."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[str, float]] = []

    def pause_reading(self) -> None:
        self.ends.append(("paused", asyncio.get_running_loop().time()))

    def close(self) -> None:
        self.ends.append(("closed", asyncio.get_running_loop().time()))

    def abort(self) -> None:
        self.ends.append(("aborted", asyncio.get_running_loop().time()))


def said_at(
    transport: TimedTransport, happens: Callable[[ClosingHandshake], Any], *pauses_s: float
) -> ClosingHandshake:
    """A closing handshake on which something happens after each of the pauses, and then nothing for a minute."""

    async def main() -> ClosingHandshake:
        closing_handshake = ClosingHandshake(transport, 1000)
        for pause_s in pauses_s:
            await asyncio.sleep(pause_s)
            happens(closing_handshake)
        await asyncio.sleep(60)
        return closing_handshake

    return run_virtual(main())


def test_who_never_answers_is_cut_off() -> None:
    """After five seconds the socket is aborted, even with waiting bytes."""
    transport = TimedTransport()
    said_at(transport, ClosingHandshake.frame_received)
    assert [("aborted", CLOSE_TIMEOUT_S)] == transport.ends


def test_who_is_not_listened_to_is_closed_when_quiet() -> None:
    """While bytes come the socket stays open, so that the peer can read our reason; a moment later it is closed."""
    transport = TimedTransport()
    said_at(transport, ClosingHandshake.stop_listening, 0, *[QUIET_BEFORE_CLOSE_S * 0.9] * 4)
    assert ("closed", QUIET_BEFORE_CLOSE_S * 0.9 * 4 + QUIET_BEFORE_CLOSE_S) == transport.ends[0]


def test_who_is_never_quiet_is_cut_off_all_the_same() -> None:
    """A flood does not keep the socket open longer than the timeout."""
    transport = TimedTransport()
    said_at(transport, ClosingHandshake.stop_listening, *[QUIET_BEFORE_CLOSE_S / 2] * 80)
    assert ("aborted", CLOSE_TIMEOUT_S) == transport.ends[0]


def test_many_frames_are_too_many_to_wait_for_the_last() -> None:
    """Frames after our close are read up to the peer's own close frame, within a bound."""

    async def main() -> None:
        closing_handshake = ClosingHandshake(TimedTransport(), 1000)
        assert [True] * LATE_FRAMES == [closing_handshake.frame_received() for _ in range(LATE_FRAMES)]
        assert not closing_handshake.discards
        assert not closing_handshake.frame_received()
        assert closing_handshake.discards

    run_virtual(main())


def test_a_flood_is_not_read_to_its_end() -> None:
    """Bytes after our close are read or discarded within a bound; then the socket is aborted."""
    for discards in (False, True):
        transport = TimedTransport()

        def send(closing_handshake: ClosingHandshake, discards: bool = discards) -> None:
            if discards:
                closing_handshake.stop_listening()
            assert closing_handshake.bytes_received(LATE_BYTES) == (not discards)
            assert not closing_handshake.bytes_received(1)

        said_at(transport, send, 0.1)
        assert [("paused", 0.1), ("aborted", 0.1 + LINGER_S)] == transport.ends[:2]


def test_a_socket_that_is_gone_leaves_no_timer() -> None:
    """After its end nothing happens any more."""
    transport = TimedTransport()

    def stop_and_end(closing_handshake: ClosingHandshake) -> None:
        closing_handshake.stop_listening()
        closing_handshake.end()

    said_at(transport, stop_and_end, 0.1)
    assert [] == transport.ends
