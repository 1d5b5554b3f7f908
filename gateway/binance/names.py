"""The streams that a client can ask for, and their names: ``btcusdt@bookTicker``, ``!miniTicker@arr``."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from market.prices.letters import lower
from market.prices.symbols import Symbols
from market.prices.venues import DEFAULT_VENUE

BOOK: Final = "bookTicker"
MINI: Final = "miniTicker"
DAY: Final = "ticker"

KINDS: Final = (BOOK, MINI, DAY)
"""What there is of one symbol."""

OF_ALL: Final = ("!miniTicker@arr", "!miniTicker@arr@1000ms")
"""The streams of all symbols. The second name is an old one, which a client still writes."""

_QUOTED: Final = 60
_THERE: Final = f"it has {', '.join(f'<symbol>@{kind}' for kind in KINDS)} and {OF_ALL[0]}"


def is_of_all(stream: str) -> bool:
    """Whether this is the name of a stream of all symbols."""
    return stream in OF_ALL


class Stream(Struct, frozen=True):
    """One stream."""

    name: str
    """As the client wrote it."""
    kind: str
    """One of `KINDS`; that of a stream of all symbols is its name."""
    symbol: str = ""
    """The symbol's full name; empty if it is of all."""


class StreamNames:
    """The names that mean a stream here."""

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols
        """All symbols of this gateway."""
        self.served: Sequence[str] = symbols.of_venue(DEFAULT_VENUE).names
        """Those that have streams."""
        self._written: Mapping[str, str] = {lower(name): name for name in self.served}
        """As they stand in names of streams → the symbols."""

    def find(self, name: str) -> Stream | str:
        """The stream of this ``name``, or why there is none, in words."""
        if is_of_all(name):
            return Stream(name, name)
        written, _, kind = name.partition("@")
        if kind not in KINDS:
            return f"this deployment has no stream {name[:_QUOTED]}; {_THERE}"
        symbol = self._written.get(written)
        if symbol is not None:
            return Stream(name, kind, symbol)
        if lower(written) in self._written:
            return f"there is no stream {name[:_QUOTED]}: symbols are in lower case, {lower(written)}@{kind}"
        return f"this deployment has no stream {name[:_QUOTED]}: it does not serve that symbol"
