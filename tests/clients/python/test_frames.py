"""Ticks as tables."""

import pytest

from tests.clients.python.talks import WALL_US, price
from tickgate_client.frames import to_pandas, to_polars
from tickgate_client.tick import tick_of

TICKS = [
    tick_of(price("BTCUSDT", 7)),
    tick_of(price("SHIBUSDT", 8) | {"bid": 2**53 - 1, "price_scale": 15, "ask": None}),
]


def test_a_table_of_polars_is_exact() -> None:
    """Scales may differ; what is absent is null; times are of UTC."""
    pl = pytest.importorskip("polars", reason="an extra: pip install tickgate-client[polars]")
    table = to_polars(TICKS)
    assert ["0.700000000000000", "9.007199254740991"] == [f"{bid:f}" for bid in table["bid"]]
    assert [None] == table["ask"].to_list()[1:]
    assert pl.Decimal(38, 15) == table.schema["bid"]
    assert WALL_US + 7 == int(table["time"][0].timestamp()) * 1_000_000 + table["time"][0].microsecond
    assert "UTC" == str(table["time"][0].tzinfo)
    assert table.columns == to_polars([]).columns


def test_a_table_of_pandas_is_exact_unless_floats_are_asked_for() -> None:
    """Decimals, or what is fast."""
    pytest.importorskip("pandas", reason="an extra: pip install tickgate-client[pandas]")
    table = to_pandas(TICKS)
    assert ["0.70", "9.007199254740991"] == [f"{bid:f}" for bid in table["bid"]]
    assert 0.7 == to_pandas(TICKS, floats=True)["bid"][0]
    assert "UTC" == str(table["time"][0].tzinfo)
