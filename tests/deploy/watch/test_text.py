"""Rows as text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.watch.board import Row
from deploy.watch.text import cut, duration, line, table, width_of
from market.prices.tick import MAX_EXACT, MAX_SCALE, Tick

NOW = 1_795_000_000_000_000
"""2026-11-18T11:06:40Z."""


def row(state: str = "live", reason: str = "", symbol: str = "BTCUSDT", **fields: Any) -> Row:
    """Make a row with the price of a second ago."""
    tick = Tick(symbol=symbol, seq=1, **{"price_scale": 2, "size_scale": 0, "recv_us": NOW - 1_234_000, **fields})
    return Row(symbol, tick, state, reason, "simulated")


def test_a_line_has_everything_between_tabs() -> None:
    """Time, symbol, bid, ask, last, age in seconds, state, source and reason; what is absent is a dash, or nothing."""
    assert line(row(bid=6_500_105, ask=6_500_110, last=5), NOW) == (
        "2026-11-18T11:06:40.000Z\tBTCUSDT\t65001.05\t65001.10\t0.05\t1.234\tlive\tsimulated\t"
    )
    assert line(row("stale", "no\tnews", bid=1, price_scale=0), NOW).split("\t")[2:] == (
        ["1", "-", "-", "1.234", "stale", "simulated", "no\\tnews"]
    )
    assert line(Row("BTCUSDT", None, "", ""), NOW).split("\t")[1:] == ["BTCUSDT", "-", "-", "-", "-", "-", "-", ""]


@given(st.integers(0, MAX_EXACT), st.integers(0, MAX_SCALE))
def test_no_digit_of_a_price_is_lost(value: int, scale: int) -> None:
    """The text is the integer, with a point in it."""
    told = line(row(bid=value, price_scale=scale), NOW).split("\t")[2]
    assert int(told.replace(".", "")) == value
    assert len(told.partition(".")[2]) == scale


def test_a_table_has_its_columns_in_line() -> None:
    """Figures end at the right; the reason stands behind a state that is not live."""
    rows = [
        row(bid=6_500_105, ask=6_500_110, last=5),
        row("halted", "BREAK", "ETHUSDT", bid=12),
        Row("X", None, "", ""),
    ]
    assert table(rows, NOW) == [
        "symbol        bid       ask  last    age  state",
        "BTCUSDT  65001.05  65001.10  0.05  1.2 s  live",
        "ETHUSDT      0.12         -     -  1.2 s  halted: BREAK",
        "X               -         -     -      -  -",
    ]


def test_a_symbol_in_any_script_keeps_the_columns_in_line() -> None:
    """Wide characters take two columns of a terminal, combining ones none."""
    shown = table([row(symbol="币安人生USDT", bid=1), row(symbol="e\u0301USDT", bid=1), row(bid=1)], NOW)
    assert {width_of(text.partition("0.01")[0]) for text in shown[1:]} == {14}
    assert [cut("币安人生USDT", width) for width in (0, 1, 2, 5, 9, 99)] == (
        ["", "", "币", "币安", "币安人生U", "币安人生USDT"]
    )


def test_foreign_text_moves_no_cursor() -> None:
    """Symbols and reasons are shown, not obeyed."""
    shown = [line(row("x\x1b[2J", "y\x1b", "Z\x1b"), NOW), *table([row("x\x1b", "y\n", "Z\x1b")], NOW)]
    assert all(text.replace("\t", "").isprintable() for text in shown)


def test_a_price_of_a_clock_that_is_ahead_has_no_age() -> None:
    """A poller's clock may differ from ours; nothing is younger than now."""
    assert line(row(recv_us=NOW + 5_000_000), NOW).split("\t")[5] == "0.000"


def test_an_age_counts_by_the_gateways_clock() -> None:
    """By how much it is ahead is known; the time of the line is ours."""
    when, *_, age_s, _, _, _ = line(row(recv_us=NOW + 4_000_000), NOW, 5_000_000).split("\t")
    assert ("2026-11-18T11:06:40.000Z", "1.000") == (when, age_s)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.96, "9.9 s"), (10, "10 s"), (59.9, "59 s"), (60, "1 min"), (3_600, "1 h"), (200_000, "2 d")],
)
def test_a_duration_is_short(seconds: float, text: str) -> None:
    """It is cut, never rounded up."""
    assert duration(int(seconds * 1_000_000)) == text
