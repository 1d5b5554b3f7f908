"""A reconnect storm on virtual time: many gateways lose some of their number, or their front, and the clients return.

Nothing waits and nothing is sent: each attempt of each client is an event in a heap. Clients behave as
``docs/protocol.md`` says ("A correct client") and ``gateway/web/connection.js`` does. Gateways take handshakes one
after the other, refuse beyond their limits, and are chosen by the front.
"""

import heapq
import random
from collections.abc import Callable, Sequence
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
    rng = random.Random(seed)
    count = _clients(loss)
    left = loss.gateways - loss.lost
    handshakes = Handshakes(left, loss.limits, 0 if loss.lost == 0 else loss.clients_each)
    choose = Chooser(handshakes.connections, rng, by_load=loss.choice == "leastconn").choose
    addresses = Address(loss.limits)
    attempts = [0] * count
    first = _first_attempts(loss, count, backoff, rng)
    retries: list[tuple[float, int]] = []
    done: list[float] = []
    refused = given_up = tries = 0
    front = Front(loss.front_per_s, loss.front_backlog)
    syns: dict[int, tuple[float, int]] = {}
    """Client → when its attempt began, and the SYNs that were dropped since."""
    queue_s = 0.0
    at = 0

    def again(now: float, client: int) -> None:
        attempts[client] += 1
        heapq.heappush(retries, (now + backoff.wait_s(attempts[client], rng), client))

    while at < count or retries:
        if retries and (at == count or retries[0] < first[at]):
            now, client = heapq.heappop(retries)
        else:
            now, client = first[at]
            at += 1
        tries += client not in syns
        if now < loss.down_s or (now < loss.detect_s and rng.random() * loss.gateways < loss.lost):
            again(now, client)
            continue
        crowded = loss.clients_per_address > 1
        address = client // loss.clients_per_address
        if crowded and loss.limits.shared and not addresses.may(0, address, now):
            # The front refuses it: no gateway hears of it.
            refused += 1
            again(now, client)
            continue
        reached = front.take(now)
        if reached is None:
            # The kernel of the client sends its SYN again after 1, 3 and 7 seconds (tcp(7), tcp_syn_retries).
            begun, sent = syns.pop(client, (now, 0))
            if now + 2**sent - begun <= backoff.timeout_s:
                syns[client] = (begun, sent + 1)
                heapq.heappush(retries, (now + 2**sent, client))
            else:
                given_up += 1
                again(begun + backoff.timeout_s, client)
            continue
        begun, _ = syns.pop(client, (now, 0))
        gateway = choose()
        handshakes.came(gateway, reached)
        may = not crowded or loss.limits.shared or addresses.may(gateway, address, reached)
        if not (may and handshakes.has_room(gateway, reached)):
            refused += 1
            again(now, client)
            continue
        welcomed = handshakes.serve(gateway, reached)
        if welcomed - begun > backoff.timeout_s:
            given_up += 1
            again(begun + backoff.timeout_s, client)
            continue
        handshakes.connections[gateway] += 1
        queue_s = max(queue_s, welcomed - begun)
        done.append(welcomed)
    done.sort()
    return Outcome(
        clients=count,
        attempts=tries,
        refused=refused,
        given_up=given_up,
        peak_per_s=handshakes.peak(1.0),
        peak_per_100_ms=handshakes.peak(0.1),
        queue_s=queue_s,
        back_50_s=done[len(done) // 2],
        back_99_s=done[min(len(done) - 1, len(done) * 99 // 100)],
        back_all_s=done[-1],
    )


def _first_attempts(loss: Loss, count: int, backoff: Backoff, rng: random.Random) -> list[tuple[float, int]]:
    early, late = loss.notice_s
    noticed: Callable[[int], float]
    if loss.told:
        order = list(range(count))
        rng.shuffle(order)
        return sorted((early + (late - early) * place / count, client) for client, place in enumerate(order))
    noticed = lambda _client: early + rng.random() * (late - early)  # noqa: E731
    return sorted((noticed(client) + backoff.wait_s(0, rng), client) for client in range(count))


def run(losses: Sequence[Loss]) -> list[tuple[Loss, Outcome]]:
    """Simulate each."""
    return [(loss, simulate(loss)) for loss in losses]
