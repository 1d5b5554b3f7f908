"""The kinds of users that a run can mix, and how many of each there are: ``--mix json=6,msgpack=2,slow=1``."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.protocol._encodings import DECIMAL, JSON, MSGPACK, Encoding


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What users of a kind ask for, and how they read."""

    name: str
    path: str = "/ws"
    encoding: Encoding = JSON
    batch: bool = False
    numbers: str | None = None
    """The option of a subscribe; None leaves it out."""
    subprotocol: str | None = None
    deflate: bool = False
    """Offer permessage-deflate, and fail if the gateway does not agree."""
    slow: bool = False
    """Read at ``--slow-rate``; take conflation and the end of the connection for what is due to a slow consumer."""

    def row(self, name: str) -> str:
        """The row of the statistics for this kind; that of the plain kind is the bare name."""
        return name if self is PLAIN else f"{name} ({self.name})"


PLAIN = Kind(name="json")

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        PLAIN,
        Kind(name="batch", batch=True),
        Kind(name="deflate", batch=True, deflate=True),
        Kind(name="decimal", encoding=DECIMAL, numbers="decimal"),
        Kind(name="msgpack", encoding=MSGPACK, subprotocol="tickgate.v1.msgpack"),
        Kind(name="trade", path="/ws/trade"),
        Kind(name="stream", path="/v1/stream"),
        Kind(name="slow", slow=True),
    )
}
"""Name → kind, in the order of the report."""


def shares_of(text: str) -> dict[Kind, int]:
    """Read ``--mix``: ``json=6,slow=1`` are six parts of seven and one.

    Raises:
        ValueError: an unknown kind, one named twice, a share that is not a whole number of 1 or more; says which.
    """
    shares: dict[Kind, int] = {}
    for part in text.split(","):
        name, _, share = (word.strip() for word in part.partition("="))
        if name not in KINDS:
            raise ValueError(f"{name!r} is no kind of user; there are {', '.join(KINDS)}")
        if KINDS[name] in shares:
            raise ValueError(f"{name!r} is there twice")
        if not (share.isascii() and share.isdigit() and int(share) > 0):
            raise ValueError(f"the share of {name!r} must be a whole number of 1 or more, as in {name}=1")
        shares[KINDS[name]] = int(share)
    return shares


class Mix:
    """Gives each user its kind, so that those who run are mixed as the shares say, however users come and go."""

    def __init__(self, shares: Mapping[Kind, int]) -> None:
        self._shares = shares
        self._running: Counter[Kind] = Counter()

    def take(self) -> Kind:
        """The kind that is furthest from its share; of several the first."""
        total, shares = self._running.total() + 1, self._shares
        whole = sum(shares.values())
        kind = max(shares, key=lambda kind: shares[kind] * total - whole * self._running[kind])
        self._running[kind] += 1
        return kind

    def give_back(self, kind: Kind) -> None:
        """A user of this kind has stopped."""
        self._running[kind] -= 1
