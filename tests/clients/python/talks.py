"""A core, and a gateway and a clock that are the test."""

import json
from typing import Any

from tickgate_client.actions import Action, Answer, Dial, Leave, RenewToken, Send
from tickgate_client.core import Core
from tickgate_client.events import Event, State

WALL_US = 1_800_000_000_000_000


class Talk:
    """What a driver would do, in the time of the test."""

    def __init__(self, *, jitter: float = 0.5, **options: Any) -> None:
        self.now = 0.0
        self.core = Core(jitter=lambda: jitter, now_us=lambda: WALL_US + round(self.now * 1e6), **options)
        self.actions: list[Action] = []
        """All but what was sent, in order."""
        self.sent: list[dict[str, Any]] = []
        """All but pings for the time, in order."""
        self.pings: list[dict[str, Any]] = []
        self.alive = True
        """Whether the gateway answers pings."""
        self.core.start(self.now)
        self.go(0)

    def go(self, seconds: float) -> None:
        """Let time pass, as a driver does: `timer` at each deadline."""
        until = self.now + seconds
        while True:
            self.core.timer(self.now)
            self.take()
            deadline = self.core.deadline()
            if deadline is None or deadline > until:
                break
            assert deadline > self.now, "a driver would never rest"
            self.now = max(self.now, deadline)
        self.now = until

    def take(self) -> None:
        """Carry out what the core wants."""
        for action in self.core.take_actions():
            if isinstance(action, Send):
                message = json.loads(action.text)
                if not str(message.get("id")).startswith("t"):
                    self.sent.append(message)
                    continue
                self.pings.append(message)
                if self.alive:
                    self.core.received(json.dumps({"type": "pong", "id": message["id"]}), self.now)
            else:
                self.actions.append(action)

    def hear(self, kind: str, **fields: Any) -> None:
        """The gateway sends a message."""
        self.core.received(json.dumps({"type": kind} | fields), self.now)
        if self.core.has_actions:
            self.core.timer(self.now)
        self.take()

    def open(self, *venues: str) -> None:
        """The handshake succeeds, and the gateway says welcome; these venues are live."""
        self.core.opened(self.now)
        self.hear("welcome", client="a", heartbeat_s=20)
        for venue in venues or ("binance",):
            self.hear("status", venue=venue, feed="live", reason="", source="simulated", since_us=1)

    def end(self, code: int | None = None, reason: str = "lost") -> None:
        """The connection ends."""
        self.core.closed(code, reason, self.now)
        self.take()

    def subscribe(self, *symbols: str, **options: Any) -> int:
        """Subscribe, and have it confirmed; the number of the request."""
        number = self.ask("subscribe", *symbols, **options)
        self.confirm(*symbols)
        self.hear("pong", id=f"{number}.end")
        return number

    def ask(self, kind: Any, *names: str, **options: Any) -> int:
        """Send a command."""
        from tickgate_client.protocol.subscriptions import Options

        number = self.core.request(kind, names, Options(**options))
        self.take()
        return number

    def confirm(self, *symbols: str) -> None:
        """Answer the last subscribe."""
        mark = [message["id"] for message in self.sent if message["type"] == "subscribe"][-1]
        self.hear("subscribed", symbols=list(symbols), id=mark)

    def tick(self, symbol: str, seq: int, kind: str = "tick", **fields: Any) -> None:
        """The gateway sends a price."""
        self.hear(kind, **price(symbol, seq, **fields))

    def events(self) -> list[Event]:
        """Everything that the caller would get, now."""
        events = []
        while (event := self.core.inbox.take()) is not None:
            events.append(event)
        return events

    def states(self) -> list[tuple[str, str]]:
        """The changes of states that the caller would get; all other events are lost."""
        return [(event.symbol, event.state) for event in self.events() if isinstance(event, State)]

    def commands(self, kind: str) -> list[dict[str, Any]]:
        """What was sent of a type, without its mark."""
        return [
            {name: value for name, value in message.items() if name not in {"type", "id"}}
            for message in self.sent
            if message["type"] == kind
        ]

    def answers(self) -> dict[int, Any]:
        """Number of a request → its answer."""
        return {action.number: action.result for action in self.actions if isinstance(action, Answer)}

    @property
    def dials(self) -> int:
        """How often a connection was asked for."""
        return len(self.attempts)

    @property
    def attempts(self) -> list[int]:
        """The attempt that each connection was said to be."""
        return [action.attempt for action in self.actions if isinstance(action, Dial)]

    @property
    def leaves(self) -> int:
        """How often it was to be ended."""
        return self.actions.count(Leave())

    @property
    def renewals(self) -> int:
        """How often another token was asked for."""
        return self.actions.count(RenewToken())


def price(symbol: str, seq: int, **fields: Any) -> dict[str, Any]:
    """The fields of a tick."""
    usual = {"bid": 10 * seq, "ask": 10 * seq + 1, "price_scale": 2, "size_scale": 3, "recv_us": WALL_US + seq}
    return {"symbol": symbol, "seq": seq} | usual | fields
