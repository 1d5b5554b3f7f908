"""Whether ticks pass, judged by the store; the test gives the times."""

import random

from gateway.fanout.feed.delivery import ASKED_AT_ONCE, JUMP, LOST, Backoff, Delivery, stored_seq
from gateway.protocol.forms import FramedTick
from market.prices.symbols import Symbols
from market.prices.tick import MAX_EXACT
from market.wire.codec import encode_tick
from market.wire.status import SymbolState
from tests.fakes import tick


def payload(symbol: str, seq: int) -> bytes:
    """Encode a tick as the poller does."""
    return encode_tick(tick(symbol, seq))


class Setup:
    """A link that was made at 0, with a store beside it."""

    def __init__(self, count: int = 3) -> None:
        self.names = [f"S{number}" for number in range(count)]
        self.last: dict[str, FramedTick] = {}
        self.store: dict[str, bytes] = {}
        self.states: dict[str, SymbolState] = {}
        self.highest = 100_000
        self.delivery = Delivery(
            Symbols(self.names), self.last, lambda symbol: self.states.get(symbol, "live"), lambda: self.highest
        )
        self.publish(*self.names, seq=1)
        self.delivery.bus_link_up(0)

    def publish(self, *symbols: str, seq: int, lost: bool = False) -> None:
        for symbol in symbols:
            self.store[symbol] = payload(symbol, seq)
            if not lost:
                self.last[symbol] = FramedTick(symbol, seq, tick(symbol, seq))

    def look(self, now: float) -> list[str]:
        """The symbols of the present request; the answer comes at once."""
        asked = self.delivery.ask(now)
        self.delivery.answered(asked, {name: self.store[name] for name in asked if name in self.store}, now)
        return asked

    def judge(self, now: float, *, alive: bool = True) -> bool:
        return self.delivery.judge(now, lambda _: now if alive else 0)


def test_only_quiet_symbols_are_asked_for_and_every_three_seconds() -> None:
    """A symbol with a tick since the last check is not asked for."""
    setup = Setup()
    assert [] == setup.look(2.9)
    setup.publish("S1", seq=2)
    assert ["S0", "S2"] == setup.look(3)
    assert [] == setup.look(5.9)
    assert ["S0", "S1", "S2"] == setup.look(6.1)


def test_of_many_symbols_all_have_their_turn() -> None:
    """Each check asks for a bounded number, the next ones for the others, and then from the beginning."""
    setup = Setup(2 * ASKED_AT_ONCE + 50)
    looks = [setup.look(3.0 * number) for number in range(1, 5)]
    assert [ASKED_AT_ONCE] * 4 == [len(asked) for asked in looks]
    asked = [name for look in looks for name in look]
    assert setup.names == asked[: len(setup.names)]
    assert setup.names[: len(asked) - len(setup.names)] == asked[len(setup.names) :]


def test_what_is_on_its_way_is_no_fault() -> None:
    """The same newer number must stand for three seconds, and heartbeats must have come since."""
    setup = Setup()
    setup.publish("S0", seq=5, lost=True)
    setup.look(3)
    assert not setup.judge(5.9)
    setup.publish("S0", seq=5)
    assert not setup.judge(6.1)
    setup.publish("S0", seq=9, lost=True)
    setup.look(6.2)
    setup.look(9.3)
    assert not setup.judge(30, alive=False)
    assert setup.judge(30)
    assert LOST == setup.delivery.problem


def test_a_symbol_of_which_nothing_ever_came_is_missed_too() -> None:
    """The store has a first tick, and the link did not bring it."""
    setup = Setup()
    del setup.last["S0"]
    setup.delivery.bus_link_up(0)
    setup.look(3)
    assert setup.judge(6)


def test_a_new_link_is_clear_when_each_lost_symbol_passes_or_has_nothing_newer() -> None:
    """One symbol's ticks pass at once; for the other the store has nothing newer for three seconds."""
    setup = Setup()
    setup.publish("S0", "S1", seq=5, lost=True)
    setup.look(3)
    assert setup.judge(6)
    setup.publish("S0", "S1", seq=5)
    setup.delivery.bus_link_up(7)
    assert not setup.judge(7.1)
    assert LOST == setup.delivery.problem
    setup.publish("S0", seq=6)
    setup.judge(7.2)
    assert LOST == setup.delivery.problem
    assert "S1" == setup.look(10)[0]
    assert "" == setup.delivery.problem


def test_a_new_link_that_brings_nothing_either_is_faulty_again() -> None:
    """The store has newer values, the link brings none."""
    setup = Setup()
    setup.publish("S0", seq=5, lost=True)
    setup.look(3)
    assert setup.judge(6)
    setup.publish("S0", seq=5)
    setup.delivery.bus_link_up(7)
    setup.publish("S0", seq=8, lost=True)
    setup.look(10)
    assert not setup.judge(12.9)
    assert setup.judge(13)


def test_a_link_that_brings_it_late_after_all_is_clear() -> None:
    """A late tick that equals the store's value clears the link."""
    setup = Setup()
    setup.publish("S0", seq=5, lost=True)
    setup.look(3)
    assert setup.judge(6)
    setup.publish("S0", seq=7)
    assert not setup.judge(6.1)
    assert "" == setup.delivery.problem


def test_what_cannot_be_read_is_reported_once_it_stays_so() -> None:
    """An unreadable value of a removed symbol is no news; a new link changes nothing."""
    setup = Setup()
    setup.store["S0"] = b"hello"
    setup.look(3)
    assert not setup.delivery.unreadable
    setup.look(6)
    assert not setup.judge(6.1)
    assert {"S0"} == setup.delivery.unreadable
    setup.delivery.bus_link_up(7)
    assert {"S0"} == setup.delivery.unreadable
    setup.states["S0"] = "delisted"
    assert "S0" not in setup.look(10)
    assert not setup.delivery.unreadable
    setup.states["S0"] = "live"
    setup.look(13)
    setup.look(16)
    assert {"S0"} == setup.delivery.unreadable
    setup.publish("S0", seq=2)
    setup.judge(16.1)
    assert "" == setup.delivery.problem


def test_unreadable_that_becomes_newer_is_a_lost_tick() -> None:
    """The fault of a symbol may change; the new one is then judged from the beginning."""
    setup = Setup()
    setup.store["S0"] = b"hello"
    setup.look(3)
    setup.publish("S0", seq=5, lost=True)
    setup.look(6)
    assert not setup.judge(8.9)
    assert setup.judge(9)


def test_a_lost_symbol_that_is_served_no_more_is_no_fault_any_more() -> None:
    """A lost symbol that is no longer served is no fault of the link, whatever the store still has."""
    setup = Setup()
    setup.publish("S0", seq=5, lost=True)
    setup.look(3)
    assert setup.judge(6)
    setup.delivery.bus_link_up(7)
    setup.store["S0"] = b"hello"
    setup.states["S0"] = "unknown"
    assert "S0" not in setup.look(10)
    assert not setup.judge(10)
    assert "" == setup.delivery.problem


def test_missed_ticks_are_counted_by_their_numbers_but_not_across_a_takeover() -> None:
    """A gap counts each missed number; other symbols, older ticks and wrong payloads do not count."""
    setup = Setup(4)
    values = {
        "S0": payload("S0", 4),
        "S1": payload("S1", 1),
        "S2": payload("S2", 2 + JUMP),
        "S3": b"hello",
        "X": payload("X", 9),
    }
    assert 3 + 1 == setup.delivery.missed(values)


def test_a_last_value_is_of_use_only_as_a_tick_of_its_symbol_and_time() -> None:
    """Everything else has no seq."""
    late = encode_tick(tick("S0", 7, recv_us=1_007_001))
    assert 7 == stored_seq("S0", payload("S0", 7), 1007)
    for useless in (b"", b"{}", payload("S1", 7), payload("S0", 8), payload("S0", 7) + b" " * 2000, late):
        assert stored_seq("S0", useless, 1007 if useless is late else 7) is None


def test_a_number_that_no_poller_can_have_is_no_lost_tick() -> None:
    """An impossible seq is no fault of the link; only the symbol is reported unreadable."""
    setup = Setup()
    setup.store["S0"] = encode_tick(tick("S0", MAX_EXACT, bid=1, ask=2, recv_us=1))
    for now in (3, 6, 9):
        setup.look(now)
        assert not setup.judge(now + 0.1)
    assert "" == setup.delivery.problem
    assert {"S0"} == setup.delivery.unreadable
    setup.publish("S0", seq=2)
    setup.judge(9.2)
    assert not setup.delivery.unreadable


def test_a_symbol_that_went_on_with_a_lower_number_is_judged_by_that() -> None:
    """After a symbol continues with lower numbers, its former value is no measure for lost or unreadable ticks."""
    setup = Setup()
    setup.publish("S0", seq=900, lost=True)
    setup.look(3)
    assert setup.judge(6)
    setup.publish("S0", seq=900)
    setup.delivery.bus_link_up(7)
    setup.publish("S0", seq=5)
    setup.look(10)
    setup.look(13)
    assert not setup.judge(13)
    assert "" == setup.delivery.problem
    setup.publish("S0", seq=6, lost=True)
    setup.look(16)
    assert setup.judge(19)


def test_patience_grows_while_it_does_not_help() -> None:
    """The pause doubles up to a maximum, with a random part, and is short again after a success."""
    patience = Backoff(3, 30, random.Random(1))
    seen = []
    for _ in range(6):
        seen.append(patience.seconds)
        patience.grow()
    least = [3, 6, 12, 24, 30, 30]
    assert all(low <= seconds <= 1.2 * low for low, seconds in zip(least, seen, strict=True))
    assert seen[4] != seen[5]
    patience.reset()
    assert 3 <= patience.seconds <= 3.6
