"""Instruments from listings."""

import pytest

from market.prices.instruments import Instrument, Scales
from poller.rest.listed import ABSENT, NOT_ASKED, closed, decimals, halted, nothing_listed, unlisted

SCALES = Scales(2, 8)


def test_the_exchange_s_own_word_is_told() -> None:
    """The reason is one short line."""
    assert Instrument("halted", SCALES, "the exchange does not trade it now (BREAK)") == halted(SCALES, "BREAK")
    assert "the exchange has closed it (a b)" == closed(SCALES, "a\nb").reason
    assert f"the exchange does not trade it now ({'x' * 60})" == halted(SCALES, "x" * 100).reason


def test_what_is_gone_keeps_its_scales() -> None:
    """A delisted symbol keeps its scales; one that was never listed stays as it was."""
    delisted = unlisted(Instrument("trading", SCALES))
    assert Instrument("delisted", SCALES, "the exchange does not list it any more") == delisted
    assert delisted == unlisted(unlisted(Instrument("halted", SCALES)))
    assert ABSENT == unlisted(NOT_ASKED)


def test_a_start_without_any_symbol_says_how_to_mend_it() -> None:
    """The error names the first symbol, and the likely right one."""
    told = nothing_listed(("BTCUSD", "X"), "Binance", "BTCUSDT")
    assert "SYMBOLS names BTCUSD and 1 more, which Binance does not list; did you mean BTCUSDT?" == told
    assert "SYMBOLS names X, which Binance does not list; remove it, or correct it" == nothing_listed(
        ("X",), "Binance", None
    )


@pytest.mark.parametrize(("step", "expected"), [("0.01000000", 2), ("1", 0), ("", 0), ("tiny", 0), ("1e-7", 0)])
def test_a_step_that_makes_no_sense_decides_nothing(step: str, expected: int) -> None:
    """Without a usable step, ticks have the decimals that they need."""
    assert expected == decimals(step)
