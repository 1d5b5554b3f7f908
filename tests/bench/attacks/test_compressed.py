"""Messages that cost more to read than to send are right WebSocket messages."""

import pytest

from bench.attacks.compressed import deflated, empty_blocks
from gateway.websocket.framing.inflate import inflate


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1_000])
def test_empty_blocks_are_deflate_and_stand_for_nothing(count: int) -> None:
    """Each takes 90 bits, and what comes out is the message alone."""
    message = b'{"type":"ping"}'
    payload = empty_blocks(count, message)
    assert inflate(payload, 100) == message
    assert len(payload) - len(deflated(message)) == (90 * count + 3 + 7) // 8 + 4
