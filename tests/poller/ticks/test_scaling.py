"""The scales of one tick."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from market.prices.tick import MAX_EXACT, MAX_SCALE, Number, number
from poller.ticks.scaling import Field, fit_prices, fit_sizes

numbers = st.none() | st.builds(
    lambda digits, scale: number(f"{Decimal(digits).scaleb(-scale):f}"),
    st.one_of(st.integers(1, 10**6), st.integers(1, MAX_EXACT)),
    st.integers(0, 8),
)
floors = st.integers(0, 8)


def value(its: Number) -> Decimal:
    """Return the exact value of a number."""
    return Decimal(its[0]).scaleb(-its[1])


@pytest.mark.parametrize(
    ("floor", "texts", "expected"),
    [
        (2, ("65000.01", "65000.02", "65000"), (2, 6500001, 6500002, 6500000)),
        (2, ("65000.015", "65000.02", None), (3, 65000015, 65000020, UNSET)),
        (2, (None, None, "1.2345"), (4, UNSET, UNSET, 12345)),
        (0, ("1.5", "2", "0.00000001"), (8, 150000000, 200000000, 1)),
        # The last price has no room at the scale of bid and ask.
        (8, ("1", "2", "99999999.5"), (8, 100000000, 200000000, UNSET)),
        # Nor have bid and ask at the scale of the last price: they stay.
        (2, ("90071992547409.91", "90071992547409.91", "0.001"), (2, MAX_EXACT, MAX_EXACT, UNSET)),
        # A floor at which the bid has no room gives way.
        (8, ("100000000", "100000000.5", None), (1, 1000000000, 1000000005, UNSET)),
        # One of two that have no room together.
        (2, ("0.000000000000001", "100", None), (15, 1, UNSET, UNSET)),
        (3, (None, None, None), (3, UNSET, UNSET, UNSET)),
    ],
)
def test_prices(floor: int, texts: tuple[str | None, ...], expected: tuple[Field, ...]) -> None:
    """Bid and ask come first, then the last price; the scale is the coarsest that is exact, from the floor up."""
    bid, ask, last = (text if text is None else number(text) for text in texts)
    assert expected == fit_prices(floor, bid, ask, last)


@pytest.mark.parametrize(
    ("floor", "texts", "expected"),
    [
        (5, ("1.2", "0.00001", "1000.5"), (5, 120000, 1, 100050000)),
        # The volume goes first, ...
        (8, ("1", "2", "99999999999"), (8, 100000000, 200000000, UNSET)),
        (0, ("90071992547409.9", "2", "0.00000001"), (1, 900719925474099, 20, UNSET)),
        # ... then the size that has no room; the other stays, and the volume with it.
        (8, ("999999999", "2", "3"), (8, UNSET, 200000000, 300000000)),
    ],
)
def test_sizes(floor: int, texts: tuple[str | None, ...], expected: tuple[Field, ...]) -> None:
    """Sizes come before the volume, and the scale never goes below the instrument's."""
    bid_size, ask_size, volume = (text if text is None else number(text) for text in texts)
    assert expected == fit_sizes(floor, bid_size, ask_size, volume)


@given(floors, numbers, numbers, numbers)
def test_every_number_is_exact_or_absent(
    floor: int, one: Number | None, two: Number | None, three: Number | None
) -> None:
    """Nothing is rounded, nothing exceeds 2^53 - 1, and the scale is the coarsest exact one."""
    for fit in (fit_prices, fit_sizes):
        scale, *fields = fit(floor, one, two, three)
        kept = [its for its, field in zip((one, two, three), fields, strict=True) if its and field is not UNSET]
        for its, field in zip((one, two, three), fields, strict=True):
            if its is None:
                assert field is UNSET
            elif field is not UNSET:
                assert 0 <= field <= MAX_EXACT
                assert value(its) == Decimal(field).scaleb(-scale)
        finest = max((its[1] for its in kept), default=0)
        assert scale in {max(floor, finest), finest}
        assert 0 <= scale <= MAX_SCALE


@given(floors, numbers, numbers, numbers)
def test_a_bid_is_never_left_out(floor: int, bid: Number | None, ask: Number | None, last: Number | None) -> None:
    """A bid always stays; an ask stays if both have room at one scale."""
    _, bid_field, ask_field, _ = fit_prices(floor, bid, ask, last)
    assert (bid is None) == (bid_field is UNSET)
    if ask is not None and ask_field is UNSET:
        assert bid is not None
        finest = max(bid[1], ask[1])
        assert max(value(bid), value(ask)).scaleb(finest) > MAX_EXACT
