"""Tests of `loadtest.protocol._close_codes`."""

import pytest

from gateway.websocket.close_codes import CloseReason
from loadtest.protocol import _close_codes as close_codes
from loadtest.protocol._close_codes import Rule


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        (1012, Rule.MOVE),
        (1013, Rule.BACKOFF),
        (4401, Rule.NEVER),
        (4403, Rule.NEVER),
        (4408, Rule.BACKOFF),
        (4409, Rule.BACKOFF),
        (4410, Rule.NEVER),
        (4429, Rule.BACKOFF),
        (1006, Rule.BACKOFF),
        (4999, Rule.BACKOFF),
    ],
)
def test_each_code_has_its_rule(code: int, rule: Rule) -> None:
    """A code says whether to move, to back off or to give up; an unknown one backs off."""
    assert rule is close_codes.rule_of(code)


@pytest.mark.parametrize("why", list(CloseReason))
def test_the_gateways_own_table_says_the_same(why: CloseReason) -> None:
    """The gateway's rule for each of its reasons is the one a user follows."""
    rules = {"at once": Rule.MOVE, "with backoff": Rule.BACKOFF, "never": Rule.NEVER}
    assert rules[why.value.reconnect] is close_codes.rule_of(why.code)


def test_the_code_is_read_from_the_frame() -> None:
    """Two bytes are the code, and a frame without any has none."""
    assert 4408 == close_codes.code_of((4408).to_bytes(2, "big") + b"too slow")
    assert close_codes.NO_CODE == close_codes.code_of(b"")
    assert "4408 too slow" == close_codes.meaning_of(4408)
    assert "4999" == close_codes.meaning_of(4999)
