"""The scenarios of a whole system, as results of the bench."""

import time
from contextlib import ExitStack

from bench.host.usage import DISTURBED
from bench.result import Result
from bench.scenarios import Scenario
from bench.servers.contenders import Contender
from bench.servers.rig import Rig
from bench.system.reading import Window
from bench.system.running import System

_WARM_UP_S = 1.0
_FIRST_PINGS_S = 5.0
"""The first ping of a client comes two seconds after its start; then each heartbeat."""


def measure(bench: Rig, scenario: Scenario, contender: Contender, seconds: float, result: Result) -> None:
    """Write the figures of ``scenario`` into ``result``; a crowd is measured without ticks, too.

    Raises:
        ProcessError: a process did not start, answer, or stay.
    """
    with ExitStack() as stack:
        system = System(bench, stack, scenario, contender)
        opened = system.open()
        result.faults += [*opened.failures]
        if scenario.kind == "crowd":
            time.sleep(_FIRST_PINGS_S)
            result.kb_per_connection = (system.rss_bytes() - system.idle_rss) / 1024 / scenario.clients
            alone = system.window(seconds)
            result.heartbeat_share = alone.cpu_s["gateways"] / alone.seconds / scenario.gateways
            _note(result, alone)
        system.feed()
        time.sleep(_WARM_UP_S)
        _enter(result, scenario, system.window(seconds))


def _enter(result: Result, scenario: Scenario, window: Window) -> None:
    seconds = window.seconds
    result.ticks_per_s = window.ticks / seconds
    result.due_per_s = scenario.due_per_s
    result.mb_per_s = window.bytes / seconds / 1e6
    result.pongs_per_s = window.pongs / seconds
    result.writes_per_s = window.writes / seconds
    result.server_share = window.system_cpu_s / seconds
    result.load_share = window.cpu_s["load"] / seconds
    result.p50_ms, result.p99_ms, result.max_ms = window.p50_ms, window.p99_ms, window.max_ms
    if window.ticks:
        result.bytes_per_tick = window.bytes / window.ticks
        result.cpu_us_per_tick = window.system_cpu_s * 1e6 / window.ticks
        result.bus_us_per_tick, result.gateway_us_per_tick, result.front_us_per_tick = (
            window.cpu_s[part] * 1e6 / window.ticks for part in ("bus", "gateways", "front")
        )
    _note(result, window)


def _note(result: Result, window: Window) -> None:
    result.disturbance = max(result.disturbance, window.others_share)
    if window.others_share > DISTURBED:
        result.notes.append(f"DISTURBED: others had {window.others_share:.0%} of a core")
    if window.failures:
        result.faults.append(f"clients failed: {window.failures}")
