"""The cost of requests over plain HTTP, charged to their connection and address before any work.

One token is some 0.4 ms of work. Admitted handshakes are not charged: connects have limits of their own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from gateway.admission.limits.buckets import KeyedBuckets, Rate
from gateway.auth.grant import TryLaterError
from gateway.errors import RefusalError
from market.bus import BusDownError

METRICS: Final = 10
"""Tokens: writing all metrics takes that long."""

PROOF: Final = 10
"""Tokens: for a token or ticket that is not valid. A signature was checked for it, or the store was asked."""

_PROOF_HELD: Final = 2
"""Tokens: while a proof is checked. A valid one gets them back: many people behind one address may show theirs at once.
For an invalid one the rest of its price is owed."""

REQUEST: Final = 1
"""Tokens: for any other request."""

PAGE: Final = 0.25
"""Tokens: for the dashboard and its parts, which are all in memory. An office opens it at once."""

_BURST_S: Final = 2.0
"""So many seconds' worth may come at once."""

PROBES: Final = frozenset(("/healthz", "/readyz"))
"""What balancers ask for. The first probe of a connection is free for its address, because a balancer's checks connect
anew each time: another client of the same address must not make it take us for dead. Connects have limits of their own.
Further probes are charged to the address, apart from everything else."""

_PROBES_AT_ONCE: Final = 3
"""So many probes of one connection may come at once, and half as many a second: they use its whole bucket."""

_METHODS: Final = ("GET", "HEAD")
_PROBE_LINES: Final = tuple(f"{method} {path} ".encode() for method in _METHODS for path in PROBES)
_PAGE_LINES: Final = tuple(f"{method} {path}".encode() for method in _METHODS for path in ("/ ", "/web/"))


def is_probe(head: bytes) -> bool:
    """Whether the head is a probe's."""
    return head.startswith(_PROBE_LINES)


class ConnectionBucket:
    """What one connection has left."""

    __slots__ = ("_full_at", "_rate", "has_probed")

    def __init__(self, rate: Rate) -> None:
        """It is full at first."""
        self._rate = rate
        self._full_at = 0.0
        self.has_probed = False
        """Whether a probe came before."""

    def spend(self, tokens: float, now: float) -> bool:
        """Take ``tokens``, or none of them; return whether there were enough."""
        rate = self._rate
        # Further ahead than this rate allows: the rate was another one then.
        held = self._full_at if 0 < self._full_at - now <= rate.burst_s else now
        full_at = held + tokens * rate.interval_s
        if full_at - now > rate.burst_s:
            return False
        self._full_at = full_at
        return True


class AddressBuckets(KeyedBuckets):
    """A bucket for each address, from which several tokens can be taken at once, or none of them, and given back."""

    __slots__ = ()

    def spend(self, key: str, tokens: float, now: float) -> bool:
        """Take ``tokens`` of ``key``; return whether there were enough."""
        rate, buckets = self._rate, self._full_at
        if rate.interval_s:
            full_at = self._held(key, now) + tokens * rate.interval_s
            if full_at - now > rate.burst_s:
                return False
            buckets[key] = full_at
            buckets.move_to_end(key)
            self._forget(now)
        return True

    def clear(self) -> None:
        """Fill all of them."""
        self._full_at.clear()

    def give_back(self, key: str, tokens: float, now: float) -> None:
        """Undo a `spend` of ``tokens``."""
        held = self._full_at.get(key)
        if held is not None:
            # A bucket that is full again is forgotten later.
            self._full_at[key] = max(now, held - tokens * self._rate.interval_s)


class Charges:
    """What every address has left for requests. A payer of None is not charged."""

    def __init__(
        self, per_s: float, now: Callable[[], float], met: Callable[[str], None] = lambda _payer: None
    ) -> None:
        """``per_s`` tokens a second for each address, 0 meaning no limit; ``now`` is a clock, in seconds.

        ``met`` is called with each address that is refused.
        """
        self._now = now
        self._met = met
        self._rate = Rate(per_s, per_s * _BURST_S)
        self._connection_rate = Rate(per_s / 2, per_s)
        self._requests = AddressBuckets(self._rate)
        self._probes = AddressBuckets(self._rate)

    def change(self, per_s: float) -> None:
        """Allow another rate from now on. All buckets are full then."""
        if self._rate.interval_s == (1 / per_s if per_s else 0):
            return
        self._requests.clear()
        self._probes.clear()
        self._rate.change(per_s, per_s * _BURST_S)
        self._connection_rate.change(per_s / 2, per_s)

    def connection(self) -> ConnectionBucket:
        """A bucket for one connection, which may take half of what its address may."""
        return ConnectionBucket(self._connection_rate)

    def take_head(self, payer: str | None, bucket: ConnectionBucket, head: bytes) -> None:
        """Charge the request of ``head`` to its connection's ``bucket`` and its address.

        Raises:
            RefusalError: too many requests.
        """
        if payer is None or not self._rate.interval_s:
            return
        probe = is_probe(head)
        tokens = PAGE if head.startswith(_PAGE_LINES) else REQUEST
        if not bucket.spend(self._probe_tokens if probe else tokens, self._now()):
            self._met(payer)
            raise _too_many("connection")
        if not probe:
            self._take(self._requests, payer, tokens)
        elif bucket.has_probed:
            self._take(self._probes, payer, tokens)
        bucket.has_probed |= probe

    @property
    def _probe_tokens(self) -> float:
        rate = self._connection_rate
        # A little less: rounding errors must not refuse the last of them.
        return rate.burst_s / rate.interval_s / _PROBES_AT_ONCE * (1 - 1e-6)

    def take_request(self, payer: str | None, path: str) -> None:
        """Charge a request for ``path`` to its address alone: a proxy's connection carries many clients.

        Raises:
            RefusalError: too many requests.
        """
        if payer is not None:
            page = path == "/" or path.startswith("/web/")
            self._take(self._probes if path in PROBES else self._requests, payer, PAGE if page else REQUEST)

    def take(self, payer: str | None, tokens: int) -> None:
        """Charge more work for a request, before it is done.

        Raises:
            RefusalError: not enough tokens are left; nothing was charged.
        """
        if payer is not None:
            self._take(self._requests, payer, tokens)

    @contextmanager
    def proof(self, payer: str | None) -> Iterator[None]:
        """Charge for a token or ticket that the block checks; the block raises if it is not valid.

        An address in debt is refused unchecked. A check that cannot be done now costs nothing.

        Raises:
            RefusalError: not enough tokens are left; nothing was charged.
        """
        self.take(payer, _PROOF_HELD)
        try:
            yield
        except (TryLaterError, BusDownError):
            self.give_back(payer, _PROOF_HELD)
            raise
        except BaseException:
            if payer is not None:
                self._requests.charge(payer, PROOF - _PROOF_HELD, self._now())
            raise
        self.give_back(payer, _PROOF_HELD)

    def give_back(self, payer: str | None, tokens: int) -> None:
        """Return what was charged without need."""
        if payer is not None:
            self._requests.give_back(payer, tokens, self._now())

    def _take(self, buckets: AddressBuckets, payer: str, tokens: float) -> None:
        if not buckets.spend(payer, tokens, self._now()):
            self._met(payer)
            raise _too_many("address")


def _too_many(whose: str) -> RefusalError:
    problem = f"too many requests of this {whose}; wait a moment"
    return RefusalError(429, "requests", problem, {"Retry-After": "1"})
