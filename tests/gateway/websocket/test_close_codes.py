"""Close reasons fit into a close frame."""

import pytest

from gateway.websocket.close_codes import Closing


@pytest.mark.parametrize("closing", list(Closing))
def test_every_reason_can_be_sent(closing: Closing) -> None:
    """Codes are ones an endpoint may send, and reasons fit the 123 bytes that a control frame leaves."""
    assert closing.code in {1009, 1012, 1013} or 4000 <= closing.code <= 4999
    assert 0 < len(closing.reason.encode()) <= 123


def test_every_reason_is_told_apart() -> None:
    """Where two share a code, because a client should do the same, the text beside it differs."""
    assert len(Closing) == len({(closing.code, closing.reason) for closing in Closing})


def test_one_code_has_one_rule() -> None:
    """A client that knows only the code knows what to do: all reasons of a code ask for the same."""
    rules = {closing.code: closing.value.reconnect for closing in Closing}
    assert all(rules[closing.code] == closing.value.reconnect for closing in Closing)
