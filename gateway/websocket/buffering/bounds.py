"""How much may be kept in memory for clients, and for how long."""

from msgspec import Struct

from gateway.websocket.buffering.memory import share_for_clients


class Bounds(Struct, frozen=True):
    """What may be kept, and for how long."""

    unread_s: float
    """For data that waits to be read."""
    message_s: float
    """For an unfinished message; nothing that comes in between gives it more time."""
    budget: int
    """Bytes of all connections together; 0 means no limit."""

    @classmethod
    def of(cls, unread_s: float, message_s: float, budget: int | None) -> "Bounds":
        """Those of a gateway; None as the ``budget`` is a share of this machine's memory."""
        return cls(unread_s, message_s, share_for_clients() if budget is None else budget)
