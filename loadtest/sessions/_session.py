"""One connection's protocol with a gateway, without its socket: payloads in, commands and findings out."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from loadtest.protocol import _messages as messages
from loadtest.sessions._checks import Checker, Memory, TickError
from loadtest.sessions._findings import Findings
from loadtest.sessions._tally import Tally
from loadtest.users._kinds import PLAIN, Kind

RENEW_EVERY_S = 1.0


class Session(ABC):
    """What sessions of every kind of user do alike: they connect, hold symbols, and note what is wrong."""

    heartbeat_s = 30.0
    reconnect_after_s: float | None = None
    """Set when the gateway has announced that it goes away."""

    def __init__(
        self,
        *,
        tally: Tally,
        findings: Findings,
        send: Callable[[bytes], None],
        now_s: Callable[[], float],
        wanted: int,
        names: list[str] | None = None,
    ) -> None:
        """``now_s`` is a clock for durations; ``names`` are an earlier connection's symbols, to subscribe again."""
        self.names = names
        """The symbols held; None until the gateway has named its symbols."""
        self.welcomed = False
        self.streaming = False
        """Whether a price has arrived."""
        self._tally, self._findings = tally, findings
        self._send, self._now_s = send, now_s
        self._wanted = wanted
        self._began_s = now_s()

    @abstractmethod
    def opened(self) -> None:
        """The connection is open."""

    @abstractmethod
    def receive(self, payloads: list[bytes], now_us: int) -> None:
        """Take the messages that arrived at ``now_us``, microseconds since the Unix epoch."""

    @abstractmethod
    def _held(self, symbols: set[str]) -> None:
        """Note that prices of these symbols alone may come from now on."""

    @abstractmethod
    def _unsubscribe(self, symbols: list[str]) -> None:
        """Ask for no more prices of these symbols."""

    def _connected(self) -> None:
        self.welcomed = True
        self._findings.measured("connect", self._now_s() - self._began_s)
        self._began_s = self._now_s()

    def _first(self) -> None:
        if not self.streaming:
            self.streaming = True
            self._findings.measured("first tick", self._now_s() - self._began_s)

    def _answered(self, message: messages.AnyMessage) -> None:
        """Take what a gateway answers to a command; any other message needs nothing."""
        match message:
            case messages.Subscribed():
                self._subscribed(message.symbols)
            case messages.Unsubscribed() if self.names is not None:
                self._held(set(self.names))
            case messages.Error(code="expired"):
                pass  # the close frame behind it counts
            case messages.Error():
                self._findings.failed("refused", f"the gateway answered {message.code}")

    def _subscribed(self, symbols: list[str]) -> None:
        if self.names is None and len(symbols) < self._wanted:
            self._findings.fewer(len(symbols), self._wanted)
        self.names = symbols[: self._wanted]
        extra = symbols[self._wanted :]
        if extra:
            # They may still arrive until the gateway has confirmed.
            self._unsubscribe(extra)
        else:
            self._held(set(symbols))

    def _unknown(self, error: Exception) -> None:
        self._findings.failed("refused", f"a message that this client does not know: {error}"[:120])

    def _note(self, tick_error: TickError | None, payload: bytes) -> None:
        if tick_error is not None:
            self._tally.faults[tick_error] += 1
            self._findings.noticed(tick_error, payload[:300].decode("utf-8", "replace"))


class ClientSession(Session):
    """Subscribes to ``wanted`` symbols after the welcome, and checks every tick from then on."""

    def __init__(
        self,
        *,
        memory: Memory,
        tally: Tally,
        findings: Findings,
        send: Callable[[bytes], None],
        now_s: Callable[[], float],
        wanted: int,
        kind: Kind = PLAIN,
        batch: bool = False,
        names: list[str] | None = None,
        renewal: Callable[[], str] | None = None,
    ) -> None:
        """``renewal`` makes another token when the gateway says that this one expires."""
        super().__init__(tally=tally, findings=findings, send=send, now_s=now_s, wanted=wanted, names=names)
        self._memory, self._kind, self._batch = memory, kind, batch or kind.batch
        self._encoding, self._renewal = kind.encoding, renewal
        self._checker = Checker(every=not kind.slow)
        self._renewed_s: float | None = None

    def opened(self) -> None:
        """The connection is open; the gateway speaks first."""

    def receive(self, payloads: list[bytes], now_us: int) -> None:
        """Take the messages that arrived at ``now_us``, microseconds since the Unix epoch."""
        good, last, latencies = self._memory.good, self._checker.last, self._tally.latencies_ms
        for payload in payloads:
            # The usual case: another user had this message already, and its seq is the next one.
            tick = good.get(payload)
            if tick is not None and last.get(tick.symbol) == tick.seq - 1:
                last[tick.symbol] = tick.seq
                latencies[(now_us - tick.recv_us) // 1000] += 1
            else:
                self._receive(payload, now_us)

    def _receive(self, payload: bytes, now_us: int) -> None:
        try:
            message = self._encoding.decode(payload)
        except messages.UNREADABLE as error:
            self._refuse(payload, error)
            return
        match message:
            case messages.Tick():
                self._tick(message, payload, now_us)
            case messages.Ticks():
                for raw in message.ticks:
                    self._batched(bytes(raw), now_us)
            case messages.Snapshot():
                self._first()
                self._note(self._memory.judge(message, payload) or self._checker.snapshot(message), payload)
            case messages.Welcome():
                self._welcome(message)
            case messages.Status():
                self._checker.status(stale=message.feed == "stale")
                self._findings.feed(stale=message.feed == "stale", reason=message.reason, source=message.source)
            case messages.Lag() if self._kind.slow:
                self._tally.conflated += message.conflated
            case messages.Lag():
                self._findings.failed("gap", "ticks were conflated though all were asked for")
            case messages.Expiring() if self._renewal is not None:
                self._renew(self._renewal)
            case messages.Authenticated() if self._renewed_s is not None:
                self._findings.measured("renewal", self._now_s() - self._renewed_s)
            case messages.Shutdown():
                self.reconnect_after_s = message.reconnect_after_ms / 1000
            case _:
                self._answered(message)

    def _renew(self, renewal: Callable[[], str]) -> None:
        # Of a token that lasts less than half a minute the gateway says at once that it expires. One renewal after the
        # other would be a flood; such a connection ends with its token.
        if self._renewed_s is None or self._now_s() - self._renewed_s >= RENEW_EVERY_S:
            self._renewed_s = self._now_s()
            self._send(self._encoding.encode({"type": "auth", "token": renewal()}))

    def _welcome(self, message: messages.Welcome) -> None:
        self.heartbeat_s = message.heartbeat_s
        self._connected()
        command: dict[str, object] = {
            "type": "subscribe",
            "symbols": self.names or ["*"],
            "conflate": self._kind.slow,
            "batch": self._batch,
        }
        if self._kind.numbers is not None:
            command["numbers"] = self._kind.numbers
        self._send(self._encoding.encode(command))

    def _held(self, symbols: set[str]) -> None:
        self._checker.held(symbols)

    def _unsubscribe(self, symbols: list[str]) -> None:
        self._send(self._encoding.encode({"type": "unsubscribe", "symbols": symbols}))

    def _tick(self, tick: messages.Tick, payload: bytes, now_us: int) -> None:
        self._first()
        tick_error = self._memory.judge(tick, payload) or self._checker.tick(tick)
        self._note(tick_error, payload)
        self._tally.latencies_ms[(now_us - tick.recv_us) // 1000] += 1

    def _batched(self, payload: bytes, now_us: int) -> None:
        tick = self._memory.good.get(payload)
        if tick is not None and self._checker.last.get(tick.symbol) == tick.seq - 1:
            self._checker.last[tick.symbol] = tick.seq
            self._tally.latencies_ms[(now_us - tick.recv_us) // 1000] += 1
            return
        try:
            tick = self._encoding.decode_tick(payload)
        except messages.UNREADABLE:
            self._note(TickError.MALFORMED, payload)
            return
        self._tick(tick, payload, now_us)

    def _refuse(self, payload: bytes, error: Exception) -> None:
        if self._encoding.kind(payload) in ("tick", "snapshot", "ticks"):
            self._note(TickError.MALFORMED, payload)
        else:
            self._unknown(error)
