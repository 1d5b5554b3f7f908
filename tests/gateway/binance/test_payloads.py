"""The messages of each stream: keys, their order, and numbers."""

import json

from msgspec import UNSET

from gateway.binance.payloads import book_ticker, mini_ticker, ticker
from tests.fakes import tick
from tests.gateway.binance.conftest import QUOTE, stats


def test_a_quote_has_binances_keys_in_its_order_and_no_time() -> None:
    """A client tells it by the lack of ``e``."""
    assert ["u", "s", "b", "B", "a", "A"] == list(json.loads(book_ticker(tick(**QUOTE))))


def test_a_side_without_orders_is_zero() -> None:
    """As at Binance."""
    quote = json.loads(book_ticker(tick(**QUOTE | {"ask": UNSET, "ask_size": UNSET})))
    assert ("0.00000000", "0.00000000", "65234.56000000") == (quote["a"], quote["A"], quote["b"])


def test_a_quote_without_the_exchanges_number_is_not_sent() -> None:
    """It came by REST, and no number of ours may stand for it."""
    assert "" == book_ticker(tick())


def test_figures_have_binances_keys_in_its_order() -> None:
    """The small stream and the large one."""
    assert ["e", "E", "s", "c", "o", "h", "l", "v", "q"] == list(json.loads(mini_ticker(stats(), 1000)))
    large = json.loads(ticker(stats(), tick(**QUOTE), 1000))
    assert [
        "e",
        "E",
        "s",
        "p",
        "P",
        "w",
        "x",
        "c",
        "Q",
        "b",
        "B",
        "a",
        "A",
        "o",
        "h",
        "l",
        "v",
        "q",
        "O",
        "C",
        "F",
        "L",
        "n",
    ] == list(large)
    assert ("65234.56000000", "0.00200000") == (large["b"], large["A"])


def test_times_are_in_the_unit_that_is_wanted() -> None:
    """All of them."""
    milli, micro = (json.loads(ticker(stats(), None, divisor)) for divisor in (1000, 1))
    assert (1_795_734_825_341, 1_795_734_825_341_123) == (milli["E"], micro["E"])
    assert {micro[key] // 1000 for key in "EC"} == {milli[key] for key in "EC"}
    assert "0.00000000" == milli["b"]


def test_figures_that_are_not_known_are_not_sent() -> None:
    """Neither stream has a word for that."""
    nothing = stats(last=UNSET)
    assert ("", "") == (mini_ticker(nothing, 1), ticker(nothing, None, 1))
