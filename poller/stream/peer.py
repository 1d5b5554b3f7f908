"""What is known of an exchange's servers, whichever connection taught it."""

from msgspec import Struct

from poller.stream.limits import StreamLimits
from poller.stream.timing import StreamTiming


class Peer(Struct):
    """Whether its silence means anything."""

    answers_pings: bool = False
    """Whether a ping of ours was ever answered."""
    given_up: int = 0
    """Connections that were given up for their silence before that. The next one was made all the same, so from then
    on silence proves nothing until the exchange's own pings stay away."""

    def quiet_s(self, timing: StreamTiming, limits: StreamLimits) -> float:
        """How long a connection may be silent."""
        trusted = self.answers_pings or not self.given_up
        return timing.quiet_s if trusted else max(timing.quiet_s, limits.silent_s)
