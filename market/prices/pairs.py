"""Base and quote asset of symbols: other spellings of a symbol, and the symbols that a wrong name may have meant."""

import string
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from market.prices.letters import upper
from market.prices.venues import native_of

SEPARATORS: Final = "-_/.:"
"""Signs between base and quote asset, on exchanges that write one."""

# Best known first: `BTC` stands for BTCUSDT even where BTCEUR is listed before it.
QUOTE_ASSETS: Final = (
    "USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD", "EUR", "GBP", "TRY", "BRL", "JPY", "BTC", "ETH", "BNB",
)  # fmt: skip

_DOLLARS: Final = QUOTE_ASSETS[: QUOTE_ASSETS.index("USD") + 1]
"""Each of these may be meant by another. A price in euro is no slip for one in dollars."""

_RANKS: Final = {quote: rank for rank, quote in enumerate(QUOTE_ASSETS)}
_LENGTHS: Final = sorted(set(map(len, QUOTE_ASSETS)), reverse=True)
"""The longest first: FDUSD ends in USD, too."""

OTHER_WORDS: Final = {"XBT": "BTC", "XDG": "DOGE"}
"""What some exchanges call an asset."""

_MOST: Final = 3
"""So many symbols are suggested for one name."""

_LONGEST: Final = 12
"""Characters of a name in which a slip is looked for: the number of lookups grows with them, to some 700."""

_NO_SEPARATORS: Final = str.maketrans("", "", SEPARATORS)


def parts(symbol: str) -> tuple[int, str, str] | None:
    """The quote asset's rank, the base and the quote of ``symbol``; None without a well-known quote asset."""
    for length in _LENGTHS:
        quote = symbol[-length:]
        if quote in _RANKS:
            base = symbol[:-length].rstrip(SEPARATORS)
            return (_RANKS[quote], base, quote) if base else None
    return None


class Pairs:
    """The symbols of one list by base and quote."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self._spelled: dict[str, str | None] = {}
        """By the base, a slash and the quote in upper case: the symbol; None if it would be two."""
        self._known: dict[str, list[tuple[int, str]]] = {}
        """By the base alone, and by the name without separators: the ranks of symbols, and the symbols."""
        for symbol in symbols:
            prefix = symbol.removesuffix(native_of(symbol))
            native = _plain(symbol.removeprefix(prefix))
            self._known.setdefault(native, []).append((-1, symbol))
            found = parts(symbol)
            if found is not None:
                rank, base, quote = found
                key = _slashed(upper(f"{base}/{quote}"))
                self._spelled[key] = None if key in self._spelled else symbol
                self._known.setdefault(_plain(base.removeprefix(prefix)), []).append((rank, symbol))

    def spelled(self, name: str) -> str | None:
        """The symbol that ``name``, in upper case, spells with / - or _ between base and quote; None without any."""
        return None if name.isalnum() else self._spelled.get(_slashed(name))

    def alike(self, name: str) -> list[str]:
        """The symbols, a few at most, that ``name`` has probably meant, the most probable first.

        It takes as long for ten thousand symbols as for three: at most some hundred microseconds.
        """
        plain = _plain(name.rpartition(":")[2])
        if not 2 <= len(plain) <= 2 * _LONGEST or not plain.isascii():
            return []
        for word, usual in OTHER_WORDS.items():
            if plain.startswith(word):
                plain = usual + plain.removeprefix(word)
        found = self._of(plain) or self._with_other_quote(plain)
        if not found and 3 <= len(plain) <= _LONGEST:
            for slip in _slips(plain):
                found += self._known.get(slip, ())
        return list(dict.fromkeys(symbol for _, symbol in found))[:_MOST]

    def _of(self, plain: str) -> list[tuple[int, str]]:
        return sorted(self._known.get(plain, ()), key=_rank)

    def _with_other_quote(self, plain: str) -> list[tuple[int, str]]:
        for quote in _DOLLARS:
            if plain.endswith(quote):
                found = [entry for entry in self._of(plain.removesuffix(quote)) if 0 <= entry[0] < len(_DOLLARS)]
                if found:
                    return found
        return []


def _rank(entry: tuple[int, str]) -> int:
    return entry[0]


def _plain(name: str) -> str:
    """``name`` in upper case without separators."""
    name = upper(name)
    return name if name.isalnum() else name.translate(_NO_SEPARATORS)


def _slashed(name: str) -> str:
    return name.replace("-", "/").replace("_", "/")


def _slips(word: str) -> Iterator[str]:
    """Every word that is one letter more, less or other than ``word``, or has two neighbours exchanged."""
    cuts = [(word[:number], word[number:]) for number in range(len(word) + 1)]
    for (left, right), (_, rest) in pairwise(cuts):
        yield left + rest
        if rest:
            yield left + rest[0] + right[0] + rest[1:]
        for letter in string.ascii_uppercase:
            yield left + letter + rest
    for left, right in cuts:
        for letter in string.ascii_uppercase:
            yield left + letter + right
