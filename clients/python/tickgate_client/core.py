"""The whole client without I/O: messages, ends and the time go in; actions and events come out.

A driver (`tickgate_client.transport`) calls the methods, each with the time by a monotonic clock, then carries out
`take_actions`, and calls `timer` at `deadline` at the latest.
"""

import logging
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from tickgate_client.actions import Action, Dial, Leave, RenewToken, Send
from tickgate_client.connection.backoff import FINAL_CODES, Backoff
from tickgate_client.connection.clock import GatewayClock
from tickgate_client.connection.credentials import NO_TOKEN, UNAUTHORISED, Credentials, Kind
from tickgate_client.connection.liveness import Limits, Liveness
from tickgate_client.errors import ClosedError, RefusedError
from tickgate_client.events import Connected, Disconnected, Problem
from tickgate_client.inbox import QUEUE_SIZE, Inbox
from tickgate_client.prices.prices import Prices
from tickgate_client.prices.states import StateBoard
from tickgate_client.protocol.requests import Requests
from tickgate_client.protocol.subscriptions import Options, Request, RequestKind
from tickgate_client.protocol.wire import decode, encode

logger = logging.getLogger("tickgate_client")


class Core:
    """One stream, over all its connections."""

    def __init__(
        self,
        *,
        jitter: Callable[[], float],
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        limits: Limits | None = None,
        credentials: Kind = "none",
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        """``jitter`` gives a number from 0 to 1, and ``now_us`` the wall clock."""
        self.inbox = Inbox(queue_size)
        self.board = StateBoard(self.inbox.tell, now_us)
        self.clock = GatewayClock(now_us)
        self.prices = Prices(self.inbox, self.board, self.clock)
        self.connected = False
        """Whether there is a connection whose gateway has said welcome."""
        self.ever_connected = False
        self.ended: Exception | None = None
        """Why there will be no more connections, if so."""
        self.last_refusal = ""
        """Why the last attempt failed, in words."""
        self._limits = limits or Limits()
        self._credentials = Credentials(credentials)
        self._backoff = Backoff(jitter)
        self._actions: list[Action] = []
        self._stirred = False
        self._requests = Requests(self.prices, self.inbox, self._do)
        self._liveness: Liveness | None = None
        self._numbers = count(1)
        self._dial_at: float | None = None
        self._leave_at: float | None = None

    # What the driver asks for.

    def start(self, now: float) -> None:
        """Connect at once."""
        self._dial_at = now

    def take_actions(self) -> Sequence[Action]:
        """What is to be done now, in this order."""
        self._stirred = False
        actions, self._actions = self._actions, []
        return actions

    @property
    def has_actions(self) -> bool:
        """Whether there is anything to be done now, or `deadline` may be earlier than it was."""
        return bool(self._actions) or self._stirred

    def deadline(self) -> float | None:
        """When `timer` is due; None if nothing is."""
        liveness = None if self._liveness is None else self._liveness.deadline()
        due = self._credentials.renew_at, self._requests.due
        times = (self._dial_at, self._leave_at, liveness, self.board.due, *due)
        return min((time for time in times if time is not None), default=None)

    def timer(self, now: float) -> None:
        """Do what is due."""
        if self._leave_at is not None and now >= self._leave_at:
            self._leave_at = None
            self._do(Leave())
            self._end(None, "the gateway goes away", now)
        if self._dial_at is not None and now >= self._dial_at:
            self._dial_at = None
            self._do(Dial(self._backoff.dialled()))
        self.board.look(now)
        if self._liveness is not None:
            self._look(self._liveness, now)
        if self._credentials.due(now):
            self._do(RenewToken())
        if self.connected and self._requests.due is not None and now >= self._requests.due:
            self._requests.again()

    # What the caller asks for.

    def request(self, kind: RequestKind, names: tuple[str, ...], how: Options) -> int:
        """Ask the gateway, now or when there is one; an `Answer` of this number follows."""
        request = Request(next(self._numbers), kind, names, how)
        self._requests.put(request, send=self.connected)
        return request.number

    def close(self) -> None:
        """End everything."""
        self._finish(ClosedError("the stream is closed"))

    # What the driver tells.

    def opened(self, now: float) -> None:
        """The handshake has succeeded."""
        self._liveness = Liveness(self._limits, now)
        self._backoff.opened(now)
        self.clock.forget()

    def refused(
        self, reason: str, now: float, *, code: int | None = None, final: bool = False, after_s: float = 0
    ) -> None:
        """No connection could be made. ``final`` says that the same attempt would fail again.

        ``after_s`` is how long the gateway wants us to wait at least.
        """
        self.last_refusal = reason
        error = self._credentials.refused(reason, code) if code in UNAUTHORISED else None
        if error is not None:
            self._finish(error)
        elif final and not self.ever_connected and code not in UNAUTHORISED:
            self._finish(RefusedError(reason, code))
        else:
            self._end(code, reason, now, after_s)

    def received(self, text: str | bytes, now: float) -> None:
        """A message has come."""
        if self._liveness is not None:
            self._liveness.heard(now)
        if self.connected:
            self.board.heard()
        message = decode(text)
        if message is None:
            return
        try:
            self._take(message, now)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # A gateway of another version, or something in between that is none: never our end.
            logger.warning("a message of type %r cannot be read: %r", message.get("type"), error)

    def closed(self, code: int | None, reason: str, now: float) -> None:
        """The connection has ended; ``code`` is that of the close frame, if one came."""
        words = f"{reason} ({code})" if code is not None else reason
        error = self._credentials.refused(words, code) if code in UNAUTHORISED else None
        if error is not None:
            self._finish(error)
        elif code in FINAL_CODES:
            self._finish(RefusedError(f"the gateway has closed the connection: {words}", code))
        elif code == NO_TOKEN and self._credentials.kind == "none":
            self._finish(RefusedError(f"the gateway needs a token: {words}; give one with token=", code))
        else:
            self._end(code, words, now)

    def token_renewed(self, token: str) -> None:
        """Here is another token, for the connection that there is."""
        if self.connected:
            self._do(Send(encode({"type": "auth", "token": token, "id": "auth"})))

    def token_failed(self, reason: str, now: float) -> None:
        """There is no other token now; the old one still counts for a while."""
        self.inbox.tell(Problem("token", reason))
        self._credentials.failed(now)

    # Inside.

    def _do(self, action: Action) -> None:
        self._actions.append(action)

    def _look(self, liveness: Liveness, now: float) -> None:
        verdict = liveness.look(now)
        if verdict == "dead":
            self._do(Leave())
            self._end(None, f"the gateway has said nothing for {self._limits.dead_s:g} s", now)
            return
        if verdict == "silent":
            self.board.lost(f"the gateway has said nothing for {self._limits.silent_s:g} s")
        mark = liveness.ping(now)
        if mark is not None and self.connected:
            self._do(Send(encode({"type": "ping", "id": mark})))

    def _take(self, message: dict[str, Any], now: float) -> None:
        match message.get("type"):
            case "ticks":
                self.prices.ticks(message["ticks"], now)
            case "tick" | "snapshot" as kind:
                self.prices.tick(message, now, snapshot=kind == "snapshot")
            case "stats":
                self.prices.stats(message)
            case _:
                self._stirred = True
                self._take_rare(message, now)

    def _take_rare(self, message: dict[str, Any], now: float) -> None:
        match message.get("type"):
            case "status":
                self.board.venue(message)
            case "symbol_status":
                self.board.symbol(message)
            case "gap":
                self.prices.gap(message)
            case "subscribed":
                self._requests.subscribed(message, now)
            case "unsubscribed":
                self._requests.unsubscribed(message)
            case "symbols":
                self._requests.listed(message)
            case "pong":
                self._pong(message, now)
            case "error":
                self._error(message, now)
            case "welcome":
                self._welcome(message, now)
            case "shutdown":
                self._leave_at = now + message["reconnect_after_ms"] / 1000
                self._backoff.come_back(self._leave_at)
            case "expiring":
                self._expiring(now)
            case "authenticated":
                self._credentials.accepted()

    def _welcome(self, message: dict[str, Any], now: float) -> None:
        self.connected = self.ever_connected = True
        self._credentials.accepted()
        self.board.connected()
        self.prices.connected(now)
        client = str(message.get("client", ""))
        self.inbox.tell(Connected(client))
        logger.info("connected as %s", client)
        self._requests.connected()

    def _pong(self, message: dict[str, Any], now: float) -> None:
        mark = str(message.get("id"))
        sent_at = None if self._liveness is None else self._liveness.answered(mark)
        if sent_at is None:
            self._requests.ended(mark, now)
        elif "server_us" in message:
            self.clock.answered(sent_at, now, message["server_us"])

    def _error(self, message: dict[str, Any], now: float) -> None:
        code, words, mark = str(message.get("code")), str(message.get("message")), str(message.get("id"))
        if mark == "auth":
            self.token_failed(words, now)
        elif code == "rate_limited":
            self._requests.not_read(now)
        elif not self._requests.failed(mark, code, words):
            self.inbox.tell(Problem(code, words))

    def _expiring(self, now: float) -> None:
        problem = self._credentials.expiring(now)
        if problem is not None:
            self.inbox.tell(problem)

    def _end(self, code: int | None, reason: str, now: float, after_s: float = 0) -> None:
        """There is no connection any more; make the next one."""
        planned = self._gone()
        if self.ended is not None:
            return
        pause_s = self._backoff.pause_s(code, now, after_s)
        self._dial_at = now + pause_s
        if planned:
            self.board.stay_quiet(now + self._limits.silent_s)
        self.board.lost(f"no connection: {reason}")
        self.inbox.tell(Disconnected(reason, code, pause_s))
        logger.info("no connection: %s; again in %.1f s", reason, pause_s)

    def _gone(self) -> bool:
        """Forget the connection; return whether its gateway had said that it would go away."""
        planned = self._liveness is not None and self._backoff.is_expected
        self.connected = False
        self._liveness = self._leave_at = None
        self._credentials.gone()
        self._requests.due = None
        return planned

    def _finish(self, error: Exception) -> None:
        if self.ended is not None:
            return
        self._gone()
        self.ended = error
        self._dial_at = None
        self._do(Leave())
        self._requests.fail(error)
        self.board.lost(str(error))
        self.inbox.wake()
