"""Symbols, and the short names that may stand for them.

A symbol is the exchange's own name, in any script: Binance lists 币安人生USDT. Case is ignored only for letters A to
Z. The rules of other letters depend on the language (the Turkish i), or change a name's length (ß becomes SS), so two
symbols might become one.
"""

import string
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from market.errors import MarketError
from market.prices.venues import DEFAULT_VENUE, EXAMPLES, OTHER_VENUES, venue_of

MAX_SYMBOL_BYTES: Final = 64
"""The most bytes of a symbol in UTF-8, as in channels, requests and messages."""

_REFUSED: Final = frozenset(",*@#\"'`\\")
"""The comma parts symbols, the star means all of them; @ begins a file's name, and in a stream's name ends the symbol;
# begins a comment; quotes and backslashes are left over from a shell. Blanks, and what cannot be printed, are no part
of a symbol either: two that look the same would not be."""

_SEPARATORS: Final = "-_/.:"
"""Signs between base and quote asset, on exchanges that write one."""

_UPPER: Final = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

# Best known first: `BTC` stands for BTCUSDT even where BTCEUR is listed before it.
_QUOTE_ASSETS = (
    "USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD", "EUR", "GBP", "TRY", "BRL", "JPY", "BTC", "ETH", "BNB",
)  # fmt: skip


class SymbolError(MarketError, ValueError):
    """A list of symbols that cannot be used; the message names the entry and the fix."""


class Symbols:
    """The symbols one process serves, in the order they were named, and their aliases.

    A base asset is an alias of its pair: ``BTC`` of ``BTCUSDT``. Where several pairs share a base,
    the best known quote asset wins. A symbol is never hidden by an alias.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._known = {name: name for name in self.names}
        self._by_upper = {upper(name): name for name in self.names}
        self.aliases = _aliases(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def resolve(self, name: str) -> str | None:
        """The symbol that ``name`` means, ignoring case, or None if it means none here.

        It is always the same object, so many clients' sets share it.
        """
        name = upper(name)
        return self._by_upper.get(name) or self.aliases.get(name)

    def includes(self, names: frozenset[str]) -> bool:
        """Whether each of ``names`` is one of these symbols."""
        return self._known.keys() >= names

    def of_venue(self, venue: str) -> "Symbols":
        """The symbols of ``venue``."""
        return Symbols(name for name in self.names if venue_of(name) == venue)

    def known(self, names: Iterable[str]) -> list[str] | None:
        """Each of ``names`` once, in their order, as `resolve` returns it; None where one is not a symbol as it is."""
        try:
            return list(dict.fromkeys(map(self._known.__getitem__, names)))
        except KeyError:
            return None


def parse_symbols(text: str) -> Symbols:
    """Read a comma-separated list, or ``@file`` with names separated by commas or white space.

    In a file, ``#`` starts a comment that reaches to the end of its line.

    Raises:
        SymbolError: nothing named, an entry that no exchange would use, an entry twice, or no such file.
    """
    text = text.strip()
    if text.startswith("@"):
        entries = _read_file(Path(text[1:]))
    else:
        entries = [entry.strip() for entry in text.split(",")] if text else []
    if not entries:
        raise SymbolError("names no symbol; give some, like BTCUSDT,ETHUSDT, or @file")
    names = []
    for entry in entries:
        name = canonical(entry)
        if not entry:
            raise SymbolError("has an empty entry (two commas in a row, or one at an end); remove the comma")
        if not is_symbol(name):
            raise SymbolError(f"{entry[:40]!r} is not a symbol; write it as the exchange does, like BTCUSDT")
        if name in names:
            raise SymbolError(f"{name} is named twice; remove one")
        names.append(name)
    return Symbols(names)


def canonical(name: str) -> str:
    """``name`` as it is served: with a to z in upper case, except in a venue's name in front."""
    venue, colon, native = name.partition(":")
    return f"{venue}:{upper(native)}" if colon and (venue := lower(venue)) in OTHER_VENUES else upper(name)


def upper(name: str) -> str:
    """``name`` with the letters a to z in upper case."""
    return name.upper() if name.isascii() else name.translate(_UPPER)


def lower(name: str) -> str:
    """``name`` with the letters A to Z in lower case."""
    return name.lower() if name.isascii() else name.translate(_LOWER)


def is_symbol(name: str) -> bool:
    """Whether ``name`` can be a symbol: at most `MAX_SYMBOL_BYTES`, and no sign that means something else."""
    return (
        bool(name)
        and name.isprintable()
        and not any(sign.isspace() or sign in _REFUSED for sign in name)
        and fits(name)
    )


def fits(name: str) -> bool:
    """Whether ``name`` is no longer than a symbol may be."""
    return len(name) <= MAX_SYMBOL_BYTES and (name.isascii() or len(name.encode(errors="replace")) <= MAX_SYMBOL_BYTES)


def _read_file(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise SymbolError(f"cannot read {str(path)!r} ({reason}); name a readable file after the @") from None
    return " ".join(line.partition("#")[0].replace(",", " ") for line in lines).split()


def _aliases(names: tuple[str, ...]) -> dict[str, str]:
    best: dict[str, tuple[int, str]] = {}
    for name in names:
        for rank, quote in enumerate(_QUOTE_ASSETS):
            base = name.removesuffix(quote).rstrip(_SEPARATORS)
            if base and name.endswith(quote):
                if base not in names and (base not in best or rank < best[base][0]):
                    best[base] = (rank, name)
                break
    return {upper(alias): name for alias, (_, name) in best.items()}


DEFAULT_SYMBOLS: Final = Symbols(EXAMPLES[DEFAULT_VENUE])
"""The default symbols of poller and gateway."""
