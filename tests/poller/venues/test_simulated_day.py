"""The figures of a simulated day, checked with exact arithmetic."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from market.prices.instruments import Scales
from market.prices.stats import readable
from poller.venues.simulated_day import Day

trades = st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 10**6)), min_size=1, max_size=20)


@given(st.builds(Scales, st.integers(0, 8), st.integers(0, 8)), st.integers(1, 10**9), trades)
def test_the_figures_are_those_of_the_trades(scales: Scales, start: int, traded: list[tuple[int, int]]) -> None:
    """Every number has eight decimals, and is exact."""
    day = Day("A1", scales, start, 1_000, 10)
    for price, size in traded:
        stats = day.traded(price, size, 86_400_000_000 + 5)
    assert (stats, ()) == readable(stats)
    price_unit, size_unit = Decimal(1).scaleb(-scales.price), Decimal(1).scaleb(-scales.size)
    prices = [start, *(price for price, _ in traded)]
    expected = {
        "open": start * price_unit,
        "high": max(prices) * price_unit,
        "low": min(prices) * price_unit,
        "last": prices[-1] * price_unit,
        "change": (prices[-1] - start) * price_unit,
        "volume": (1_000 + sum(size for _, size in traded)) * size_unit,
        "last_size": traded[-1][1] * size_unit,
    }
    assert expected == {name: Decimal(getattr(stats, name)) for name in expected}
    assert all(len(getattr(stats, name).partition(".")[2]) == 8 for name in (*expected, "quote_volume", "weighted"))
    assert (10 + len(traded), 5, 86_400_000_005) == (stats.trades, stats.open_us, stats.close_us)


def test_a_day_as_binance_writes_it() -> None:
    """The sign stands before the digits, and percents have three decimals."""
    stats = Day("A1", Scales(2, 5), 6_500_000, 100_000, 1).traded(6_499_000, 50_000, 7)
    assert ("-10.00000000", "-0.016", "97495.00000000") == (stats.change, stats.change_percent, stats.quote_volume)
