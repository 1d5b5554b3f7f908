"""What a message of a client costs, in tokens of the rates of messages. One token is a ping.

Every message and every control frame costs one token. The rest is for what takes longer than a ping; it is charged
before it is done, and a token of it takes some 70 microseconds at most.
"""

from typing import Final

from gateway.protocol.messages import ALL, AnyCommand, Auth, List, Ping, Subscribe, Unsubscribe

TOKEN_CHECK: Final = 5
"""For looking at a token in a message, which is to verify a signature."""

_NAMES: Final = 160
"""So many symbols, given or held, cost one token."""

_SNAPSHOTS: Final = 100
"""And so many snapshots: each is looked up, put in order and written."""

_BYTES: Final = 4 * 1024
"""So many bytes of a message, after inflating, cost one token."""

_COMPRESSED_BYTES: Final = 256
"""So many compressed bytes cost one token: at worst each of them takes as long as 30 of a message."""


UNKNOWN_COMPRESSED: Final = 8 * 1024 + 256
"""The longest compressed message of who has not shown a token yet: the longest token, and what is around it."""


def of_command(command: AnyCommand, held: int, served: int) -> int:
    """Of doing what a client asks for that holds so many symbols, where so many are served."""
    match command:
        case Subscribe() | Unsubscribe():
            named = served if ALL in command.symbols else min(len(command.symbols), served)
            snapshots = named if isinstance(command, Subscribe) and command.snapshot is not False else 0
            return (len(command.symbols) + max(held, named)) // _NAMES + snapshots // _SNAPSHOTS
        case List():
            return held // _NAMES
        case Auth():
            return TOKEN_CHECK
        case Ping():
            return 0


def of_bytes(length: int) -> int:
    """Of reading so long a message."""
    return length // _BYTES


def of_inflating(length: int) -> int:
    """Of inflating so many compressed bytes."""
    return length // _COMPRESSED_BYTES
