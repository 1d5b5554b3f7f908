"""What is made of ticks and states, and how often."""

from collections import Counter
from typing import Any

from gateway.encodings import ENCODINGS
from gateway.forms import Forms, FramedStatus, FramedTick, of_form, of_status, of_tick
from gateway.protocol import SymbolStatus
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


def test_a_form_of_a_form_takes_what_is_there() -> None:
    """A tick is encoded once, however many forms are made of that."""
    calls: Counter[str] = Counter()

    def counted(name: str, made: bytes) -> Any:
        def make(_of: object) -> bytes:
            calls[name] += 1
            return made

        return make

    body = of_tick(counted("body", b"1"))
    one, other = of_form(body, counted("one", b"2")), of_form(body, counted("other", b"3"))
    framed, next_framed = FramedTick("BTCUSDT", 1, tick()), FramedTick("BTCUSDT", 2, tick())
    assert [b"2", b"3", b"1", b"2"] == [form(framed) for form in (one, other, body, one)]
    assert {"body": 1, "one": 1, "other": 1} == calls
    assert b"2" == one(next_framed)
    assert {"body": 2, "one": 2, "other": 1} == calls
    state = of_status(counted("state", b"4"))
    status = FramedStatus(SymbolStatus(symbol="BTCUSDT", state="halted", reason="", since_us=1))
    assert [b"4", b"4", 1] == [state(status), state(status), calls["state"]]


def test_the_forms_of_a_window_are_by_symbol() -> None:
    """Each symbol has the bytes of its tick, the same ones for every cohort that asks."""
    framed = {symbol: FramedTick(symbol, 1, tick(symbol)) for symbol in ("BTCUSDT", "ETHUSDT")}
    form = ENCODINGS["tickgate.v1.json"].tick_frame
    forms = Forms(framed)
    assert {symbol: form(one) for symbol, one in framed.items()} == forms[form]
    assert forms[form] is forms[form]
