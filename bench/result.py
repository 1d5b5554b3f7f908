"""What one run showed: a row of JSON, and what tables and pictures are made from."""

from msgspec import Struct


class Result(Struct, kw_only=True, omit_defaults=True):
    """What one run of one scenario against one server showed. What was not measured is None."""

    scenario: str
    contender: str
    round: int
    ticks_per_s: float | None = None
    """Ticks delivered, all clients together."""
    due_per_s: float | None = None
    """Ticks per second, had none been conflated."""
    mb_per_s: float | None = None
    """Bytes delivered, in 10^6."""
    bytes_per_tick: float | None = None
    cpu_us_per_tick: float | None = None
    """CPU time of the server for each tick delivered; behind HAProxy, of both together."""
    gateway_us_per_tick: float | None = None
    """Behind HAProxy, the gateway's part of it."""
    front_us_per_tick: float | None = None
    """HAProxy's part of it."""
    writes_per_s: float | None = None
    """Calls of ``write``, where the server uses it; see `machine.writes`."""
    pongs_per_s: float | None = None
    """Pings of the server that the clients answered."""
    p50_ms: float | None = None
    """Age of a tick when the client reads it: now minus ``recv_us``, sampled."""
    p99_ms: float | None = None
    max_ms: float | None = None
    server_share: float | None = None
    """Of a core, used by the server."""
    load_share: float | None = None
    """Of the other core, used by Valkey, the publisher, the clients and whoever else."""
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
    """As ``p99_ms``, without slow clients beside."""
    rss_drift: float | None = None
    """See `figures.drift`."""
    older_kb: float | None = None
    """Read by the worst stalled client before its first current tick, in 1024 bytes."""
    own_kb: float | None = None
    """How much of that lay in the client's own receive buffer."""
    disturbance: float = 0.0
    """Of a core, used or taken by others while this was measured, on whichever core it was worse."""
    audited: int = 0
    """Ticks parsed in full."""
    notes: list[str] = []
    """What limits the worth of the figures."""
    faults: list[str] = []
    """What the server did wrong."""
