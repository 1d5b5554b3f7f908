"""What all connections together have learnt about an exchange's servers."""

from msgspec import Struct

from poller.stream.limits import StreamLimits
from poller.stream.timing import StreamTiming


class Peer(Struct):
    """Whether the exchange's silence means anything."""

    answers_pings: bool = False
    """Whether a ping from us was ever answered."""
    given_up: int = 0
    """Connections that were given up as silent before any ping was answered. The exchange accepted another one after
    them, so silence proves nothing from then on, unless the exchange's own pings stay away."""

    def quiet_s(self, timing: StreamTiming, limits: StreamLimits) -> float:
        """How long a connection may be silent."""
        trusted = self.answers_pings or not self.given_up
        return timing.quiet_s if trusted else max(timing.quiet_s, limits.silent_s)
