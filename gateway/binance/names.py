"""The streams that a client can ask for, and their names: ``btcusdt@bookTicker``."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

from market.prices.letters import lower
from market.prices.symbols import Symbols
from market.prices.venues import DEFAULT_VENUE

Kind = Literal["bookTicker"]
"""What a stream brings of a symbol."""

KINDS: Final[tuple[Kind, ...]] = ("bookTicker",)

_QUOTED: Final = 60


class Stream(Struct, frozen=True):
    """One stream."""

    name: str
    """As the client wrote it; its messages carry it, if they are wrapped."""
    kind: Kind
    symbol: str
    """The symbol's full name."""


class StreamNames:
    """The names that mean a stream here."""

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols
        """All symbols of this gateway."""
        self.served: Sequence[str] = symbols.of_venue(DEFAULT_VENUE).names
        """Those that have streams."""
        self._symbols: Mapping[str, str] = {lower(name): name for name in self.served}
        """The symbols as they stand in names of streams → the symbols."""

    def find(self, name: str) -> Stream | str:
        """The stream of this ``name``, or why there is none, in words."""
        written, at, kind = name.partition("@")
        if not at:
            return f"{name[:_QUOTED]} is no stream; write it like btcusdt@bookTicker"
        for known in KINDS:
            if kind == known:
                symbol = self._symbols.get(written)
                if symbol is not None:
                    return Stream(name, known, symbol)
                return f"this deployment has no {name[:_QUOTED]}: {self._hint(written)}"
        return f"this deployment has no {name[:_QUOTED]}: its streams are {', '.join(KINDS)}"

    def _hint(self, written: str) -> str:
        if lower(written) in self._symbols:
            return f"symbols are in lower case, {lower(written)}"
        return "it does not serve that symbol"
