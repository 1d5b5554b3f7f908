"""What is made of ticks and states, and how often."""

from collections import Counter
from typing import Any

from gateway.protocol.encodings import ENCODINGS
from gateway.protocol.forms import Forms, FramedStatus, FramedTick, of_status, of_tick
from gateway.protocol.messages import SymbolStatus
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


def test_only_what_is_wanted_is_made() -> None:
    """Each form by itself, in whatever order, and for each tick anew."""
    calls: Counter[str] = Counter()

    def counted(name: str) -> Any:
        def encode(of: Any) -> bytes:
            calls[name] += 1
            return f"{name} {of.symbol}".encode()

        return encode

    one, other, third = (of_tick(counted(name)) for name in ("one", "other", "third"))
    btc, eth = FramedTick("BTCUSDT", 1, tick("BTCUSDT")), FramedTick("ETHUSDT", 1, tick("ETHUSDT"))
    for _ in range(2):
        assert [b"one BTCUSDT", b"other BTCUSDT", b"third BTCUSDT"] == [form(btc) for form in (one, other, third)]
        assert [b"other ETHUSDT", b"one ETHUSDT"] == [form(eth) for form in (other, one)]
    state = of_status(counted("state"))
    status = FramedStatus(SymbolStatus(symbol="BTCUSDT", state="halted", reason="", since_us=1))
    assert [b"state BTCUSDT"] * 2 == [state(status), state(status)]
    assert {"one": 2, "other": 2, "third": 1, "state": 1} == calls


def test_the_forms_of_a_window_are_by_symbol() -> None:
    """Each symbol has the bytes of its tick, the same ones for every cohort that asks."""
    framed = {symbol: FramedTick(symbol, 1, tick(symbol)) for symbol in ("BTCUSDT", "ETHUSDT")}
    form = ENCODINGS["tickgate.v1.json"].tick_frame
    forms = Forms(framed)
    assert {symbol: form(one) for symbol, one in framed.items()} == forms[form]
    assert forms[form] is forms[form]
