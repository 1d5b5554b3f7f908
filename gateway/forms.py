"""Ticks and states, each with the bytes that were made of it so far: made once for everybody.

A form is one way to write a tick, such as a frame in JSON. Each form is made when it is first wanted, and never again.
It is made of what the tick says, not of the bytes that it came in: those may be anybody's.
"""

from collections.abc import Callable

from msgspec import Struct

from gateway.protocol import SymbolStatus
from market.tick import Tick


class FramedTick(Struct, gc=False, eq=False):
    """A tick with its bytes in every form that somebody wanted so far."""

    symbol: str
    seq: int
    tick: Tick
    """Decoded, whatever it came in: so every form is canonical. One that nobody wants is never encoded."""
    stamp: int = 0
    """The hub's count of ticks when this one was published; orders ticks across symbols."""
    forms: dict["Form", bytes] = {}
    """Whoever makes a form keeps it here, under itself: another encoding needs no other field."""


Form = Callable[[FramedTick], bytes]
"""Gives a tick's bytes in one form, making them if nobody wanted them before."""


class FramedStatus(Struct, gc=False, eq=False):
    """The state of a symbol, with its bytes in every form that somebody wanted so far."""

    message: SymbolStatus
    stamp: int = 0
    """As of `FramedTick`, and of the same count: orders states and ticks."""
    forms: dict["StatusForm", bytes] = {}
    """As of `FramedTick`."""


StatusForm = Callable[[FramedStatus], bytes]
"""As `Form`, of a state."""

# The three functions below differ in what is made, and are apart because one call less is a tenth of what a form costs.


def of_tick(encode: Callable[[Tick], bytes]) -> Form:
    """The form that ``encode`` makes."""

    def form(tick: FramedTick) -> bytes:
        made = tick.forms.get(form)
        if made is None:
            made = tick.forms[form] = encode(tick.tick)
        return made

    return form


def of_form(other: Form, make: Callable[[bytes], bytes]) -> Form:
    """The form that ``make`` makes of another one's bytes."""

    def form(tick: FramedTick) -> bytes:
        made = tick.forms.get(form)
        if made is None:
            made = tick.forms[form] = make(other(tick))
        return made

    return form


def of_status(make: Callable[[SymbolStatus], bytes]) -> StatusForm:
    """The form of a state that ``make`` makes."""

    def form(status: FramedStatus) -> bytes:
        made = status.forms.get(form)
        if made is None:
            made = status.forms[form] = make(status.message)
        return made

    return form


class Forms:
    """The newest ticks of some symbols, in every form that somebody wants: symbol → bytes, by form."""

    __slots__ = ("_by_form", "ticks")

    def __init__(self, ticks: dict[str, FramedTick]) -> None:
        self.ticks = ticks
        self._by_form: dict[Form, dict[str, bytes]] = {}

    def __getitem__(self, form: Form) -> dict[str, bytes]:
        """Of every tick the bytes in ``form``."""
        forms = self._by_form.get(form)
        if forms is None:
            forms = self._by_form[form] = dict(zip(self.ticks, map(form, self.ticks.values()), strict=True))
        return forms
