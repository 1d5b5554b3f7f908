"""Close reasons fit into a close frame."""

import pytest

from gateway.closing import Closing


@pytest.mark.parametrize("closing", list(Closing))
def test_every_reason_can_be_sent(closing: Closing) -> None:
    """Codes are ones an endpoint may send, and reasons fit the 123 bytes that a control frame leaves."""
    assert closing.code in {1012, 1013} or 4000 <= closing.code <= 4999
    assert 0 < len(closing.reason.encode()) <= 123


def test_codes_are_different() -> None:
    """A code tells its reason."""
    assert len(Closing) == len({closing.code for closing in Closing})
