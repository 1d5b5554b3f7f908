"""Figures of 24 hours as Binance writes them."""

from typing import Any

import pytest
from msgspec import UNSET

from gateway.binance.day import day_of, whole_day_of
from tests.gateway.binance.conftest import stats


def test_what_follows_from_other_figures_is_computed() -> None:
    """Of Binance's ``miniTicker`` alone: the change, the mean and the window."""
    day = whole_day_of(stats())
    assert day is not None
    assert ("234.50000000", "0.361") == (day.change, day.percent)
    assert "65083.57950587" == day.mean
    assert 86_400_000_000 == day.close_us - day.open_us
    assert 1_795_734_825_341_123 == day.close_us


def test_what_does_not_follow_is_as_where_nothing_was_traded() -> None:
    """Binance writes these values then, so clients know them."""
    day = whole_day_of(stats())
    assert day is not None
    assert ("0.00000000", "0.00000000", -1, -1, 0) == (day.before, day.last_size, day.first_id, day.last_id, day.trades)


def test_what_the_exchange_wrote_stays_as_it_is() -> None:
    """Nothing is computed in its place."""
    day = whole_day_of(
        stats(
            change="-1.00000000", change_percent="-0.002", weighted="7.00000000", prev_close="5.00000000",
            last_size="0.1", open_us=1000, close_us=2000, first_id=3, last_id=4, trades=2,
        )
    )  # fmt: skip
    assert day is not None
    assert ("-1.00000000", "-0.002", "7.00000000") == (day.change, day.percent, day.mean)
    assert ("5.00000000", "0.10000000", 1000, 2000, 3, 4, 2) == (
        day.before, day.last_size, day.open_us, day.close_us, day.first_id, day.last_id, day.trades
    )  # fmt: skip


@pytest.mark.parametrize("field", ["open", "high", "low", "last", "volume", "quote_volume"])
def test_without_one_of_the_usual_figures_there_are_none(field: str) -> None:
    """A zero in its place would be a price."""
    without: dict[str, Any] = {field: UNSET}
    assert day_of(stats(**without)) is None
    assert whole_day_of(stats(**without)) is None
