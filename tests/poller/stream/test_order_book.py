"""The best levels, whatever comes and goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.stream import order_book
from poller.stream.order_book import FOLLOWS_WITHIN_US, BookError, Level, OrderBook, Side

changes = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 3)), max_size=300)


@given(changes, st.sampled_from([-1, 1]))
def test_the_top_is_the_best_of_what_is_there(moves: list[tuple[int, int]], best: int) -> None:
    """After every change, as if all levels were looked through."""
    side, levels = Side(best), dict[int, int]()
    for price, size in moves:
        side.put(f"{price}.00", f"{size}.0")
        levels[price] = size
        there = [price for price, size in levels.items() if size]
        top = side.top()
        if not there:
            assert top is None
            continue
        expected = max(there) if best < 0 else min(there)
        assert top == Level(f"{expected}.00", f"{levels[expected]}.0")


def test_a_price_is_known_however_it_is_written() -> None:
    """Trailing zeros make no other level; what was said last is what is passed on."""
    book = OrderBook()
    book.bids.put("64281.70", "1")
    book.bids.put("64281.7", "0.50000000")
    assert (Level("64281.7", "0.50000000"), None) == book.top()
    book.bids.put("64281.700", "0.00000000")
    assert (None, None) == book.top()


def test_what_comes_and_goes_far_from_the_top_is_not_kept() -> None:
    """A level that is put and taken a million times leaves nothing behind."""
    side = Side(1)
    side.put("1", "1")
    for _ in range(20_000):
        side.put("9", "1")
        side.put("9", "0")
    assert len(side._heap) < 2_000
    assert Level("1", "1") == side.top()


@pytest.mark.parametrize(("price", "size"), [("x", "1"), ("1", ""), ("NaN", "1"), ("1", "Infinity"), ("", "0")])
def test_a_level_that_makes_no_sense_is_refused(price: str, size: str) -> None:
    """In one line."""
    with pytest.raises(BookError, match="no level"):
        Side(1).put(price, size)


def test_a_book_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tells more levels than any book has fills no memory."""
    monkeypatch.setattr(order_book, "MOST_LEVELS", 10)
    side = Side(-1)
    for number in range(10):
        side.put(f"{number}.5", "1")
    with pytest.raises(BookError, match="more than 10 levels"):
        side.put("11", "1")


def test_only_a_top_that_has_moved_is_told() -> None:
    """The first time it has, even of an empty book; changes far from the top are nobody's news."""
    book = OrderBook()
    assert (None, None) == book.changed(1)
    book.bids.put("10", "1")
    assert (Level("10", "1"), None) == book.changed(2)
    book.bids.put("9", "5")
    assert book.changed(3) is None
    book.bids.put("10", "2")
    assert (Level("10", "2"), None) == book.changed(4)


def test_a_book_that_stands_still_while_trades_go_on_is_wrong() -> None:
    """Five seconds after the first of them, by the exchange's own clock; a change clears it."""
    book = OrderBook()
    assert book.follows(FOLLOWS_WITHIN_US)  # nothing was told yet
    book.changed(100)
    assert book.follows(90)
    assert book.follows(None)
    assert book.follows(200)
    assert book.follows(199 + FOLLOWS_WITHIN_US)
    assert not book.follows(200 + FOLLOWS_WITHIN_US)
    book.changed(None)
    assert book.follows(300 + FOLLOWS_WITHIN_US)
