"""The numbers of an update, read at an instrument's scales."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.prices.instruments import Scales
from poller.source import Update
from poller.ticks.readings import (
    Fine,
    FineSummary,
    Plain,
    PlainSummary,
    fine_quote,
    fine_summary,
    plain_quote,
    plain_summary,
    read_quote,
    read_summary,
)

SCALES = Scales(2, 5)
texts = st.from_regex(r"[0-9]{1,6}(\.[0-9]{1,9})?", fullmatch=True)
scales = st.builds(Scales, st.integers(0, 8), st.integers(0, 8))


def quote_of(bid: str, ask: str, bid_size: str, ask_size: str, its: Scales = SCALES) -> Plain | Fine | None:
    """The reading of a quote."""
    update = Update(symbol="A1", recv_us=1, bid=bid, ask=ask, bid_size=bid_size, ask_size=ask_size)
    quote, _ = read_quote(update, its, [])
    return quote


def summary_of(last: str, volume: str, its: Scales = SCALES) -> PlainSummary | FineSummary | None:
    """The reading of a summary."""
    summary, _ = read_summary(Update(symbol="A1", recv_us=1, last=last, volume=volume), (None, None), its, [])
    return summary


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("65000.01", "65000.02000", "1.2", "0.00001"), (6500001, 6500002, 120000, 1)),
        (("65000.011", "65000.02", "1", "2"), Fine((65000011, 3), (6500002, 2), (1, 0), (2, 0))),
        (("65000.01", "0", "1", "0"), Fine((6500001, 2), None, (1, 0), None)),
        (("65000.01", "65000.02", "1", "0.0000001"), Fine((6500001, 2), (6500002, 2), (1, 0), (1, 7))),
    ],
)
def test_integers_where_they_fit(texts: tuple[str, str, str, str], expected: Plain | Fine) -> None:
    """A quote at its instrument's scales is four integers; one that is finer, or lacks a side, is read one by one."""
    assert expected == quote_of(*texts)
    assert type(expected) is type(quote_of(*texts))


def test_a_summary_keeps_what_is_not_said() -> None:
    """An update of the last price alone leaves the volume as it was, be it finer or not."""
    update = Update(symbol="A1", recv_us=1, last="7.5")
    assert ((750, 3), None) == read_summary(update, (1, 3), SCALES, [])
    fine = FineSummary((1, 0), (1, 7))
    assert (FineSummary((75, 1), (1, 7)), None) == read_summary(update, fine, SCALES, [])


@given(st.tuples(texts, texts, texts, texts), st.tuples(texts, texts, texts, texts), scales)
def test_equal_readings_are_equal_values(
    one: tuple[str, str, str, str], two: tuple[str, str, str, str], its: Scales
) -> None:
    """Two quotes have equal readings exactly if each of their numbers has the same value."""
    readings = [quote_of(*texts, its) for texts in (one, two)]
    if None in readings:
        return

    def values(texts: tuple[str, ...]) -> list[Decimal]:
        bid, ask, bid_size, ask_size = map(Decimal, texts)
        # The size of a side without a price counts for nothing.
        return [bid, ask, bid_size if bid else Decimal(0), ask_size if ask else Decimal(0)]

    assert (readings[0] == readings[1]) == (values(one) == values(two))
    bid, ask, bid_size, ask_size = (text + ("0" if "." in text else ".0") for text in one)
    assert readings[0] == quote_of(bid, ask, bid_size, ask_size, its)


@given(st.tuples(texts, texts, texts, texts), scales, scales)
def test_other_scales_are_no_other_values(texts: tuple[str, str, str, str], before: Scales, after: Scales) -> None:
    """A reading that is brought to other scales equals a reading at those scales."""
    quote = quote_of(*texts, before)
    if quote is not None:
        assert quote_of(*texts, after) == plain_quote(fine_quote(quote, before), after)
    summary = summary_of(texts[0], texts[1], before)
    assert summary is not None
    assert summary_of(texts[0], texts[1], after) == plain_summary(fine_summary(summary, before), after)
