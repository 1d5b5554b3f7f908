"""What is said of a symbol, by what its exchange lists."""

import pytest

from market.prices.instruments import Instrument, Scales
from poller.rest.listed import ABSENT, NOT_ASKED, closed, decimals, halted, nothing_listed, unlisted

SCALES = Scales(2, 8)


def test_the_exchange_s_own_word_is_told() -> None:
    """On one line, and not long."""
    assert Instrument("halted", SCALES, "the exchange does not trade it now (BREAK)") == halted(SCALES, "BREAK")
    assert "the exchange has closed it (a b)" == closed(SCALES, "a\nb").reason
    assert f"the exchange does not trade it now ({'x' * 60})" == halted(SCALES, "x" * 100).reason


def test_what_is_gone_keeps_its_scales() -> None:
    """Its last price stays readable; what was never there is no other thing than before."""
    delisted = unlisted(Instrument("trading", SCALES))
    assert Instrument("delisted", SCALES, "the exchange does not list it any more") == delisted
    assert delisted == unlisted(unlisted(Instrument("halted", SCALES)))
    assert ABSENT == unlisted(NOT_ASKED)


def test_a_start_without_any_symbol_says_how_to_mend_it() -> None:
    """The first one is named, and the one that may be meant."""
    told = nothing_listed(("BTCUSD", "X"), "Binance", "BTCUSDT")
    assert "SYMBOLS names BTCUSD and 1 more, which Binance does not list; did you mean BTCUSDT?" == told
    assert "SYMBOLS names X, which Binance does not list; remove it, or correct it" == nothing_listed(
        ("X",), "Binance", None
    )


@pytest.mark.parametrize(("step", "expected"), [("0.01000000", 2), ("1", 0), ("", 0), ("tiny", 0), ("1e-7", 0)])
def test_a_step_that_makes_no_sense_decides_nothing(step: str, expected: int) -> None:
    """Then a tick has the decimals that it needs."""
    assert expected == decimals(step)
