"""The history of a gateway: the newest messages, what is decoded of them, and how both share the memory."""

from collections.abc import Mapping

from gateway.fanout.history.decoded import DecodedBlocks, TicksOf
from gateway.fanout.history.ring import open_ring
from gateway.protocol.forms import FramedTick


class History:
    """What was published lately."""

    def __init__(self, limit_bytes: int, newest: Mapping[str, FramedTick], ticks_of: TicksOf) -> None:
        """Keep up to ``limit_bytes``, a quarter of it decoded; 0 keeps nothing.

        ``newest`` has the newest tick of each topic, kept by others. ``ticks_of`` decodes a message.
        """
        decoded_bytes = limit_bytes // 4
        self.ring = open_ring(limit_bytes - decoded_bytes, newest)
        self.decoded = DecodedBlocks(decoded_bytes, ticks_of)

    @property
    def size(self) -> int:
        """Bytes of memory, approximately."""
        return self.ring.size + self.decoded.size
