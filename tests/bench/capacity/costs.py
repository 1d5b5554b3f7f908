"""Round unit costs."""

from bench.capacity.unit_costs import Costs, UnitCosts

ROUND = UnitCosts(
    machine={"cpu": "a round one"},
    when="2026-11-27T00:00:00+00:00",
    bytes_per_tick=200,
    bus_bytes_per_tick=250,
    kernel_kb_per_connection=4,
    poller_us_per_update=20,
    gateway=Costs(
        us={
            "process": 1_000,
            "read": 20,
            "tick_in": 2,
            "write": 5,
            "cold": 2,
            "tick_out": 0.1,
            "join": 3,
            "ping": 10,
            "connect": 200,
        },
        kb_per_connection=4,
        process_mb=50,
        measured_by="a test",
    ),
    fronts={
        "straight": Costs(us={"process": 0.0}, files_per_connection=0),
        "haproxy": Costs(
            us={"write": 10, "kilobyte": 0.5, "ping": 20, "connect": 100},
            kb_per_connection=33,
            process_mb=20,
            files_per_connection=2,
        ),
        "direct": Costs(like="straight", files_per_connection=0),
        "nginx": Costs(files_per_connection=2),
    },
    buses={
        "redis": Costs(us={"message": 4, "delivery": 1}),
        "sentinel": Costs(like="redis"),
        "valkey-cluster": Costs(like="redis"),
        "kafka": Costs(),
    },
)
