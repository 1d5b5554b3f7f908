"""The list of the symbols that a client may subscribe to, with what the gateway knows of each."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import UNSET, UnsetType

from gateway.gateway import Gateway
from gateway.protocol.messages import Id, ServedSymbols
from gateway.protocol.served_symbol import ServedSymbol
from market.prices.symbols import Symbols
from market.prices.venues import venue_of

MOST_IN_MESSAGE: Final = 500
"""So many symbols in one message: some 60 kB at most, unless their names are long."""


def messages(gateway: Gateway, names: Sequence[str], command_id: Id | UnsetType) -> Iterator[ServedSymbols]:
    """The answer to a ``symbols`` command about the symbols ``names``: one message, or several for many symbols."""
    pieces = [names[start : start + MOST_IN_MESSAGE] for start in range(0, len(names), MOST_IN_MESSAGE)] or [()]
    for number, piece in enumerate(pieces, 1):
        more = True if number < len(pieces) else UNSET
        yield ServedSymbols(symbols=described(gateway, piece), more=more, id=command_id)


def described(gateway: Gateway, names: Sequence[str]) -> list[ServedSymbol]:
    """What is known now of the symbols ``names``."""
    symbols: Symbols = gateway.settings.symbols
    aliases, state_of, last_tick = symbols.alias_of, gateway.states.state_of, gateway.hub.last_tick
    stale = {status.venue for status in gateway.feed.statuses if status.feed == "stale"}
    entries = []
    for name in names:
        venue, state, tick = venue_of(name), state_of(name), last_tick(name)
        entry = ServedSymbol(name, venue, "stale" if state == "live" and venue in stale else state)
        if name in aliases:
            entry.aliases = [aliases[name]]
        if tick is not None:
            entry.price_scale, entry.size_scale = tick.price_scale, tick.size_scale
        entries.append(entry)
    return entries
