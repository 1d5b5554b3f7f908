import random

from bench.client import after_stall
from bench.ticks import SYMBOLS, TickMaker
from market.tick import Tick

A, B = SYMBOLS[:2]
MAKER = TickMaker(random.Random(1), 0)


def at(offset: int, symbol: str, recv_us: int) -> tuple[int, Tick]:
    return offset, MAKER.tick(symbol, recv_us)


def test_older_bytes_are_those_before_the_first_current_tick() -> None:
    """What lies before it is counted in bytes, whatever it is."""
    ticks = [at(30, A, 10), at(230, B, 10), at(460, A, 1_000), at(660, B, 1_000)]
    assert after_stall(ticks, frozenset({A, B}), 1_000) == (460, [])


def test_an_old_tick_after_a_current_one_is_a_fault() -> None:
    """After current prices have begun, no backlog may follow."""
    ticks = [at(0, A, 1_000), at(200, B, 999), at(400, B, 1_000)]
    assert after_stall(ticks, frozenset({A, B}), 1_000) == (0, [f"{B}: an old tick after current ones"])


def test_a_symbol_that_does_not_come_is_a_fault() -> None:
    """Every symbol that the client holds must become current."""
    assert after_stall([at(0, A, 1_000)], frozenset({A, B}), 1_000) == (0, [f"{B}: no current tick"])


def test_a_client_that_gets_nothing_current_is_a_fault() -> None:
    """All that came was old."""
    assert after_stall([at(0, A, 1), at(200, B, 2)], frozenset({A, B}), 1_000) == (200, ["no current tick came"])


def test_a_client_that_gets_nothing_is_a_fault() -> None:
    """Nothing came at all."""
    assert after_stall([], frozenset({A}), 1_000) == (0, ["no current tick came"])
