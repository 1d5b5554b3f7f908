"""What is made of ticks and states, and how often."""

import itertools
from collections.abc import Callable

from gateway.protocol.encodings import ENCODINGS
from gateway.protocol.forms import Forms, FramedStatus, FramedTick, forms_of_tick, of_status
from gateway.protocol.messages import SymbolStatus
from market.prices.tick import Tick
from tests.fakes import tick


def test_a_form_is_made_once() -> None:
    """Asking for a form twice gives the same bytes object, and no form stands in for another."""
    framed = FramedTick("BTCUSDT", 1, tick())
    forms = [form for one in ENCODINGS.values() for form in (one.tick_frame, one.tick_body, one.snapshot_frame)]
    made = [form(framed) for form in forms]
    assert len(forms) == len(set(made))
    assert all(one is form(framed) for one, form in zip(made, forms, strict=True))


def test_a_state_is_made_once_in_each_encoding() -> None:
    """As ticks are."""
    status = FramedStatus(SymbolStatus(symbol="BTCUSDT", state="halted", reason="", since_us=1))
    made = [encoding.status_frame(status) for encoding in ENCODINGS.values()]
    assert len(ENCODINGS) == len(set(made))
    assert all(one is form.status_frame(status) for one, form in zip(made, ENCODINGS.values(), strict=True))


class Maker:
    """Makes bytes that tell what they are made of, and notes what it has made."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def body(self, name: str) -> Callable[[Tick], bytes]:
        """What encodes a tick."""

        def encode(tick: Tick) -> bytes:
            self.made.append(name)
            return f"{name}({tick.symbol})".encode()

        return encode

    def wrap(self, name: str) -> Callable[[bytes], bytes]:
        """What makes a frame of a body."""

        def frame(body: bytes) -> bytes:
            self.made.append(name)
            return name.encode() + b"(" + body + b")"

        return frame


def test_a_tick_is_encoded_once_however_many_forms_are_wanted() -> None:
    """Whichever is wanted first; each encoding has a body of its own, and nothing is made that nobody wants."""
    expected = [b"a(BTC)", b"a1(a(BTC))", b"a2(a(BTC))", b"b(BTC)", b"b1(b(BTC))", b"b2(b(BTC))"]
    needs = [{"a"}, {"a", "a1"}, {"a", "a2"}, {"b"}, {"b", "b1"}, {"b", "b2"}]
    for order in itertools.permutations(range(6)):
        maker = Maker()
        forms = [
            form for of in "ab" for form in forms_of_tick(maker.body(of), maker.wrap(f"{of}1"), maker.wrap(f"{of}2"))
        ]
        btc = FramedTick("BTC", 1, tick("BTC"))
        needed: set[str] = set()
        for one in order:
            needed |= needs[one]
            assert [expected[one]] * 2 == [forms[one](btc), forms[one](btc)]
            assert sorted(needed) == sorted(maker.made)
        assert expected == [form(btc) for form in forms]
        assert b"b2(b(ETH))" == forms[5](FramedTick("ETH", 1, tick("ETH")))


def test_a_state_is_made_once() -> None:
    """In each form that is wanted."""
    calls = []

    def encode(message: SymbolStatus) -> bytes:
        calls.append(message)
        return message.symbol.encode()

    state = of_status(encode)
    status = FramedStatus(SymbolStatus(symbol="BTCUSDT", state="halted", reason="", since_us=1))
    assert [b"BTCUSDT"] * 2 == [state(status), state(status)]
    assert [status.message] == calls


def test_the_forms_of_a_window_are_by_symbol() -> None:
    """Each symbol has the bytes of its tick, the same ones for every cohort that asks."""
    framed = {symbol: FramedTick(symbol, 1, tick(symbol)) for symbol in ("BTCUSDT", "ETHUSDT")}
    form = ENCODINGS["tickgate.v1.json"].tick_frame
    forms = Forms(framed)
    assert {symbol: form(one) for symbol, one in framed.items()} == forms[form]
    assert forms[form] is forms[form]
