"""Close reasons fit into a close frame."""

import pytest

from gateway.websocket.close_codes import CloseReason


@pytest.mark.parametrize("reason", list(CloseReason))
def test_every_reason_can_be_sent(reason: CloseReason) -> None:
    """Codes are ones an endpoint may send, and reasons fit the 123 bytes that a control frame leaves."""
    assert reason.code in {1008, 1009, 1012, 1013} or 4000 <= reason.code <= 4999
    assert 0 < len(reason.reason.encode()) <= 123


def test_every_reason_is_distinguished() -> None:
    """Two reasons with one code have different texts."""
    assert len(CloseReason) == len({(reason.code, reason.reason) for reason in CloseReason})


def test_one_code_has_one_rule() -> None:
    """A client that knows only the code knows what to do: all reasons of a code ask for the same."""
    rules = {reason.code: reason.value.reconnect for reason in CloseReason}
    assert all(rules[reason.code] == reason.value.reconnect for reason in CloseReason)
