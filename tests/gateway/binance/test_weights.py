"""What requests weigh."""

import pytest

from gateway.binance.weights import Weights, weight


@pytest.mark.parametrize(
    ("path", "symbols", "expected"),
    [
        ("ping", 0, 1), ("time", 0, 1), ("exchangeInfo", 0, 20), ("exchangeInfo", 1, 20),
        ("ticker/bookTicker", 1, 2), ("ticker/bookTicker", 2, 4), ("ticker/bookTicker", 0, 4),
        ("ticker/price", 1, 2), ("ticker/price", 0, 4),
        ("ticker/24hr", 1, 2), ("ticker/24hr", 20, 2), ("ticker/24hr", 21, 40), ("ticker/24hr", 101, 80),
        ("ticker/24hr", 0, 80), ("klines", 1, 1),
    ],
)  # fmt: skip
def test_a_request_weighs_what_it_does_at_binance(path: str, symbols: int, expected: int) -> None:
    """So a client that paces itself by weight keeps its pace."""
    assert expected == weight(path, symbols)


def test_weights_are_counted_by_address_and_minute_of_the_clock() -> None:
    """A new minute begins at nothing."""
    weights = Weights()
    assert [2, 4, 2] == [weights.use(address, 2, 119.0) for address in ("a", "a", "b")]
    assert 1 == weights.left_s(119.5)
    assert 2 == weights.use("a", 2, 120.0)
    assert 60 == weights.left_s(120.0)
