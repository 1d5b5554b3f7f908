"""What an exchange lists."""

from typing import Any

import pytest

from market.prices.instruments import Instrument, Scales


@pytest.mark.parametrize(
    ("status", "listed"), [("trading", True), ("halted", True), ("delisted", False), ("unknown", False)]
)
def test_the_exchange_answers_for_what_it_lists(status: Any, listed: bool) -> None:
    """The exchange answers for halted symbols, not for delisted or unknown ones."""
    assert listed == Instrument(status).listed
    assert Scales(0, 0) == Instrument(status).scales
