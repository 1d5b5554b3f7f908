"""The addresses that ask ``/readyz`` regularly, and whether each of them knows that this gateway goes away.

A load balancer asks regularly. It stops sending new clients after one negative answer, or after a few, and the port
must stay open until then. A person or a launcher asks once or twice; nobody waits for those.
"""

from typing import Final

from msgspec import Struct

ANSWERS: Final = 3
"""Each gets so many negative answers. HAProxy needs one, others two or three. The rest is time for clients on their
way."""

_MOST: Final = 64
"""So many askers are remembered: any stranger may ask."""

_LATE_S: Final = 1.0
"""An asker may be late by its own interval, plus this."""


class _Asker(Struct):
    """One address that was answered 200."""

    at: float
    """When it asked last."""
    interval_s: float | None = None
    """The time between its last two requests; None before the second."""
    negative_answers: int = 0
    """How often it was answered that this gateway goes away."""


class Probes:
    """The askers of one gateway. All times are the event loop's."""

    def __init__(self) -> None:
        self._askers: dict[str, _Asker] = {}

    def answered(self, address: str, status: int, now: float) -> None:
        """``address`` was answered ``status`` at ``/readyz``."""
        asker = self._askers.get(address)
        if status == 200:
            # The one that asked longest ago comes first.
            self._askers.pop(address, None)
            self._askers[address] = _Asker(now) if asker is None else _Asker(now, now - asker.at)
            if len(self._askers) > _MOST:
                del self._askers[next(iter(self._askers))]
        elif status == 404 and asker is not None:
            asker.negative_answers += 1

    def regular(self, now: float) -> list[str]:
        """The addresses that ask regularly, and are still due to ask."""
        return [
            address
            for address, asker in self._askers.items()
            if asker.interval_s is not None and now - asker.at <= 2 * asker.interval_s + _LATE_S
        ]

    def all_informed(self, addresses: list[str]) -> bool:
        """Whether each of ``addresses`` was answered often enough that this gateway goes away."""
        return all(
            asker.negative_answers >= ANSWERS
            for address in addresses
            if (asker := self._askers.get(address)) is not None
        )
