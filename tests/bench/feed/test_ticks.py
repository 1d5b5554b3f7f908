"""The ticks that every server is fed."""

import random

from bench.feed.ticks import SYMBOLS, TickMaker
from market.prices.symbols import parse_symbols
from market.wire.codec import encode_tick


def test_all_ticks_are_equally_long() -> None:
    """The client counts by length, so no number may gain or lose a digit."""
    maker = TickMaker(random.Random(5), 1_795_000_000_000)
    sizes = {len(encode_tick(maker.tick(symbol, 1_795_000_000_000_000))) for symbol in SYMBOLS * 20}
    assert len(sizes) == 1


def test_seq_grows_by_symbol() -> None:
    """Each symbol counts for itself, from the first seq on."""
    maker = TickMaker(random.Random(5), 10)
    seqs = [maker.tick(symbol, 1).seq for symbol in (SYMBOLS[0], SYMBOLS[1], SYMBOLS[0])]
    assert seqs == [11, 11, 12]


def test_symbols_are_ones_a_gateway_takes() -> None:
    """The hundred names pass as the SYMBOLS setting."""
    assert tuple(parse_symbols(",".join(SYMBOLS))) == SYMBOLS
