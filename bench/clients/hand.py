"""The newest price of every symbol that a reader has, and the age of each."""

from array import array

from bench.clients.audit import ticks_of
from bench.clients.wire import TEXT, frame_bounds
from bench.feed.ticks import SYMBOLS

_CURRENT_US = 500_000
"""A price is current if it is younger than this: every symbol has ten a second."""


class Hand:
    """Decodes one reader's bytes: its prices, and their ages."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        """Symbol -> ``recv_us`` of the newest price read."""
        self.ages_us = array("q")
        """The age of every price in hand, at each call of `look`."""
        self.bytes = 0
        self.ticks = 0
        self.older_bytes: int | None = None
        """Read after the stall before the first current price; None until there is one."""
        self.older_ticks = 0
        self._stall_us = 0
        self._stall_at = 0
        self._buffer = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take read bytes; return the frames that are no data, as opcode and payload.

        Raises:
            WireError: what came is not the protocol.
        """
        data = self._buffer + data
        start_of_buffer = self.bytes - len(self._buffer)
        self.bytes = start_of_buffer + len(data)
        at, others = 0, []
        while (bounds := frame_bounds(data, at)) is not None and bounds[2] <= len(data):
            opcode, begin, end = bounds
            if opcode == TEXT:
                for tick in ticks_of(data[begin:end]):
                    self._take(tick.symbol, tick.recv_us, start_of_buffer + at)
            else:
                others.append((opcode, data[begin:end]))
            at = end
        self._buffer = data[at:]
        return others

    def _take(self, symbol: str, recv_us: int, offset: int) -> None:
        self.ticks += 1
        self.held[symbol] = max(recv_us, self.held.get(symbol, 0))
        if self._stall_us:
            if recv_us < self._stall_us - _CURRENT_US:
                self.older_ticks += 1
            elif self.older_bytes is None:
                self.older_bytes = offset - self._stall_at

    def resume(self, now_us: int) -> None:
        """The bytes from now on come after a stall."""
        self._stall_us = now_us
        self._stall_at = self.bytes

    def look(self, now_us: int) -> None:
        """Record the age of every price in hand."""
        self.ages_us.extend(now_us - recv_us for recv_us in self.held.values())

    @property
    def bytes_before_current(self) -> int:
        """The bytes after the stall before the first current price; all of them if there was none."""
        return self.bytes - self._stall_at if self.older_bytes is None else self.older_bytes

    @property
    def is_current(self) -> bool:
        """Whether, after the stall, every symbol has a price of that age or younger."""
        limit = self._stall_us - _CURRENT_US
        return len(self.held) == len(SYMBOLS) and all(recv_us >= limit for recv_us in self.held.values())
