"""Symbols, and the other names that may stand for them.

A symbol is the exchange's own name, in any script: Binance lists 币安人生USDT. Case is ignored for letters A to Z.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

from market.errors import MarketError
from market.prices.letters import lower, upper
from market.prices.pairs import QUOTE_ASSETS, Pairs, parts
from market.prices.venues import DEFAULT_VENUE, EXAMPLES, OTHER_VENUES, venue_of

MAX_SYMBOL_BYTES: Final = 64
"""The most bytes of a symbol in UTF-8, as in channels, requests and messages."""

_REFUSED: Final = frozenset(",*@#\"'`\\")
"""The comma parts symbols, the star means all of them; @ begins a file's name, and in a stream's name ends the symbol;
# begins a comment; quotes and backslashes are left over from a shell. Blanks, and what cannot be printed, are no part
of a symbol either: two that look the same would not be."""


class SymbolError(MarketError, ValueError):
    """A list of symbols that cannot be used; the message names the entry and the fix."""


class Symbols:
    """The symbols one process serves, in the order they were named, and their aliases.

    A base asset is an alias of its pair: ``BTC`` of ``BTCUSDT``. Where several pairs share a base,
    the best known quote asset wins. So is a pair with a separator that the symbol does not have, or another one:
    ``BTC/USDT``, ``BTC-USDT`` and ``BTC_USDT`` of ``BTCUSDT``. A symbol is never hidden by an alias.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._known = {name: name for name in self.names}
        self._by_upper = {upper(name): name for name in self.names}
        self.aliases = _aliases(self.names)
        """Base assets in upper case, each with its symbol."""

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
        return self._by_upper.get(name) or self.aliases.get(name) or self.pairs.spelled(name)

    @cached_property
    def alias_of(self) -> dict[str, str]:
        """The base asset that stands for a symbol, for each symbol that has one. Made when first wanted."""
        return {name: canonical(alias) for alias, name in self.aliases.items()}

    @cached_property
    def pairs(self) -> Pairs:
        """The symbols by base and quote. Made when the first name comes that means nothing else."""
        return Pairs(self.names)

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
            fix = "write it as the exchange does, like BTCUSDT"
            if _is_a_list(entry):
                fix = "separate symbols with commas, like BTCUSDT,ETHUSDT"
            raise SymbolError(f"{entry[:40]!r} is not a symbol; {fix}")
        if name in names:
            raise SymbolError(f"{name} is named twice; remove one")
        names.append(name)
    return Symbols(names)


def canonical(name: str) -> str:
    """``name`` as it is served: with a to z in upper case, except in a venue's name in front."""
    venue, colon, native = name.partition(":")
    return f"{venue}:{upper(native)}" if colon and (venue := lower(venue)) in OTHER_VENUES else upper(name)


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


def _is_a_list(entry: str) -> bool:
    """Whether ``entry`` is several symbols with blanks between them, and not base and quote of one."""
    words = [canonical(word) for word in entry.split()]
    one = len(words) == 2 and words[1] in QUOTE_ASSETS and parts(words[0]) is None
    return len(words) > 1 and all(map(is_symbol, words)) and not one


def _aliases(names: tuple[str, ...]) -> dict[str, str]:
    best: dict[str, tuple[int, str]] = {}
    known = frozenset(names)
    for name in names:
        found = parts(name)
        if found is not None:
            rank, base, _ = found
            if base not in known and (base not in best or rank < best[base][0]):
                best[base] = (rank, name)
    return {upper(alias): name for alias, (_, name) in best.items()}


DEFAULT_SYMBOLS: Final = Symbols(EXAMPLES[DEFAULT_VENUE])
"""The default symbols of poller and gateway."""
