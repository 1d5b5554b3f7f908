"""The state that all users of one process share during one run: memory, counts, and a watch on the process itself."""

import logging
import time
from collections import Counter

import gevent
from locust import events
from locust.env import Environment
from locust.stats import RequestStats, StatsEntry, StatsError, bucket_response_time

from loadtest.sessions._checks import Memory, TickError
from loadtest.sessions._tally import Tally
from loadtest.users._kinds import PLAIN, Kind

log = logging.getLogger(__name__)

POUR_EVERY_S = 0.5
LAG_PROBE_S = 0.1
PROBE_WEIGHT = 0.05
"""The weight of the newest probe in the running means: they follow within about two seconds."""
LATE_LIMIT_S = 0.05
BUSY_LIMIT = 0.9
"""Above these means of lateness and of CPU share, the generator causes the latencies, not the gateway."""


class Run:
    """The state that all users of this process share during one run of the test."""

    def __init__(self, environment: Environment) -> None:
        self.memory = Memory()
        self.tallies: dict[Kind, Tally] = {}
        """Of each kind that has users."""
        self.ticks: Counter[Kind] = Counter()
        self.worst_lag_s = 0.0
        self.feed_state: tuple[bool, str, str] | None = None
        self._logged: set[str] = set()
        self._environment = environment
        self._began_s = time.perf_counter()
        self._limited = False
        self._greenlets = [gevent.spawn(self._pour_for_ever), gevent.spawn(self._probe_for_ever)]

    def tally(self, kind: Kind) -> Tally:
        """Where users of a kind count."""
        return self.tallies.setdefault(kind, Tally())

    def once(self, key: str) -> bool:
        """Return True on the first call with ``key``: of a hundred users that notice something, one logs it."""
        first = key not in self._logged
        self._logged.add(key)
        return first

    def stop(self) -> None:
        """End the run's own greenlets, count the rest, and log the outcome."""
        gevent.killall(self._greenlets)
        self.close_books()
        seconds = time.perf_counter() - self._began_s
        log.info(
            "%d ticks checked, %.0f/s; the generator's own loop was at most %.0f ms late",
            self.ticks.total(),
            self.ticks.total() / seconds,
            self.worst_lag_s * 1000,
        )

    def close_books(self) -> None:
        """Count the rest. A kind of user without a tick has tested nothing, and fails."""
        self.pour()
        for kind in self.tallies or (PLAIN,):
            if self.ticks[kind] == 0 and self.once(f"no tick {kind.name}"):
                LocustFindings(self, kind).failed("tick latency", "no tick arrived in the whole run")

    def pour(self) -> None:
        """Add the counts to Locust's statistics."""
        stats, now = self._environment.stats, time.time()
        for kind, counting in self.tallies.items():
            tally = counting.take()
            self.ticks[kind] += sum(tally.latencies_ms.values()) + tally.untimed
            if tally.latencies_ms:
                self._add(latency_entry(stats, kind.row("tick latency"), tally, now))
            for row, count in (("price", tally.untimed), ("conflated", tally.conflated)):
                if count:
                    self._add(count_entry(stats, kind.row(row), count, now))
            for tick_error, count in tally.faults.items():
                row = kind.row(tick_error.row)
                self._add(failure_entry(stats, row, count, now))
                self._count_error(row, tick_error.reason, count)

    def _add(self, entry: StatsEntry) -> None:
        stats = self._environment.stats
        stats.total.extend(entry)
        stats.get(entry.name, entry.method).extend(entry)

    def _count_error(self, row: str, reason: str, count: int) -> None:
        errors = self._environment.stats.errors
        key = StatsError.create_key("WS", row, reason)
        error = errors.setdefault(key, StatsError("WS", row, reason))
        error.occurred()
        error.occurrences += count - 1

    def _pour_for_ever(self) -> None:
        while True:
            gevent.sleep(POUR_EVERY_S)
            self.pour()

    def _probe_for_ever(self) -> None:
        late_mean_s = busy_mean = 0.0
        while True:
            before_s, cpu_before_s = time.perf_counter(), time.process_time()
            gevent.sleep(LAG_PROBE_S)
            took_s = time.perf_counter() - before_s
            late_s = max(0.0, took_s - LAG_PROBE_S)
            events.request.fire(
                request_type="LOAD",
                name="generator lag",
                response_time=late_s * 1000,
                response_length=0,
                exception=None,
            )
            self.worst_lag_s = max(self.worst_lag_s, late_s)
            late_mean_s += PROBE_WEIGHT * (late_s - late_mean_s)
            busy_mean += PROBE_WEIGHT * ((time.process_time() - cpu_before_s) / took_s - busy_mean)
            self._warn(late_mean_s, busy_mean)

    def _warn(self, late_s: float, busy: float) -> None:
        # Late: others use its core. Busy: ticks wait in the sockets although the loop still runs.
        if not self._limited and (late_s > LATE_LIMIT_S or busy > BUSY_LIMIT):
            self._limited = True
            log.warning(
                "this load generator is the limit (loop %.0f ms late, core %.0f %% busy): latencies are its own; "
                "use fewer users, or more processes (--processes -1)",
                late_s * 1000,
                busy * 100,
            )
        elif self._limited and late_s < LATE_LIMIT_S / 2 and busy < BUSY_LIMIT - 0.1:
            self._limited = False
            log.info("the load generator is no longer the limit")


def latency_entry(stats: RequestStats, row: str, tally: Tally, now: float) -> StatsEntry:
    """A row of ages, as if `StatsEntry.log` had been called for each tick."""
    entry = StatsEntry(stats, row, "WS")
    # Clocks of two machines may differ; a negative latency counts as 0.
    latencies = {max(0, ms): 0 for ms in tally.latencies_ms}
    for ms, count in tally.latencies_ms.items():
        latencies[max(0, ms)] += count
    for ms, count in latencies.items():
        entry.response_times[bucket_response_time(ms)] += count
    entry.num_requests = sum(latencies.values())
    entry.total_response_time = sum(ms * count for ms, count in latencies.items())
    entry.min_response_time = min(latencies)
    entry.max_response_time = max(latencies)
    entry.total_content_length = tally.received_bytes
    entry.num_reqs_per_sec[int(now)] = entry.num_requests
    entry.last_request_timestamp = now
    return entry


def count_entry(stats: RequestStats, row: str, count: int, now: float) -> StatsEntry:
    """The row of what occurred ``count`` times, without a time of its own."""
    entry = StatsEntry(stats, row, "WS")
    entry.num_requests = entry.num_none_requests = entry.num_reqs_per_sec[int(now)] = count
    entry.last_request_timestamp = now
    return entry


def failure_entry(stats: RequestStats, row: str, count: int, now: float) -> StatsEntry:
    """The row of a fault that occurred ``count`` times."""
    entry = count_entry(stats, row, count, now)
    entry.num_failures = entry.num_fail_per_sec[int(now)] = count
    return entry


class LocustFindings:
    """Reports a session's findings to Locust and the log, in the rows of its kind."""

    def __init__(self, shared: Run, kind: Kind) -> None:
        self._run, self._kind = shared, kind

    def measured(self, row: str, seconds: float) -> None:
        events.request.fire(
            request_type="WS",
            name=self._kind.row(row),
            response_time=seconds * 1000,
            response_length=0,
            exception=None,
        )

    def counted(self, row: str) -> None:
        """Something occurred that is no failure and took no time."""
        events.request.fire(
            request_type="WS", name=self._kind.row(row), response_time=None, response_length=0, exception=None
        )

    def failed(self, row: str, reason: str) -> None:
        row = self._kind.row(row)
        if self._run.once(f"{row}: {reason}"):
            log.warning("%s: %s (the first such failure; more are only counted)", row, reason)
        events.request.fire(
            request_type="WS", name=row, response_time=None, response_length=0, exception=FailureError(reason)
        )

    def noticed(self, tick_error: TickError, detail: str) -> None:
        row = self._kind.row(tick_error.row)
        if self._run.once(f"{row}: {tick_error.name}"):
            log.error("%s: %s (the first such message; more are only counted): %s", row, tick_error.reason, detail)

    def feed(self, *, stale: bool, reason: str, source: str) -> None:
        state = (stale, reason, source)
        if state == self._run.feed_state:
            return
        self._run.feed_state = state
        if stale:
            log.warning("the feed is stale: %s (source %s)", reason or "no reason given", source or "unknown")
        else:
            log.info("the feed is live: prices come from %s %s", source, reason)

    def fewer(self, held: int, wanted: int) -> None:
        if self._run.once("fewer"):
            log.warning("the gateway has %d symbols; users hold those, not %d", held, wanted)


class FailureError(Exception):
    """The error of a row of failures."""
