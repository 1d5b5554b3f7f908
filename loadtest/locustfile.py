"""A hundred traders with a hundred symbols each, over WebSocket: ``locust -f loadtest``.

Rows of the statistics: ``connect`` (until ``welcome``), ``first tick`` (subscribe until the first price),
``tick latency`` (arrival less ``recv_us``; right only if the poller's clock is this machine's), ``reconnect``
and ``recovery`` (from the end of a connection, planned or not, until the next one's first price), and
``generator lag``: the delay of this process itself. Gaps, wrong prices, refusals, failed handshakes and
unplanned disconnects are failures.
"""

import itertools
import json
import logging
import random
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import gevent
from locust import User, events, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

# Locust puts only the working directory on the path; from elsewhere it would not find the package.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from loadtest.protocol._close_codes import ABNORMAL, TOO_SLOW, UNAUTHORISED, Rule, rule_of
from loadtest.runs._options import add_to, tokens_of
from loadtest.runs._report import page, report
from loadtest.runs._run import LocustFindings, Run
from loadtest.sessions._session import ClientSession, Session
from loadtest.sessions._trade import TradeSession
from loadtest.transport._connection import Connection, ConnectionEndedError
from loadtest.transport._stream import Stream
from loadtest.users._kinds import Mix, shares_of
from loadtest.users._shapes import shape_of
from loadtest.users._tokens import TokenError, Tokens

log = logging.getLogger(__name__)

BACKOFF_BASE_S, BACKOFF_CAP_S = 0.5, 10.0
MOVE_WAIT_S = 1.0
"""The wait of a planned move if the gateway named none."""
BUSY_BYTES = 16 * 1024
WELCOME_TIMEOUT_S = 10.0
CUT_OFF = (ABNORMAL, TOO_SLOW)
"""How a gateway ends the connection of a reader that is too slow (docs/protocol.md, slow clients)."""


events.init_command_line_parser.add_listener(lambda parser, **_: add_to(parser))


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    """Apply ``--shape``, read the key of ``--token-key``, and serve our rows at ``/tickgate`` of the web interface."""
    options = environment.parsed_options
    if options is None:
        return
    try:
        Trader.tokens = tokens_of(options)
    except TokenError as error:
        log.error("%s (LOAD_TOKEN, LOAD_TOKEN_KEY, LOAD_TOKEN_COMMAND)", error)  # noqa: TRY400 - no traceback
        sys.exit(2)
    if isinstance(environment.runner, WorkerRunner):
        return
    if options.shape:
        environment.shape_class = shape_of(options)
    if environment.web_ui and environment.web_ui.app:

        @environment.web_ui.app.route("/tickgate")
        @environment.web_ui.auth_required_if_enabled
        def tickgate() -> str:
            return page(report(environment.stats), again=True)


def write_report(environment: Environment) -> None:
    """Write our rows to the file of ``--report``, if there is one. A worker's master does it."""
    options = environment.parsed_options
    if options is None or not options.report or isinstance(environment.runner, WorkerRunner):
        return
    path = Path(options.report)
    rows = report(environment.stats)
    path.write_text(page(rows) if path.suffix == ".html" else json.dumps(rows, indent=2) + "\n", encoding="utf-8")


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    """Forget the last run. A master has no users of its own, so it has nothing to share."""
    if not isinstance(environment.runner, MasterRunner):
        assert environment.parsed_options is not None
        Trader.shared, Trader.mix = Run(environment), Mix(shares_of(environment.parsed_options.mix))
        Trader.numbers.clear()


@events.quitting.add_listener
def settle(environment: Environment, **_: Any) -> None:
    """Count the rest now: Locust decides its exit code next, before `end` is called.

    The report is written now too, since a master has its workers' last counts only after `end`.
    """
    if Trader.shared is not None:
        Trader.shared.close_books()
    write_report(environment)


@events.test_stop.add_listener
def end(environment: Environment, **_: Any) -> None:
    """Count the last ticks before the statistics are printed; Locust's ``--json-file`` empties them."""
    if Trader.shared is not None:
        Trader.shared.stop()
    write_report(environment)


class Trader(User):
    """One client that stays connected and subscribed, and checks everything."""

    host = "ws://127.0.0.1:8080"
    shared: Run | None = None
    mix: Mix
    tokens: Tokens | None = None
    numbers: set[int] = set()  # noqa: RUF012 - of all users of this process
    """Those of the users that run: each has one to itself."""

    def on_start(self) -> None:
        """Set up, before the first connection."""
        self._kind = self.mix.take()
        self._number = next(number for number in itertools.count(1) if number not in self.numbers)
        self.numbers.add(self._number)
        # Each worker counts for itself.
        runner = self.environment.runner
        worker = f"{runner.worker_index}-" if isinstance(runner, WorkerRunner) else ""
        self._subject = f"{self.environment.parsed_options.token_subject}-{worker}{self._number}"
        self._names: list[str] | None = None
        self._attempt = 0
        self._away: tuple[str, float] | None = None
        self._back_at_s: float | None = None
        self._welcomed = False

    def on_stop(self) -> None:
        """Leave kind and number to another user."""
        self.mix.give_back(self._kind)
        self.numbers.discard(self._number)

    @task
    def stream(self) -> None:
        """Run one connection, from its handshake to its end, and wait before the next."""
        shared = self.shared
        assert shared is not None
        findings = LocustFindings(shared, self._kind)
        self._back_at_s, self._welcomed = None, False
        try:
            self._connect_and_listen(shared, findings)
        except TokenError as error:
            if error.said and shared.once("token command"):
                log.error("%s", error.said[-500:])  # noqa: TRY400 - the traceback says nothing more
            findings.failed("token", str(error))
            self._back_off()
        except ConnectionEndedError as ended:
            now_s = time.perf_counter()
            rule = rule_of(ended.code)
            if self._expired(ended.code):
                # Who cannot send another token while connected comes back with one.
                self._away = self._away or ("reconnect", now_s)
                gevent.sleep(random.uniform(0.0, BACKOFF_BASE_S))
                return
            if self._back_at_s is not None or rule is Rule.MOVE:
                self._away = self._away or ("reconnect", now_s)
                back_at_s = self._back_at_s or now_s + MOVE_WAIT_S * random.uniform(0.5, 1.5)
                gevent.sleep(max(0.0, back_at_s - now_s))
                return
            if self._welcomed:
                self._away = self._away or ("recovery", now_s)
            if self._kind.slow and self._welcomed and ended.code in CUT_OFF:
                findings.counted("cut off")
            else:
                findings.failed("disconnect" if self._welcomed else "connect", str(ended))
            if rule is Rule.NEVER:
                if shared.once("credentials"):
                    log.error(  # noqa: TRY400 - the traceback says nothing more
                        "users stop: %s; set LOAD_TOKEN to a token that may connect, or LOAD_TOKEN_KEY", ended
                    )
                raise StopUser from None
            self._back_off()

    def _back_off(self) -> None:
        gevent.sleep(random.uniform(0.0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2**self._attempt)))
        self._attempt = min(self._attempt + 1, 10)

    def _expired(self, code: int) -> bool:
        return (
            code == UNAUTHORISED and self._welcomed and self.tokens is not None and self.tokens.expired(self._subject)
        )

    def _connect_and_listen(self, shared: Run, findings: LocustFindings) -> NoReturn:
        """Stay connected.

        Raises:
            ConnectionEndedError: the connection ended, or could not be made.
            TokenError: there is no token.
        """
        options, kind, tally = self.environment.parsed_options, self._kind, shared.tally(self._kind)
        tokens, subject = self.tokens, self._subject
        token = options.token if tokens is None else tokens.token(subject)
        common: dict[str, Any] = {
            "tally": tally,
            "findings": findings,
            "send": lambda text: connection.send(text),
            "now_s": time.perf_counter,
            "wanted": options.symbols,
            "names": self._names,
        }
        session: Session = (
            TradeSession(**common)
            if kind.path == "/ws/trade"
            else ClientSession(
                **common,
                memory=shared.memory,
                kind=kind,
                batch=options.batch == "yes",
                renewal=None if tokens is None else lambda: tokens.renewed(subject),
            )
        )
        connection: Stream | Connection = (
            Stream(base_of(self.host, "http"), token, self._names, options.symbols)
            if kind.path == "/v1/stream"
            else Connection(base_of(self.host, "ws") + kind.path, token, kind, options.slow_rate)
        )
        try:
            session.opened()
            while True:
                # A gateway pings each heartbeat, so after two of silence it is gone.
                payloads, size = connection.receive(2 * session.heartbeat_s if session.welcomed else WELCOME_TIMEOUT_S)
                tally.received_bytes += size
                session.receive(payloads, time.time_ns() // 1000)
                if not self._settled(session, findings):
                    raise ConnectionEndedError(1012)
                if size > BUSY_BYTES:
                    # gevent switches only at a socket that must wait, and in a flood none does.
                    gevent.sleep(0)
        finally:
            self._names = session.names
            connection.close()

    def _settled(self, session: Session, findings: LocustFindings) -> bool:
        """Note the state of the session; return False when it is time to leave a gateway that goes away."""
        self._welcomed = session.welcomed
        now_s = time.perf_counter()
        if session.streaming:
            self._attempt = 0
            if self._away is not None:
                row, since_s = self._away
                findings.measured(row, now_s - since_s)
                self._away = None
        if session.reconnect_after_s is None:
            return True
        if self._back_at_s is None:
            self._back_at_s = now_s + session.reconnect_after_s * random.uniform(1.0, 1.2)
        return now_s < self._back_at_s


def base_of(host: str | None, scheme: str) -> str:
    """The URL of a host from Locust's ``--host`` or its form, as ``ws`` or ``http``; TLS stays TLS."""
    base = (host or Trader.host).rstrip("/")
    for known in ("http", "ws"):
        if base.startswith(known):
            return scheme + base.removeprefix(known)
    return base
