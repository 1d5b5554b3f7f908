"""The state of the link to the exchange."""

import logging

import pytest

from poller.network.exchange_link import ExchangeLink
from poller.source import LinkState


class Clock:
    """A wall clock that a test sets."""

    us = 1_000

    def __call__(self) -> int:
        return self.us


def test_begins_down() -> None:
    """A link begins down."""
    assert LinkState("binance-ws", "down", "not connected yet", 1_000) == ExchangeLink("binance-ws", Clock()).state


def test_since_moves_only_with_the_link() -> None:
    """A new reason or a new source leaves the time alone; up or down sets it."""
    clock = Clock()
    link = ExchangeLink("binance-ws", clock)
    clock.us = 2_000
    link.set("binance-ws", "down", "refused")
    assert LinkState("binance-ws", "down", "refused", 1_000) == link.state
    link.set("binance-ws", "up", "")
    assert LinkState("binance-ws", "up", "", 2_000) == link.state
    clock.us = 3_000
    link.set("binance-rest", "up", "stream down")
    assert LinkState("binance-rest", "up", "stream down", 2_000) == link.state
    link.set("binance-rest", "down", "banned")
    assert LinkState("binance-rest", "down", "banned", 3_000) == link.state


def test_reason_fits_a_heartbeat() -> None:
    """A reason is cut to the 200 characters that a heartbeat carries."""
    link = ExchangeLink("binance-ws", Clock())
    link.set("binance-ws", "down", "x" * 500)
    assert "x" * 199 + "…" == link.state.reason


def test_log_tells_changes_and_not_reasons(caplog: pytest.LogCaptureFixture) -> None:
    """The log has a line where the link goes up or down, none for each new reason between."""
    link = ExchangeLink("binance-ws", Clock())
    with caplog.at_level(logging.INFO):
        for attempt in range(5):
            link.set("binance-ws", "down", f"attempt {attempt}")
        link.set("binance-ws", "up", "")
        link.set("binance-ws", "down", "lost")
    assert ["exchange link up by binance-ws", "exchange link down by binance-ws: lost"] == caplog.messages
