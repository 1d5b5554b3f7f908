"""Leadership: several processes could do the same work; one of them does it, and only that one can publish.

A *lease* is a name. It has one owner at a time, until ``ttl_s`` seconds after it was last acquired or extended. The
time from acquiring a lease to losing it is a *term*. A *token* stands for one term; `market.bus.broker.Broker.publish`
refuses the token of a term that is over. So no process's clock decides who may publish.

Each venue has its own lease: ``poller.<venue>``; the default venue's is ``poller``, as in older versions.

Where a bus has its partitions on several servers, the lease lies in one of them, and each has a fence: `acquire` raises
all fences before it returns, and each partition refuses by itself (`market.bus.redis.cluster.roles.leadership`). Kafka:
the lease lies in a Redis named by ``STORE_URL``; without one there is one poller, and every `acquire` is granted.
"""

from typing import NamedTuple, Protocol


class Token(NamedTuple):
    """One term of one owner, shown to `Broker.publish`. Callers pass it on and do not look into it."""

    lease: str
    owner: str
    epoch: int
    """Grows from one term of a lease to the next, or at least from one term of its owner to the next. The
    implementation decides which of the two, because it alone compares epochs."""
    ttl_s: float
    """A barrier extends the lease by this time."""


class Leadership(Protocol):
    """Acquire, extend and release leases; make stand-bys known."""

    async def acquire(self, lease: str, owner: str, ttl_s: float) -> Token | None:
        """Take ``lease`` if it is free, or extend it if ``owner`` has it already; None if another has it.

        No two processes use the same ``owner``. After this has returned a token, the bus neither sends nor keeps
        anything that is published under the token of an earlier term. So the last values read from now on are final.
        While a term lasts, each call returns an equal token, except for ``ttl_s``.

        A lease that nobody extends is free after ``ttl_s`` seconds, also one of another program with any expiry.

        Raises:
            BusDownError: the owner may have it or not.
        """

    async def release(self, token: Token) -> None:
        """Free the lease if the term of ``token`` still lasts.

        Raises:
            BusDownError: it may be free or not; it runs out by itself.
        """

    async def stand_by(self, lease: str, owner: str, ttl_s: float) -> None:
        """Make known for ``ttl_s`` seconds that ``owner`` could take ``lease`` over. Only the last one is kept.

        Raises:
            BusDownError: it may be known or not.
        """

    async def take_stand_by(self, lease: str) -> str | None:
        """Return the owner that `stand_by` made known last, and forget it; None if there is none.

        Raises:
            BusDownError: it may be forgotten or not.
        """
