"""Which server is the primary, by what all Sentinels say. No I/O.

Each configuration has an epoch. A failover needs the votes of most Sentinels (or an operator's order), and its epoch is
above all earlier ones. So the answer with the highest epoch is the newest: a Sentinel that is cut off from the others,
perhaps together with the old primary, has a lower one.

If most Sentinels do not answer, those that do may all be cut off. Then an epoch below one that we have seen decides
nothing. If most answer, it does: somebody has configured them anew.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from market.bus.redis.connection.url_parts import place_of


class Address(NamedTuple):
    """Where a data server is, as a Sentinel announces it: by address or by name."""

    host: str
    port: int

    def __str__(self) -> str:
        return place_of(self.host, self.port)


class Answer(NamedTuple):
    """What one Sentinel says."""

    address: Address
    epoch: int


class Verdict(NamedTuple):
    """Where the primary is."""

    addresses: tuple[Address, ...]
    """One address; several if Sentinels of the same epoch name it differently, by name and by address, say. The one
    that most of them name comes first."""
    epoch: int


def decide(answers: Sequence[Answer | None], before: Verdict | None) -> Verdict | None:
    """Decide by one answer of each Sentinel, None of those that do not answer; ``before`` is the last verdict."""
    given = [answer for answer in answers if answer is not None]
    if not given:
        return before
    epoch = max(answer.epoch for answer in given)
    if before is not None and epoch < before.epoch and 2 * len(given) <= len(answers):
        return before
    # Of equal counts the one that was named first comes first.
    votes = Counter(answer.address for answer in given if answer.epoch == epoch)
    return Verdict(tuple(address for address, _ in votes.most_common()), epoch)
