"""The words about names that mean no symbol: which symbols were probably meant, and how to list what there is."""

from collections.abc import Sequence
from typing import Final

from gateway.auth.grant import Grant
from gateway.client.names import listed
from market.prices.symbols import Symbols

SUGGESTED_AT_MOST: Final = 3
"""For so many unknown names of a message it is looked up what they may have meant; each such look is charged."""

_LIST: Final = '{"type":"symbols"} lists what there is'


def unknown_symbols(symbols: Symbols, unknown: Sequence[str], grant: Grant | None) -> str:
    """What to say of the ``unknown`` names in one message. Only symbols that ``grant`` allows are suggested."""
    shown = []
    for name in unknown[:SUGGESTED_AT_MOST]:
        meant = symbols.pairs.alike(name)
        if grant is not None:
            meant = grant.allowed(meant)
        shown.append(f"{name!r} (did you mean {' or '.join(meant)}?)" if meant else repr(name))
    return f"{listed('unknown symbol', unknown, shown)}; {_LIST}"
