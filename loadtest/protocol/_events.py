"""Bytes of a stream to events."""


class EventParser:
    """Cuts the byte stream of one response into events (HTML Living Standard, section 9.2), of one line each."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take received bytes; return the data of the events that they complete. An ``id`` or ``retry`` is none."""
        *events, self._rest = (self._rest + data).split(b"\n\n")
        return [event[6:] for event in events if event.startswith(b"data: ")]
