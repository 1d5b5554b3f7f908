"""The names in a client's message: the symbols that they mean, and the errors about those that mean none."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from gateway.auth.grant import Grant
from gateway.protocol.channels import TICKER
from gateway.protocol.messages import ALL, Subscribe
from market.prices.symbols import Symbols

_NAMED_AT_MOST: Final = 10
"""One error names so many wrong symbols; the others are counted."""


def resolve(symbols: Symbols, names: list[str]) -> tuple[list[str], list[str]]:
    """Of ``names`` the symbols meant, each once and in the order named, and the names that mean nothing here."""
    named = symbols.known(names)
    if named is not None:
        return named, []
    found: dict[str, None] = {}
    unknown: dict[str, None] = {}
    # A name that stands there thousands of times means the same each time.
    for name in dict.fromkeys(names):
        if name == ALL:
            found.update(dict.fromkeys(symbols))
            continue
        symbol = symbols.resolve(name)
        if symbol is None:
            unknown[name] = None
        else:
            found[symbol] = None
    return list(found), list(unknown)


def resolve_since(symbols: Symbols, command: Subscribe, named: Sequence[str]) -> tuple[dict[str, int], str]:
    """The positions of ``command`` by full names, which are among ``named``; and what is wrong with them, in words."""
    since = command.since or {}
    if since and command.conflate is not False:
        return {}, 'since needs "conflate":false: only then every tick is sent'
    if since and command.channel not in (UNSET, None, TICKER):
        return {}, f'since is for the channel "{TICKER}": only ticks have numbers'
    found: dict[str, int] = {}
    strange = []
    wanted, asked = set(named), set(command.symbols)
    for name, seq in since.items():
        symbol = symbols.resolve(name)
        if symbol in wanted and symbol is not None:
            found[symbol] = min(seq, found.get(symbol, seq))
        elif name not in asked:
            strange.append(name)
    return found, listed("since has what symbols does not name", strange) if strange else ""


def full_names(grant: Grant, symbols: Symbols) -> Grant:
    """``grant`` with its names resolved as those of a subscribe are; they mean what they mean among ``symbols``."""
    if grant.symbols is None:
        return grant
    return msgspec.structs.replace(grant, symbols=frozenset(symbols.resolve(name) or name for name in grant.symbols))


def permitted(grant: Grant, symbols: Symbols, named: list[str], asked: list[str]) -> tuple[list[str], list[str]]:
    """Of the symbols ``named`` what ``grant`` allows, and what it forbids although it was ``asked`` for by name."""
    allowed = grant.allowed(named)
    if len(allowed) == len(named):
        return named, []
    # A client that asks for all symbols means all that it may have.
    by_name = {symbols.resolve(name) for name in asked}.difference(allowed)
    return allowed, [symbol for symbol in named if symbol in by_name]


def listed(problem: str, names: Sequence[str], shown: Sequence[str] = ()) -> str:
    """``problem`` of these ``names``, in words: the first of them by name. ``shown`` has the words for some of them."""
    words = [*shown, *map(repr, names[len(shown) : _NAMED_AT_MOST])]
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return f"{problem}: {', '.join(words)}{more}"
