"""The log lines of a fault that lasts."""

import logging

import pytest

from poller.network.log_throttle import LogThrottle

logger = logging.getLogger(__name__)


def test_burst_is_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    """A burst is logged at its start, with the first detail, and at its end, with its number."""
    throttle = LogThrottle(logger, "bad message", quiet_s=10.0)
    with caplog.at_level(logging.INFO):
        for second in range(50):
            throttle.note(f"number {second}", float(second))
        throttle.settle(58.0)
        throttle.settle(59.0)
        throttle.settle(70.0)
    assert ["bad message: number 0", "bad message: over, 50 in all"] == caplog.messages


def test_next_burst_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    """After a quiet time the same fault is news."""
    throttle = LogThrottle(logger, "bad message", quiet_s=10.0)
    with caplog.at_level(logging.WARNING):
        throttle.note("one", 0.0)
        throttle.note("two", 20.0)
    assert ["bad message: one", "bad message: two"] == caplog.messages
