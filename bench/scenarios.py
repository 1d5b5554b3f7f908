"""The loads on the servers, as data."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["steady", "idle", "storm", "slow", "updates", "system", "crowd"]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A number of clients with their subscriptions, and a rate of ticks."""

    name: str
    about: str
    kind: Kind = "steady"
    clients: int
    each: int = 100
    """Symbols of each client, of a hundred; fewer are chosen at random for each."""
    ticks_per_s: float
    """Ticks published, of all symbols together."""
    burst: int = 1
    """Ticks published at once."""
    order: Literal["round", "random"] = "round"
    """Whether the symbols take turns."""
    seconds: float = 5
    """Seconds of measuring, unless the command line says otherwise."""
    stalled: int = 0
    """Clients beside those that stop reading."""
    trickling: int = 0
    """Clients beside those that read 50 KB/s."""
    floor: Literal["per burst", "as the gateway"] = "as the gateway"
    """How often the floor writes to a client: once for each burst, or as often as the gateway did."""
    gateways: int = 1
    """Gateways that share the clients; more than one only in a system."""
    front: str = "straight"
    """The front of a system: straight, or one of `bench.system.fronts`."""
    contenders: tuple[str, ...] = ("gateway",)

    @property
    def due_per_s(self) -> float:
        """Ticks per second of all clients together, without conflation."""
        return self.ticks_per_s * self.clients * self.each / 100


ALL = (
    Scenario(
        name="bursts",
        about="100 clients × 100 symbols, 1,000 ticks/s in bursts of 100",
        clients=100,
        ticks_per_s=1_000,
        burst=100,
        floor="per burst",
        contenders=("gateway", "floor", "uws", "nats", "centrifugo", "ws", "broadcast", "send_str"),
    ),
    Scenario(
        name="flood",
        about="1,000 clients × 100 symbols, 10,000 ticks/s, ten each millisecond",
        clients=1_000,
        ticks_per_s=10_000,
        burst=10,
        contenders=("gateway", "floor", "uws", "nats", "centrifugo", "send_str"),
    ),
    Scenario(
        name="scattered",
        about="1,000 clients × a random 20 of 100 symbols, 2,000 single ticks/s",
        clients=1_000,
        each=20,
        ticks_per_s=2_000,
        order="random",
        contenders=("gateway", "floor", "floor-alone", "uws", "nats", "centrifugo", "send_str"),
    ),
    Scenario(
        name="quiet",
        about="100 clients × 100 symbols, 100 single ticks/s: does resting add latency?",
        clients=100,
        ticks_per_s=100,
        order="random",
        contenders=("gateway", "gateway-eager"),
    ),
    Scenario(
        name="light-bursts",
        about="100 clients × 100 symbols, 2,000 ticks/s in bursts of 20, a fifth of a core: does resting add latency?",
        clients=100,
        ticks_per_s=2_000,
        burst=20,
        contenders=("gateway", "gateway-eager"),
    ),
    Scenario(
        name="half-busy",
        about="300 clients × 100 symbols, 1,000 ticks/s in tens, a third of a core: does resting add latency?",
        clients=300,
        ticks_per_s=1_000,
        burst=10,
        contenders=("gateway", "gateway-eager"),
    ),
    Scenario(
        name="singles",
        about="100 clients × 100 symbols, 2,000 single ticks/s, a whole core without resting: what does it save?",
        clients=100,
        ticks_per_s=2_000,
        contenders=("gateway", "gateway-eager"),
    ),
    Scenario(
        name="unwanted",
        about="1 client × 1 of 100 symbols, 10,000 ticks/s in tens: what does hearing every channel cost?",
        clients=1,
        each=1,
        ticks_per_s=10_000,
        burst=10,
    ),
    Scenario(
        name="unwanted-singles",
        about="1 client × 1 of 100 symbols, as many messages of one tick: how much of that is the message?",
        clients=1,
        each=1,
        ticks_per_s=1_000,
    ),
    Scenario(
        name="unwanted-hundreds",
        about="1 client × 1 of 100 symbols, 10,000 ticks/s in hundreds: and with a tenth of the messages?",
        clients=1,
        each=1,
        ticks_per_s=10_000,
        burst=100,
    ),
    Scenario(
        name="idle",
        about="9,000 clients × a random 3 of 100 symbols, 50 ticks/s",
        kind="idle",
        clients=9_000,
        each=3,
        ticks_per_s=50,
        order="random",
        contenders=("gateway", "uws", "nats", "centrifugo", "send_str"),
    ),
    Scenario(
        name="storm",
        about="5,000 clients connect, subscribe to a random 20 of 100 symbols and get their snapshots",
        kind="storm",
        clients=5_000,
        each=20,
        ticks_per_s=0,
        contenders=("gateway", "send_str"),
    ),
    Scenario(
        name="system",
        about="bus, two gateways and HAProxy together: 200 clients × 100 symbols, 1,000 ticks/s in bursts of 10",
        kind="system",
        clients=200,
        ticks_per_s=1_000,
        burst=10,
        gateways=2,
        front="haproxy",
    ),
    Scenario(
        name="crowd",
        about="three gateways with 15,000 clients each × a random 3 of 100 symbols: heartbeats alone, then 10 ticks/s",
        kind="crowd",
        clients=45_000,
        each=3,
        ticks_per_s=10,
        order="random",
        seconds=20,
        gateways=3,
    ),
    Scenario(
        name="poller",
        about="one poller, quotes and summaries of 100 symbols as Binance writes them, each to an encoded tick",
        kind="updates",
        clients=0,
        ticks_per_s=0,
        seconds=3,
        contenders=("poller",),
    ),
    Scenario(
        name="slow",
        about="100 fast clients × 100 symbols, 1,000 ticks/s in bursts; then beside 100 stalled and 100 trickling",
        kind="slow",
        clients=100,
        ticks_per_s=1_000,
        burst=100,
        seconds=60,
        stalled=100,
        trickling=100,
    ),
    Scenario(
        name="slow-1000",
        about="the same beside 1,000 stalled and 100 trickling",
        kind="slow",
        clients=100,
        ticks_per_s=1_000,
        burst=100,
        seconds=60,
        stalled=1_000,
        trickling=100,
    ),
)
