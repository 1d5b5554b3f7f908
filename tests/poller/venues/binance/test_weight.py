"""What requests cost at Binance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.venues.binance.weight import quotes_weight, summary_share, summary_weight


@pytest.mark.parametrize(("symbols", "weight"), [(1, 2), (2, 4), (500, 4), (0, 4)])
def test_weight_of_quotes(symbols: int, weight: int) -> None:
    """``bookTicker`` costs 2 for one symbol, else 4."""
    assert weight == quotes_weight(symbols)


@pytest.mark.parametrize(("symbols", "weight"), [(1, 2), (20, 2), (21, 40), (100, 40), (101, 80), (0, 80)])
def test_weight_of_summaries(symbols: int, weight: int) -> None:
    """``24hr`` costs by the table of the API documents."""
    assert weight == summary_weight(symbols)


@given(st.integers(1, 5000))
def test_asking_each_second_stays_far_below_the_limit(symbols: int) -> None:
    """Quotes each second, and a share of the summaries each second or all each 40 s: a tenth of the limit at most."""
    share = summary_share(symbols)
    summaries = 60 * summary_weight(share) if share else 60 / 40 * summary_weight(0)
    assert 600 >= 60 * quotes_weight(symbols) + summaries
