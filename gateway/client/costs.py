"""What a client's message costs, in tokens of the rates of messages. One token is a ping.

Every message and every control frame costs one token. More is charged for work that takes longer than a ping: before it
is done, or right after it where only then is known how much it was. One token of such work takes some 70 microseconds
at most.
"""

from typing import Final

from gateway.client.suggestions import SUGGESTED_AT_MOST
from gateway.protocol.messages import ALL, AnyCommand, Auth, List, ListSymbols, Ping, Subscribe, Unsubscribe

TOKEN_CHECK: Final = 5
"""For checking a token in a message, which verifies a signature."""

_NAMES: Final = 160
"""So many symbols, named or held, cost one token."""

_DESCRIBED: Final = 100
"""So many symbols, described in the answer to ``symbols``, cost one token."""

_SUGGESTION: Final = 5
"""For looking up which symbols an unknown name may have meant."""

_SNAPSHOTS: Final = 100
"""So many snapshots cost one token: each is looked up, put in order and written."""

_POSITIONS: Final = 20
"""So many positions to resume from cost one token: each is looked up in the history. The history is charged as it is
read (`gateway.fanout.history.replays`)."""

_BYTES: Final = 4 * 1024
"""So many bytes of a message, after inflating, cost one token."""

_COMPRESSED_BYTES: Final = 256
"""So many compressed bytes cost one token: at worst each takes as long as 30 bytes of a message."""


UNKNOWN_COMPRESSED: Final = 8 * 1024 + 256
"""The longest compressed message of a client without a token: the longest token, and what is around it."""


def of_command(command: AnyCommand, held: int, served: int) -> int:
    """The cost of ``command``, for a client that holds ``held`` of ``served`` symbols."""
    match command:
        case Subscribe() | Unsubscribe():
            named = served if ALL in command.symbols else min(len(command.symbols), served)
            snapshots = named if isinstance(command, Subscribe) and command.snapshot is not False else 0
            positions = len(command.since or ()) if isinstance(command, Subscribe) else 0
            of_names = (len(command.symbols) + max(held, named)) // _NAMES
            return of_names + snapshots // _SNAPSHOTS + positions // _POSITIONS
        case List():
            return held // _NAMES
        case ListSymbols():
            return served // _DESCRIBED
        case Auth():
            return TOKEN_CHECK
        case Ping():
            return 0


def of_holding(held: int, snapshots: int) -> int:
    """The cost of a change to what a client holds, which is of ``held`` symbols then, with so many snapshots."""
    return held // _NAMES + snapshots // _SNAPSHOTS


def of_unknown(names: int) -> int:
    """The cost of an error about so many unknown names, beyond that of the command that has them."""
    return names // _NAMES + _SUGGESTION * min(names, SUGGESTED_AT_MOST)


def of_bytes(length: int) -> int:
    """The cost of reading a message of this length."""
    return length // _BYTES


def of_inflating(length: int) -> int:
    """The cost of inflating so many compressed bytes."""
    return length // _COMPRESSED_BYTES
