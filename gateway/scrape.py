"""What Prometheus reads of a gateway: its counters, and how things are now.

Nothing here runs between scrapes. A scrape works in turns of the event loop (`market.metrics.exposition`): prices go
out between them.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final, get_args

from gateway.auth.grant import Code
from gateway.gateway import Gateway
from gateway.metrics.counters import Counters
from gateway.protocol.channels import symbol_of
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.framing.parser import FailureCode
from market.metrics.family import Family, counter, counters, gauge, gauges, histogram, histograms
from market.metrics.process import process_families
from market.prices.venues import venue_of

OTHER: Final = "other"
"""The label of all symbols beyond ``METRICS_SYMBOLS``."""

_CODES: Final = {one.name: one.code for one in CloseReason} | {one.name: one.value for one in FailureCode}
"""Why we close → the close code."""

_AUTH: Final = (*get_args(Code), "bad_ticket")

_TURN_S: Final = 0.001
"""So long the clients of symbols are counted before the event loop may do something else."""


async def families(gateway: Gateway) -> AsyncIterator[Family]:
    """Every metric, as of now."""
    for family in process_families("tickgate"):
        yield family
    for family in gateway.counters.families():
        yield family
    for family in _refused(gateway.counters):
        yield family
    for family in _now(gateway):
        yield family
    # What comes now has nothing to do with what came: prices go first.
    await asyncio.sleep(0)
    subscribers = await count_subscribers(gateway)
    await asyncio.sleep(0)
    for family in _symbols(gateway, subscribers):
        yield family


def _refused(counts: Counters) -> Iterator[Family]:
    text = "Connections that this gateway closed, by what it told the client."
    closed = {(name.lower(), str(_CODES[name])): float(count) for name, count in counts.closed.items()}
    yield Family("tickgate_closed_total", "counter", text, closed, ("reason", "code"))
    text = "Tokens and tickets that were refused, in requests and in messages."
    failures = {reason: counts.unauthorised[reason] + counts.tokens_refused[reason] for reason in _AUTH}
    yield counters("tickgate_auth_failures", text, "reason", failures.items())


def _now(gateway: Gateway) -> Iterator[Family]:
    hub, feed, settings = gateway.hub, gateway.feed, gateway.settings
    yield gauge("tickgate_connections", "Clients connected.", len(hub))
    yield gauge("tickgate_connections_limit", "The most clients; 0 is no limit.", settings.max_connections)
    text = "Different subscriptions of the clients; each is written once for all that share it."
    yield gauge("tickgate_cohorts", text, hub.cohort_count)
    yield gauge("tickgate_slow_consumers", "Connections that do not drain or read in time.", len(hub.slow))
    text = "Bytes kept for clients that do not read, or do not finish a message."
    yield gauge("tickgate_buffered_bytes", text, gateway.buffers.held_bytes())
    text = "Connections for which something is kept."
    yield gauge("tickgate_buffered_connections", text, len(gateway.buffers))
    text = "Connections whose messages wait for time to be read."
    yield gauge("tickgate_turns_waiting", text, len(gateway.read_scheduler))
    text = "Connections cut off because they answered no ping."
    yield counter("tickgate_ping_failures", text, gateway.keepalive.failures)
    yield gauge("tickgate_tasks", "Tasks of the event loop; clients need none.", len(asyncio.all_tasks()))
    # Distinguishes a leak from the allocator's slack; resident memory does not.
    yield gauge("tickgate_memory_blocks", "Blocks of memory that Python holds.", sys.getallocatedblocks())
    text = "Bytes that the history takes, for clients that ask for what they missed."
    yield gauge("tickgate_history_bytes", text, gateway.history.size)
    yield gauge("tickgate_replays", "Clients that are being sent what they missed.", len(gateway.replays))
    yield gauge("tickgate_draining", "1 while this gateway goes away.", gateway.draining)
    text = "1 while prices are stale here that are live at another gateway: it is out of service."
    yield gauge("tickgate_behind", text, gateway.is_behind())
    text = "1 while the link to the bus is up and the last values have been read."
    yield gauge("tickgate_bus_link_up", text, feed.bus_link.up_since is not None)
    text = "Links to the bus made after the first one."
    yield counter("tickgate_bus_reconnects", text, max(0, gateway.counters.bus_links - 1))
    yield gauge("tickgate_feed_live", "1 while prices are live, 0 while those of a venue are stale.", feed.live)
    text = "1 while a venue's prices are live, 0 while stale."
    yield gauges("tickgate_venue_live", text, "venue", feed.live_venues().items())
    text = "This gateway's symbols, if the poller reports states."
    yield gauges("tickgate_symbols", text, "state", gateway.states.counts().items())
    text = "How late the event loop was when it was to wake up, four times a second."
    yield histogram("tickgate_loop_lag_seconds", text, gateway.loop_lag.histogram)
    fan_out = gateway.counters.fan_out
    text = "Flushes: the time to write what one or several messages from the bus brought, to all clients."
    yield histogram("tickgate_flush_seconds", text, fan_out.flush_s)
    yield histogram("tickgate_flush_bytes", "Bytes of each flush, over all clients.", fan_out.flush_bytes)
    text = (
        "Age of prices since a poller received them: when a message has reached this gateway, and when a flush is"
        " written to the sockets. Earlier stages are the poller's. Two clocks are compared; below zero counts as zero."
    )
    yield histograms("tickgate_tick_age_seconds", text, "stage", fan_out.ages)
    ends = [(path, _certificates_end_s(path)) for path in (settings.tls_cert,) if path]
    text = "When the certificate ends, Unix seconds; 0: unknown."
    yield gauges("tickgate_certificate_not_after_timestamp_seconds", text, "file", ends)


def _certificates_end_s(path: str) -> float:
    # Imported here: cryptography takes megabytes of memory. A server with TLS has imported it before it served anybody.
    from market.metrics.certificate import not_after_s

    try:
        return not_after_s(path)
    except (OSError, ValueError):
        # Whoever replaces it may be at it just now.
        return 0


async def count_subscribers(gateway: Gateway) -> dict[str, int]:
    """Topic → how many clients hold it, each topic as of some moment meanwhile.

    Who wants what nobody else wants costs nothing here: the groups have counted them. Others take time in proportion to
    the topics of different subscriptions.
    """
    hub, count = gateway.hub, dict[str, int]()
    cohorts = hub.cohorts
    due = time.perf_counter() + _TURN_S
    for group in hub.groups:
        for topic, holders in group.cohorts.by_topic.items():
            count[topic] = count.get(topic, 0) + len(holders)
        if time.perf_counter() > due:
            await asyncio.sleep(0)
            due = time.perf_counter() + _TURN_S
    for cohort in cohorts:
        # One of them is counted: its cohort.
        if (others := len(cohort) - 1) > 0:
            for topic in cohort.subscription.topics:
                count[topic] = count.get(topic, 0) + others
        if time.perf_counter() > due:
            await asyncio.sleep(0)
            due = time.perf_counter() + _TURN_S
    return count


def _symbols(gateway: Gateway, subscribers: Mapping[str, int]) -> Iterator[Family]:
    names, most = gateway.settings.symbols.names, gateway.settings.metrics_symbols
    text = "Symbols that clients have subscribed to: each client counts, and each channel of a symbol."
    yield gauge("tickgate_subscriptions", text, sum(subscribers.values()))
    different = len({symbol_of(topic) for topic in subscribers})
    yield gauge("tickgate_symbols_subscribed", "Different symbols that somebody has subscribed to.", different)
    shown, others = names[:most], names[most:]
    counts = {symbol: subscribers.get(symbol, 0) for symbol in shown}
    if others:
        counts[OTHER] = sum(subscribers.get(symbol, 0) for symbol in others)
    text = "Clients that have subscribed to a symbol's prices."
    yield gauges("tickgate_symbol_subscribers", text, "symbol", counts.items())
    venues, state_of = gateway.feed.live_venues(), gateway.states.state_of
    live = {one: venues.get(venue_of(one), 0) and state_of(one) == "live" for one in shown}
    text = "1 while a symbol's prices are live."
    yield gauges("tickgate_symbol_live", text, "symbol", live.items())
    now_us = gateway.now_us()
    ticks = {symbol: tick for symbol in shown if (tick := gateway.hub.last_tick(symbol)) is not None}
    ages = {symbol: max(0, now_us - tick.recv_us) / 1e6 for symbol, tick in ticks.items()}
    text = "Time since a poller received the newest tick of a symbol. A quiet symbol is not a broken one."
    yield gauges("tickgate_symbol_tick_age_seconds", text, "symbol", ages.items())
