"""What the clients received while a server was measured, what it cost, and what makes these figures less reliable."""

from collections.abc import Mapping
from typing import Any

from bench.host.machine import Cores
from bench.host.usage import Usage, note_others
from bench.result import Result
from bench.scenarios import Scenario

_BUSY = 0.97


def enter(result: Result, scenario: Scenario, got: Mapping[str, Any], used: Usage) -> None:
    """Write the figures into ``result``; ``got`` is the clients' answer to a mark."""
    ticks = got["ticks"]
    result.ticks_per_s = ticks / used.at
    result.due_per_s = scenario.due_per_s
    result.mb_per_s = got["bytes"] / used.at / 1e6
    result.pongs_per_s = got["pongs"] / used.at
    result.server_share = used.cpu_s / used.at
    result.load_share = used.load_core.busy / used.at
    # A server that calls send() also writes, to wake itself up.
    writes_per_s = used.writes / used.at
    result.writes_per_s = writes_per_s if writes_per_s > 10 else None
    result.p50_ms, result.p99_ms, result.max_ms = (got["age_ms"].get(name) for name in ("p50", "p99", "max"))
    if ticks:
        result.cpu_us_per_tick = used.cpu_s * 1e6 / ticks
        result.bytes_per_tick = got["bytes"] / ticks
        if used.front_cpu_s:
            result.front_us_per_tick = used.front_cpu_s * 1e6 / ticks
            result.gateway_us_per_tick = result.cpu_us_per_tick - result.front_us_per_tick


def judge(result: Result, scenario: Scenario, got: Mapping[str, Any], used: Usage, cores: Cores) -> None:
    """Note what makes the figures less reliable."""
    seconds = used.at
    note = result.notes.append
    client_share = got["cpu_s"] / seconds
    if got["failures"]:
        result.faults.append(f"clients failed: {got['failures']}")
    if used.load_core.busy >= _BUSY * seconds:
        note(f"THE LOAD SIDE WAS THE LIMIT: its core was full, the clients had {client_share:.0%}")
    behind_ms = got["unread_bytes"] / 1e3 / result.mb_per_s if result.mb_per_s else 0
    # A burst that is just being read proves nothing.
    if behind_ms > 50 + 1000 * scenario.burst / max(1, scenario.ticks_per_s):
        note(f"the clients had {behind_ms:.0f} ms of bytes unread")
    if used.cpu_s >= _BUSY * seconds and not cores.shared:
        note("the server's core was full")
    note_others(result, used, cores)


def compare(
    result: Result, scenario: Scenario, counted: int, before: Mapping[str, float], after: Mapping[str, float]
) -> None:
    """Compare a gateway's own samples, before and after, with the ``counted`` ticks of clients that read."""
    sent, lags = "tickgate_ticks_sent_total", "tickgate_lags_total"
    if sent not in before or sent not in after:
        return
    claimed = after[sent] - before[sent]
    # The two are read some milliseconds apart, and ticks on their way are sent but not received yet.
    if abs(claimed - counted) > 0.02 * counted + scenario.due_per_s * 0.2:
        result.notes.append(f"the server claims {claimed:.0f} ticks, {counted} came")
    # Since the start: a client that became slow before the measuring began may have been slow all the time.
    if after.get(lags) and scenario.kind != "slow":
        result.notes.append(f"the server took clients for slow ones {after[lags]:.0f} times")
