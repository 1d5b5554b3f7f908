"""One symbol in the list of those that a gateway serves."""

from msgspec import UNSET, Struct, UnsetType

from market.wire.status import SymbolState


class ServedSymbol(Struct, omit_defaults=True, gc=False):
    """What the gateway knows of one symbol."""

    symbol: str
    """The full name, as in ticks."""
    venue: str
    """The venue, as in ``status``."""
    state: SymbolState
    """As in ``symbol_status``, but ``stale`` also if the symbol is live and its venue is stale."""
    aliases: list[str] = []
    """Short names that mean this symbol in a command. Absent if there are none."""
    price_scale: int | UnsetType = UNSET
    """The decimals of its prices, as in its last tick. Absent before the first tick."""
    size_scale: int | UnsetType = UNSET
    """The decimals of its sizes, as in its last tick. Absent before the first tick."""
