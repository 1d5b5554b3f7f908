"""One WebSocket connection to an exchange's streams, from its opening to its end."""

import asyncio
import logging
import random
from collections.abc import Callable, Collection

import aiohttp

from poller.network import reasons
from poller.network.backoff import Backoff
from poller.network.counters import Counters
from poller.network.endpoints import Endpoints
from poller.network.handshake import RefusedError
from poller.network.log_throttle import LogThrottle
from poller.network.pacing import RollingLimit
from poller.network.refusals import BANNED, obey
from poller.network.tasks import first_of
from poller.source import Update
from poller.stream.dialect import Ack, Alive, Ending, StreamDialect, Unexpected
from poller.stream.limits import StreamLimits
from poller.stream.peer import Peer
from poller.stream.subscriptions import Subscriptions
from poller.stream.timing import StreamTiming

logger = logging.getLogger(__name__)


class Connection:
    """Subscribes some symbols, passes on what it receives, and says when it should be replaced.

    ``ready`` is set once all subscriptions are granted. ``leaving`` is set when a successor is wanted: the connection
    is old, the exchange wants to close it, or it is over. ``reason`` says which.

    A connection is alive while anything arrives on it, also the answer to a ping: a quiet market sends no prices.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        dialect: StreamDialect,
        limits: StreamLimits,
        symbols: tuple[str, ...],
        *,
        pass_on: Callable[[Update | Alive | Unexpected], None],
        changed: Callable[[], None],
        granted: Callable[[Collection[str], Collection[str]], None],
        refused: Callable[[Collection[str]], None],
        timing: StreamTiming,
        counters: Counters,
        now_us: Callable[[], int],
        rng: random.Random,
        peer: Peer | None = None,
    ) -> None:
        """Set up; ``pass_on`` gets every update and sign of life of ``symbols``, and every unreadable message.

        ``changed`` is called when ``over`` has changed. ``granted`` is called when symbols that `serve` added are
        subscribed, with those symbols and `quoted`. ``refused`` is called with the subjects that the exchange refuses.
        """
        clock = asyncio.get_running_loop().time
        self.ready = asyncio.Event()
        self.leaving = asyncio.Event()
        self.reason = ""
        self.over = False
        self.quoted = set[str]()
        """Symbols of which a quote has arrived."""
        self._endpoints = endpoints
        self._dialect = dialect
        self._limits = limits
        self._symbols = set(symbols)
        self._pass_on = pass_on
        self._changed = changed
        self._granted = granted
        self._refused = refused
        self._late: set[str] = set()
        """Symbols that were added after it was ready, and are not granted yet."""
        self._former: set[str] = set()
        """Symbols that were removed; some of their updates may still arrive."""
        self._timing = timing
        self._counters = counters
        self._now_us = now_us
        self._clock = clock
        self._rng = rng
        self._peer = peer or Peer()
        self._closing = asyncio.Event()
        self._wake = asyncio.Event()
        self._pong: bytes | None = None
        self._ping = False
        """Whether a ping is due."""
        self._pinged = False
        """Whether a ping was due since the last message."""
        self._limit = RollingLimit(limits.messages_per_window, limits.message_window_s, limits.message_gap_s)
        self._subscriptions = Subscriptions(timing, self._new_backoff, self._count_subscribe_error)
        self._subscriptions.add(dialect.requests("SUBSCRIBE", symbols), clock())
        self._opened_at = clock()
        self._received_at = clock()
        self._unexpected = LogThrottle(logger, "message not understood")

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Open the connection and keep it until it ends or `close` is called; never raises for a fault."""
        await self._endpoints.ban.wait()
        base = self._endpoints.current
        options = self._endpoints.options(base)
        try:
            async with asyncio.timeout(self._timing.connect_timeout_s):
                socket = await session.ws_connect(
                    self._dialect.url(base),
                    **options,
                    autoping=False,  # pongs count towards the exchange's limits, see `_send`
                    max_msg_size=self._limits.message_bytes,
                    compress=15 if self._limits.deflate else 0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=self._timing.close_timeout_s),
                )
        except TimeoutError:
            reason = f"no connection within {self._timing.connect_timeout_s:g} s"
        except RefusedError as refused:
            status = refused.status
            if status in BANNED:
                ban, now_us = self._endpoints.ban, self._now_us()
                self._end(obey(ban, status, refused.headers, refused.body, now_us, self._counters))
                return
            reason = f"no connection: {reasons.of_answer(status, refused.body)}"
        except (aiohttp.ClientError, OSError) as error:
            reason = f"no connection: {reasons.of_error(error)}"
        else:
            self._endpoints.works(base)
            self._endpoints.ban.over()
            await self._live(socket)
            if not self.ready.is_set():
                self._endpoints.failed(base)
            return
        self._endpoints.failed(base)
        self._end(reason)

    def close(self) -> None:
        """Close the connection."""
        self._closing.set()

    def replace(self, reason: str) -> None:
        """Ask for a successor; this connection works until that one is ready."""
        self._leave(reason)

    def serve(self, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
        """Subscribe the ``added`` symbols, and unsubscribe the ``removed`` ones."""
        self._symbols.update(added)
        self._symbols.difference_update(removed)
        self._former = (self._former | {*removed}) - {*added}
        self._late = (self._late | {*added}) - {*removed}
        now = self._clock()
        if removed:
            self._subscriptions.add(self._dialect.requests("UNSUBSCRIBE", removed), now)
        if added:
            self._subscriptions.add(self._dialect.requests("SUBSCRIBE", added), now)
        self._wake.set()

    async def _live(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._opened_at = self._received_at = self._clock()
        try:
            self._end(await first_of(self._receive(socket), self._send(socket), self._guard(), self._closed()))
        except (aiohttp.ClientError, OSError) as error:
            self._end(f"broken: {error or type(error).__name__}")
        finally:
            # A frozen peer delays this; `_end` has reported by then.
            await socket.close()

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        while True:
            message = await socket.receive()
            self._received_at = self._clock()
            self._pinged = False
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    self._take(message.data)
                case aiohttp.WSMsgType.PING:
                    # Several pings may be answered by one pong, to the newest (RFC 6455, 5.5.3).
                    self._pong = bytes(message.data)
                    self._wake.set()
                case aiohttp.WSMsgType.PONG:
                    self._peer.answers_pings = True
                case aiohttp.WSMsgType.CLOSE:
                    words = reasons.one_line(message.extra or "")
                    return f"closed by the exchange ({message.data}{f': {words}' if words else ''})"
                case aiohttp.WSMsgType.CLOSED | aiohttp.WSMsgType.CLOSING:
                    return "connection lost"
                case aiohttp.WSMsgType.ERROR:
                    return f"broken: {message.data}"
                case _:
                    self._note("a binary message")

    def _take(self, message: str) -> None:
        for received in self._dialect.parse(message, self._now_us()):
            match received:
                case Update() | Alive() if received.symbol in self._symbols:
                    if isinstance(received, Update):
                        self._counters.messages += 1
                        if received.bid is not None:
                            self.quoted.add(received.symbol)
                    self._pass_on(received)
                case Update() | Alive() if received.symbol in self._former:
                    pass
                case Update() | Alive():
                    self._note(f"a symbol that nobody asked for: {received.symbol[:40]!r}")
                case Ack():
                    self._answered(received)
                case Ending():
                    self._leave(received.reason)
                case Unexpected():
                    self._note(received.why)
                    self._pass_on(received)

    def _answered(self, ack: Ack) -> None:
        if refused := self._subscriptions.answered(ack, self._clock()):
            self._refused(refused)
        self._wake.set()
        if self._subscriptions.settled:
            self._settle()

    def _settle(self) -> None:
        late, self._late = self._late, set()
        if self.ready.is_set() and late:
            self._granted(late, self.quoted)
        if not self.ready.is_set() and not self._peer.answers_pings:
            # The answer shows whether the exchange's silence will mean anything.
            self._ping = True
            self._wake.set()
        self.ready.set()

    async def _send(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        """Send: this is the only place that does. One message at a time, paced, pongs first."""
        while True:
            self._wake.clear()
            if self._pong is None and not self._ping and self._subscriptions.due() > self._clock():
                wait_s = self._subscriptions.due() - self._clock()
                try:
                    async with asyncio.timeout(wait_s if wait_s < float("inf") else None):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                continue
            if delay_s := self._limit.delay_s(self._clock()):
                await asyncio.sleep(delay_s)
                continue
            if self._pong is not None:
                payload, self._pong = self._pong, None
                self._limit.spend(self._clock())
                await socket.pong(payload)
            elif self._ping:
                self._ping = False
                self._limit.spend(self._clock())
                await socket.ping()
            elif (message := self._subscriptions.take(self._clock())) is not None:
                self._limit.spend(self._clock())
                await socket.send_str(message.decode())

    async def _guard(self) -> str:
        """Watch the connection's silence and age."""
        timing, limits = self._timing, self._limits
        renew_at = self._opened_at + limits.renew_after_s + self._rng.uniform(0.0, limits.renew_jitter_s)
        while True:
            await asyncio.sleep(timing.review_s)
            now = self._clock()
            if not self.ready.is_set() and now - self._opened_at >= timing.ready_timeout_s:
                return f"subscriptions not granted within {timing.ready_timeout_s:g} s"
            quiet_s = self._peer.quiet_s(timing, self._limits)
            if now - self._received_at >= quiet_s:
                self._peer.given_up += not self._peer.answers_pings
                return f"nothing received for {quiet_s:g} s"
            if now - self._received_at >= timing.quiet_s / 2 and not self._pinged:
                self._ping = self._pinged = True
                self._wake.set()
            if now >= renew_at:
                self._leave("old enough to be replaced")
            self._unexpected.settle(now)

    async def _closed(self) -> str:
        await self._closing.wait()
        return "replaced"

    def _leave(self, reason: str) -> None:
        self.reason = reason
        self.leaving.set()

    def _end(self, reason: str) -> None:
        self.over = True
        self._leave(reason)
        self._changed()

    def _note(self, why: str) -> None:
        self._counters.malformed += 1
        self._unexpected.note(why, self._clock())

    def _new_backoff(self) -> Backoff:
        return Backoff(self._timing.backoff_base_s, self._timing.backoff_cap_s, self._rng)

    def _count_subscribe_error(self) -> None:
        self._counters.subscribe_errors += 1
