"""The result of one run: a row of JSON, from which tables and pictures are made."""

from msgspec import Struct


class Result(Struct, kw_only=True, omit_defaults=True):
    """The result of one run of one scenario against one server. A figure that was not measured is None."""

    scenario: str
    contender: str
    round: int
    ticks_per_s: float | None = None
    """Ticks delivered, all clients together."""
    due_per_s: float | None = None
    """Ticks per second without conflation."""
    mb_per_s: float | None = None
    """Bytes delivered, in 10^6."""
    bytes_per_tick: float | None = None
    cpu_us_per_tick: float | None = None
    """CPU time of the server for each delivered tick; behind HAProxy, of both together; of a system, of all its
    programs."""
    gateway_us_per_tick: float | None = None
    """The part of it of the gateway, or of all gateways."""
    front_us_per_tick: float | None = None
    """The front's part of it."""
    bus_us_per_tick: float | None = None
    """The bus's part of it."""
    heartbeat_share: float | None = None
    """The share of a core that one gateway used while there were no ticks, only heartbeats."""
    writes_per_s: float | None = None
    """Calls of ``write``, if the server uses it; see `bench.host.machine.writes`."""
    pongs_per_s: float | None = None
    """Pings of the server that the clients answered."""
    p50_ms: float | None = None
    """Age of a tick when the client reads it: now minus ``recv_us``, sampled."""
    p99_ms: float | None = None
    max_ms: float | None = None
    server_share: float | None = None
    """The server's share of a core."""
    load_share: float | None = None
    """The share of the other core that Valkey, the publisher, the clients and others used."""
    kb_per_connection: float | None = None
    """Resident memory above that of the idle server, for each connection; in 1024 bytes."""
    ms_per_client: float | None = None
    """CPU time of the server from connect to the last snapshot, for each client."""
    clients_per_s: float | None = None
    cpu_us_per_update: float | None = None
    """CPU time of the poller for each update, from the exchange's message to the encoded tick."""
    snapshots_right: float | None = None
    """Share of the clients that have exactly the snapshots they asked for."""
    p99_alone_ms: float | None = None
    """Like ``p99_ms``, without slow clients."""
    rss_drift: float | None = None
    """See `bench.reports.figures.drift`."""
    older_kb: float | None = None
    """What the worst stalled client read before its first current tick, in 1024 bytes."""
    own_kb: float | None = None
    """The part of that in the client's own receive buffer."""
    disturbance: float = 0.0
    """The share of a core that other programs had during the run, on the worse of the two cores."""
    audited: int = 0
    """Ticks parsed in full."""
    notes: list[str] = []
    """Reasons why the figures are less reliable."""
    faults: list[str] = []
    """Errors of the server."""
