"""A reconnect storm on virtual time: many gateways lose some of their number, or their front, and the clients return.

Nothing waits and nothing is sent: each attempt of each client is an event in a heap. Clients behave as
``docs/protocol.md`` says ("A correct client") and ``gateway/web/connection.js`` does. Gateways take handshakes one
after the other, refuse beyond their limits, and are chosen by the front.
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bench.capacity.fleet import Address, Chooser, Front, Handshakes, Limits

Choice = Literal["leastconn", "random"]
USUAL: Final = Limits()


@dataclass(frozen=True)
class Backoff:
    """A client's waits between attempts: a random share of a time that doubles with each."""

    base_s: float = 0.5
    cap_s: float = 30.0
    timeout_s: float = 10.0
    """It gives an attempt up after this time without an answer."""

    def wait_s(self, attempt: int, rng: random.Random) -> float:
        """The wait before the attempt after ``attempt`` failed ones."""
        return rng.random() * min(self.cap_s, self.base_s * 2.0 ** min(attempt, 30))


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What is lost, how its clients notice, and what the others can do."""

    name: str
    about: str
    gateways: int = 1_000
    clients_each: int = 1_000
    lost: int = 0
    """Gateways that are gone for good. 0: none, but all clients lose their connections with the front."""
    down_s: float = 0.0
    """A new front takes connections after so long; until then each is refused at once."""
    notice_s: tuple[float, float] = (0.0, 0.0)
    """Clients notice between these times after the loss. An end that the kernel tells of is noticed at once."""
    told: bool = False
    """Whether each client was told when to come back (``reconnect_after_ms``), evenly within `notice_s`."""
    choice: Choice = "leastconn"
    front_per_s: float = 0.0
    """Connects that the fronts take, all together, one after the other; 0: any number."""
    front_backlog: int = 65_536
    """Connects that may wait for that: 4,096 at each of sixteen fronts."""
    detect_s: float = 0.0
    """So long connections are still sent to lost gateways, which refuse them. HAProxy sends those elsewhere itself."""
    clients_per_address: int = 1
    limits: Limits = USUAL


@dataclass(frozen=True)
class Outcome:
    """How it went."""

    clients: int
    """Clients that lost their connection."""
    attempts: int
    refused: int
    """Attempts that a limit refused."""
    given_up: int
    """Attempts that had no answer in time."""
    peak_per_s: int
    """The most connections that reached one gateway within any one second."""
    peak_per_100_ms: int
    queue_s: float
    """The longest wait for a welcome."""
    back_50_s: float
    """When half of the clients were back, since the loss."""
    back_99_s: float
    back_all_s: float


def bound(loss: Loss) -> float:
    """The stated bound of `Outcome.peak_per_s`: twice the even share of all that come back, and ten."""
    left = loss.gateways - loss.lost
    return 2 * _clients(loss) / left + 10


def _clients(loss: Loss) -> int:
    return (loss.lost or loss.gateways) * loss.clients_each


def simulate(loss: Loss, seed: int = 1, backoff: Backoff = Backoff()) -> Outcome:
    """Let all clients of ``loss`` come back. The same seed gives the same outcome."""
    return _Storm(loss, random.Random(seed), backoff).run()


class _Storm:
    """One storm, event by event."""

    def __init__(self, loss: Loss, rng: random.Random, backoff: Backoff) -> None:
        self._loss, self._rng, self._backoff = loss, rng, backoff
        left = loss.gateways - loss.lost
        self._gateways = Handshakes(left, loss.limits, loss.clients_each if loss.lost else 0)
        self._choose = Chooser(self._gateways.connections, rng, by_load=loss.choice == "leastconn").choose
        self._addresses = Address(loss.limits)
        self._front = Front(loss.front_per_s, loss.front_backlog)
        self._failed = [0] * _clients(loss)
        """The failed attempts of each client."""
        self._syns: dict[int, tuple[float, int]] = {}
        """Client → when its attempt began, and the SYNs that were dropped since."""
        self._later: list[tuple[float, int]] = []
        """A heap of attempts that come later: when, and whose."""
        self._back: list[float] = []
        self._attempts = self._refused = self._given_up = 0
        self._queue_s = 0.0

    def run(self) -> Outcome:
        """Go on until all clients are back."""
        first, at = self._first_attempts(), 0
        later = self._later
        while at < len(first) or later:
            if later and (at == len(first) or later[0] < first[at]):
                now, client = heapq.heappop(later)
            else:
                now, client = first[at]
                at += 1
            self._attempt(now, client)
        back = sorted(self._back)
        return Outcome(
            clients=len(back),
            attempts=self._attempts,
            refused=self._refused,
            given_up=self._given_up,
            peak_per_s=self._gateways.peak(1.0),
            peak_per_100_ms=self._gateways.peak(0.1),
            queue_s=self._queue_s,
            back_50_s=back[len(back) // 2],
            back_99_s=back[min(len(back) - 1, len(back) * 99 // 100)],
            back_all_s=back[-1],
        )

    def _first_attempts(self) -> list[tuple[float, int]]:
        """When each client comes first, in order."""
        early, late = self._loss.notice_s
        clients = list(range(len(self._failed)))
        if self._loss.told:
            self._rng.shuffle(clients)
            return [(early + (late - early) * place / len(clients), client) for place, client in enumerate(clients)]
        rng, wait_s = self._rng, self._backoff.wait_s
        return sorted((early + rng.random() * (late - early) + wait_s(0, rng), client) for client in clients)

    def _again(self, now: float, client: int) -> None:
        """The attempt has failed ``now``; the next one comes after a wait."""
        self._failed[client] += 1
        heapq.heappush(self._later, (now + self._backoff.wait_s(self._failed[client], self._rng), client))

    def _attempt(self, now: float, client: int) -> None:
        loss = self._loss
        self._attempts += client not in self._syns
        if now < loss.down_s or (now < loss.detect_s and self._rng.random() * loss.gateways < loss.lost):
            self._again(now, client)
        elif self._is_too_fast(0, client, now, at_front=True):
            # The front refuses it: no gateway hears of it.
            self._refused += 1
            self._again(now, client)
        elif (reached := self._front.take(now)) is None:
            self._dropped(now, client)
        else:
            begun, _ = self._syns.pop(client, (now, 0))
            self._arrive(begun, reached, client)

    def _dropped(self, now: float, client: int) -> None:
        """No room for its SYN: its kernel sends it again after 1, 3 and 7 seconds (tcp(7), ``tcp_syn_retries``)."""
        begun, sent = self._syns.pop(client, (now, 0))
        if now + 2**sent - begun <= self._backoff.timeout_s:
            self._syns[client] = (begun, sent + 1)
            heapq.heappush(self._later, (now + 2**sent, client))
        else:
            self._give_up(begun, client)

    def _arrive(self, begun: float, reached: float, client: int) -> None:
        """A gateway has got it."""
        gateway = self._choose()
        self._gateways.came(gateway, reached)
        if self._is_too_fast(gateway, client, reached, at_front=False) or not self._gateways.has_room(gateway, reached):
            self._refused += 1
            self._again(reached, client)
            return
        welcomed = self._gateways.serve(gateway, reached)
        if welcomed - begun > self._backoff.timeout_s:
            self._give_up(begun, client)
            return
        self._gateways.connections[gateway] += 1
        self._queue_s = max(self._queue_s, welcomed - begun)
        self._back.append(welcomed)

    def _give_up(self, begun: float, client: int) -> None:
        """It has had no answer in time."""
        self._given_up += 1
        self._again(begun + self._backoff.timeout_s, client)

    def _is_too_fast(self, gateway: int, client: int, now: float, *, at_front: bool) -> bool:
        """Whether the limit of its address, which the front has or each gateway, refuses it."""
        loss = self._loss
        if loss.clients_per_address == 1 or loss.limits.shared != at_front:
            return False
        return not self._addresses.may(gateway, client // loss.clients_per_address, now)


def run(losses: Sequence[Loss]) -> list[tuple[Loss, Outcome]]:
    """Simulate each."""
    return [(loss, simulate(loss)) for loss in losses]
