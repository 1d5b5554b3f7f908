"""Ticks and states, each with the bytes made of it so far: made once for all clients.

A form is one way to write a tick, such as a frame in JSON. Each form is made when it is first wanted, and never again.
It is made of what the tick says, not of the bytes that it came in: those may be anybody's. All forms of one encoding
are made of one body, which is encoded once.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from gateway.protocol.messages import SymbolStatus
from market.prices.stats import Stats
from market.prices.tick import Tick


class FramedTick(Struct, gc=False, eq=False):
    """A tick with its bytes in every form that somebody wanted so far; see `forms_of_tick`."""

    topic: str
    """An opaque key. For channel ``ticker`` it is the symbol itself."""
    seq: int
    tick: Tick | Stats
    """Decoded, so every form is canonical. A tick that nobody wants is never encoded. In channel ``stats`` it is the
    figures of 24 hours, and ``seq`` means nothing."""
    offset: int = 0
    """The hub's count of ticks when this one was published. It orders ticks of all topics. 0: nobody held this one."""
    form: "Form | None" = None
    """The form that was wanted first, or in place of a bare body the frame after it. Most are wanted in one only."""
    body: bytes = b""
    """What that is made of."""
    made: bytes = b""
    """The bytes in that form, but for a bare body: a dictionary would cost a quarter of what encoding a tick does."""
    others: "dict[Form, bytes] | None" = None
    """The bytes in all other forms, and the bodies of other encodings."""


Form = Callable[[FramedTick], bytes]
"""Gives a tick's bytes in one form. They are made when first wanted."""


def forms_of_tick(encode: Callable[[Any], bytes], *wraps: Callable[[bytes], bytes]) -> tuple[Form, ...]:
    """The forms of one encoding: the body that ``encode`` makes, then what each of ``wraps`` makes of that body."""

    def plain(tick: FramedTick) -> bytes:
        if tick.form is None:
            body = tick.body = encode(tick.tick)
            tick.form = plain
            return body
        if tick.form in alike:
            return tick.body
        others = tick.others
        if others is None:
            others = tick.others = {}
        if plain not in others:
            others[plain] = encode(tick.tick)
        return others[plain]

    def wrapped(wrap: Callable[[bytes], bytes]) -> Form:
        def form(tick: FramedTick) -> bytes:
            if tick.form is form:
                return tick.made
            if tick.form is None:
                body = tick.body = encode(tick.tick)
                made = tick.made = wrap(body)
                tick.form = form
                return made
            if tick.form is plain:
                # Its bytes are the body.
                made = tick.made = wrap(tick.body)
                tick.form = form
                return made
            others = tick.others
            if others is None:
                others = tick.others = {}
            if form not in others:
                known = tick.body if tick.form in alike else others.get(plain)
                if known is None:
                    known = others[plain] = encode(tick.tick)
                others[form] = wrap(known)
            return others[form]

        return form

    forms = (plain, *map(wrapped, wraps))
    alike = frozenset(forms)
    return forms


class FramedStatus(Struct, gc=False, eq=False):
    """The state of a symbol, with its bytes in every form wanted so far."""

    message: SymbolStatus
    offset: int = 0
    """As in `FramedTick`, and from the same count: it orders states and ticks."""
    forms: dict["StatusForm", bytes] = {}

    @property
    def topic(self) -> str:
        """The topic whose holders get this state."""
        return self.message.symbol


StatusForm = Callable[[FramedStatus], bytes]
"""As `Form`, for a state."""


def of_status(encode: Callable[[SymbolStatus], bytes]) -> StatusForm:
    """The form of a state that ``encode`` makes."""

    def form(status: FramedStatus) -> bytes:
        made = status.forms.get(form)
        if made is None:
            made = status.forms[form] = encode(status.message)
        return made

    return form


class Forms:
    """The newest ticks of some topics, in every form wanted: topic → bytes, by form."""

    __slots__ = ("_by_form", "ticks")

    def __init__(self, ticks: dict[str, FramedTick]) -> None:
        self.ticks = ticks
        self._by_form: dict[Form, dict[str, bytes]] = {}

    def __getitem__(self, form: Form) -> dict[str, bytes]:
        """The bytes of every tick in ``form``."""
        forms = self._by_form.get(form)
        if forms is None:
            forms = self._by_form[form] = dict(zip(self.ticks, map(form, self.ticks.values()), strict=True))
        return forms
