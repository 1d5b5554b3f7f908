"""What a source that asks an exchange counts."""

from msgspec import Struct


class Counters(Struct):
    """What a source counted since it was made; plain integers, for the metrics to read."""

    messages: int = 0
    """Updates received on the streams."""
    malformed: int = 0
    """Messages, or parts of answers, that could not be understood."""
    connects: int = 0
    """Attempts to open a stream connection."""
    reconnects: int = 0
    """Those of them that replaced an earlier connection."""
    subscribe_errors: int = 0
    """SUBSCRIBEs refused, or not answered."""
    questions: int = 0
    """Times that REST was asked about symbols that had gone quiet."""
    dead_streams: int = 0
    """Symbols for which REST stood in, because their stream was dead or of no use."""
    fallbacks: int = 0
    """Times that REST took the streams' place."""
    rest_requests: int = 0
    """Requests by REST."""
    rest_errors: int = 0
    """Requests by REST that failed."""
    bans: int = 0
    """Times that the exchange forbade all requests."""
    banned_until_s: int = 0
    """Until when, Unix seconds; 0 means never so far."""
    used_weight: int = 0
    """The request weight of this minute and address, as the exchange last reported it."""

    def banned(self, until_s: float) -> None:
        """All requests are forbidden until then, Unix seconds."""
        self.bans += 1
        self.banned_until_s = max(self.banned_until_s, round(until_s))
