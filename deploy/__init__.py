"""Start everything on one machine: bus, poller, gateways and, for a cluster, the load balancer.

    python -m deploy run        Valkey ─ poller ─ one gateway
    python -m deploy cluster    Valkey ─ poller ─ four gateways under gunicorn ─ HAProxy

``processes`` knows how to start, watch and end one program, ``programs`` what each is called and
needs, ``stack`` the order of all of them, ``ports`` whether they have somewhere to listen,
``timeouts`` whether those of HAProxy and of gateways fit each other. ``check`` starts nothing, and says what
works here; each of ``checks`` asks about one thing.
"""
