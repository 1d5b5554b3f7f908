"""What the dashboard shows: rows of panels, each with its queries. `dashboard` and `picture` both read it."""

from typing import Final

from deploy.grafana.panels import RATE, Panel, Query, Row


def _quantile(share: float, histogram: str, by: str = "", where: str = "") -> str:
    labels = ", ".join(part for part in (by, "le") if part)
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{where}[{RATE}])))"


_AT_POLLER: Final = '{stage="exchange"}'
_AT_SOCKET: Final = '{stage="socket"}'
_STALE_SYMBOLS: Final = "tickgate_symbol_live == 0 unless on (instance) (min by (instance) (tickgate_venue_live) == 0)"
"""Where a whole venue is stale, a gateway says it of each symbol: that is one fault, not two thousand."""

ROWS: Final = (
    Row(
        "Are prices fresh, for whom not, and why?",
        (
            Panel(
                title="Fresh?",
                description="STALE if any gateway has no current prices of the venue.",
                kind="stat",
                queries=(Query("min by (venue) (tickgate_venue_live)", "{{venue}}"),),
                words=("STALE", "fresh"),
                width=3,
            ),
            Panel(
                title="Age of 99 in 100",
                description="From the exchange to the poller, and from there until it is written to clients' sockets.",
                kind="stat",
                queries=(
                    Query(_quantile(0.99, "tickgate_poller_tick_age_seconds", where=_AT_POLLER), "at the poller"),
                    Query(_quantile(0.99, "tickgate_tick_age_seconds", where=_AT_SOCKET), "from there to the socket"),
                ),
                unit="s",
                warn=0.25,
                bad=1,
                width=4,
            ),
            Panel(
                title="Clients without fresh prices",
                description="Of stale gateways, of single stale symbols (all their subscriptions), and slow ones.",
                kind="stat",
                queries=(
                    Query(
                        "sum(tickgate_connections and on (instance) (min by (instance) (tickgate_venue_live) == 0))"
                        " or vector(0)",
                        "at stale gateways",
                    ),
                    Query(
                        f"sum(tickgate_symbol_subscribers and on (instance, symbol) ({_STALE_SYMBOLS})) or vector(0)",
                        "of stale symbols",
                    ),
                    Query("sum(tickgate_slow_consumers)", "that read slowly"),
                ),
                warn=1,
                bad=100,
                width=5,
            ),
            Panel(
                title="For whom not",
                description="Each gateway and venue, and each symbol that is not live although its gateway is fresh.",
                kind="timeline",
                queries=(
                    Query("min by (instance, venue) (tickgate_venue_live)", "{{instance}} {{venue}}"),
                    Query(f"min by (symbol) ({_STALE_SYMBOLS})", "{{symbol}}"),
                ),
                words=("stale", "fresh"),
                width=6,
            ),
            Panel(
                title="Why",
                description="Each link on the way of a price. A gateway that is behind others is out of service.",
                kind="timeline",
                queries=(
                    Query("tickgate_poller_link_up", "exchange to {{instance}}"),
                    Query("tickgate_poller_banned_until_timestamp_seconds < bool time()", "not banned: {{instance}}"),
                    Query("max by (venue) (tickgate_poller_leading)", "a poller leads {{venue}}"),
                    Query("tickgate_bus_link_up", "bus to {{instance}}"),
                    Query("tickgate_behind == bool 0", "not behind: {{instance}}"),
                    Query('up{job=~"tickgate-.*"}', "answers: {{instance}}"),
                ),
                words=("no", "yes"),
                width=6,
            ),
            Panel(
                title="Alerts",
                description="docs/runbook.md has a section for each.",
                kind="table",
                queries=(Query("ALERTS", ""),),
                width=24,
                height=5,
            ),
        ),
    ),
    Row(
        "Where do prices wait?",
        (
            Panel(
                title="Age by stage, 99 of 100",
                description="exchange: from it to the poller. All others: since the poller has it (docs/metrics.md).",
                kind="series",
                queries=(
                    Query(_quantile(0.99, "tickgate_poller_tick_age_seconds", by="stage"), "poller: {{stage}}"),
                    Query(_quantile(0.99, "tickgate_tick_age_seconds", by="stage"), "gateways: {{stage}}"),
                ),
                unit="s",
                bad=1,
            ),
            Panel(
                title="Event loop late, 99 of 100",
                description="Everything in a process waits so long.",
                kind="series",
                queries=(
                    Query(_quantile(0.99, "tickgate_loop_lag_seconds", by="instance"), "{{instance}}"),
                    Query(_quantile(0.99, "tickgate_poller_loop_lag_seconds", by="instance"), "poller {{instance}}"),
                ),
                unit="s",
                bad=0.1,
            ),
            Panel(
                title="A flush takes, 99 of 100",
                description="From the first write to the last, to all clients of a group.",
                kind="series",
                queries=(Query(_quantile(0.99, "tickgate_flush_seconds", by="instance"), "{{instance}}"),),
                unit="s",
            ),
            Panel(
                title="Symbols by state",
                description="As the poller reports them.",
                kind="series",
                queries=(Query("max by (state) (tickgate_symbols)", "{{state}}"),),
            ),
            Panel(
                title="Oldest ticks",
                description="Seconds since the last tick. A quiet symbol is live all the same.",
                kind="series",
                queries=(Query("topk(5, min by (symbol) (tickgate_symbol_tick_age_seconds))", "{{symbol}}"),),
                unit="s",
            ),
            Panel(
                title="Ticks",
                description="In from the bus (of one gateway, on average), out to clients, and replaced by newer ones.",
                kind="series",
                queries=(
                    Query(f"avg(rate(tickgate_ticks_received_total[{RATE}]))", "from the bus"),
                    Query(f"sum(rate(tickgate_ticks_sent_total[{RATE}]))", "to clients"),
                    Query(f"sum(rate(tickgate_ticks_conflated_total[{RATE}]))", "replaced"),
                ),
                unit="ops",
            ),
        ),
    ),
    Row(
        "How are the clients?",
        (
            Panel(
                title="Connections",
                description="Clients of each gateway. Near its limit there is an alert.",
                kind="series",
                queries=(Query("tickgate_connections", "{{instance}}"),),
            ),
            Panel(
                title="They come",
                description="New connections of all gateways, and those of them that say that they come again.",
                kind="series",
                queries=(
                    Query(f"sum(rate(tickgate_connections_accepted_total[{RATE}]))", "connect"),
                    Query(f"sum(rate(tickgate_client_reconnects_total[{RATE}]))", "come again"),
                ),
                unit="ops",
            ),
            Panel(
                title="They go, by close code",
                description="Those that a gateway closed. docs/protocol.md has the codes.",
                kind="series",
                queries=(Query(f"sum by (code) (rate(tickgate_closed_total[{RATE}]))", "{{code}}"),),
                unit="ops",
            ),
            Panel(
                title="Slow",
                description="Clients that do not drain, and those cut off for it within a minute.",
                kind="series",
                queries=(
                    Query("sum by (instance) (tickgate_slow_consumers)", "{{instance}}"),
                    Query("sum(increase(tickgate_aborted_total[1m]))", "cut off in a minute"),
                    Query("sum(increase(tickgate_ping_failures_total[1m]))", "pings unanswered in a minute"),
                ),
            ),
            Panel(
                title="Kept for clients",
                description="Bytes that clients have not read, or messages that they have not finished.",
                kind="series",
                queries=(Query("tickgate_buffered_bytes", "{{instance}}"),),
                unit="bytes",
            ),
            Panel(
                title="Bytes out",
                description="Written to clients, before TLS of a front.",
                kind="series",
                queries=(Query(f"sum by (instance) (rate(tickgate_bytes_sent_total[{RATE}]))", "{{instance}}"),),
                unit="Bps",
            ),
            Panel(
                title="Refused",
                description="Connections and requests, tokens, and messages beyond a rate.",
                kind="series",
                queries=(
                    Query(f"sum by (reason) (rate(tickgate_connections_refused_total[{RATE}]))", "refused: {{reason}}"),
                    Query(f"sum by (reason) (rate(tickgate_auth_failures_total[{RATE}]))", "token: {{reason}}"),
                    Query(f"sum by (rate) (rate(tickgate_messages_refused_total[{RATE}]))", "too many of a {{rate}}"),
                ),
                unit="ops",
                width=12,
            ),
            Panel(
                title="Most subscribed",
                description="Clients of a symbol, at all gateways.",
                kind="series",
                queries=(Query("topk(10, sum by (symbol) (tickgate_symbol_subscribers))", "{{symbol}}"),),
                width=12,
            ),
        ),
    ),
    Row(
        "How are exchange, poller and bus?",
        (
            Panel(
                title="Published",
                description="Ticks that the bus took, and those that wait for it.",
                kind="series",
                queries=(
                    Query(f"rate(tickgate_poller_ticks_published_total[{RATE}])", "{{instance}}"),
                    Query("tickgate_poller_ticks_waiting", "waiting: {{instance}}"),
                ),
            ),
            Panel(
                title="Dropped updates",
                description="Updates that made no tick. repeated, out_of_order and not_trading are usual.",
                kind="series",
                queries=(
                    Query(f"sum by (reason) (rate(tickgate_poller_updates_dropped_total[{RATE}])) > 0", "{{reason}}"),
                ),
                unit="ops",
            ),
            Panel(
                title="Links made again",
                description="To the exchange and to the bus, within five minutes; takeovers too.",
                kind="series",
                queries=(
                    Query("increase(tickgate_poller_exchange_reconnects_total[5m])", "exchange to {{instance}}"),
                    Query("increase(tickgate_bus_reconnects_total[5m])", "bus to {{instance}}"),
                    Query("increase(tickgate_poller_bus_reconnects_total[5m])", "bus to poller {{instance}}"),
                    Query("increase(tickgate_poller_takeovers_total[5m])", "takeover by {{instance}}"),
                ),
            ),
        ),
    ),
    Row(
        "How are the programs?",
        (
            Panel(
                title="Processor",
                description="Cores in use. One is all that a gateway or poller can use.",
                kind="series",
                queries=(Query(f'rate(process_cpu_seconds_total{{job=~"tickgate-.*"}}[{RATE}])', "{{instance}}"),),
                unit="percentunit",
                bad=0.9,
            ),
            Panel(
                title="Memory",
                description="Resident.",
                kind="series",
                queries=(Query('process_resident_memory_bytes{job=~"tickgate-.*"}', "{{instance}}"),),
                unit="bytes",
            ),
            Panel(
                title="Versions",
                description="Of each program.",
                kind="table",
                queries=(Query('{__name__=~"tickgate_(poller_)?build_info"}', ""),),
            ),
        ),
    ),
)
"""From the first question of an alarm to the last."""
