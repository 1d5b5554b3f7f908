"""The command line, and the launcher that starts everything on one machine.

    tickgate run        Valkey ─ poller ─ one gateway
    tickgate cluster    Valkey ─ poller ─ four gateways under gunicorn ─ HAProxy

``cli`` has all commands. ``launcher`` starts the programs in their order: the servers of a bus (``buses``), pollers,
``gateways`` and one of the ``fronts``. ``process`` starts, watches and ends each. ``settings`` is what the launcher
itself is told. ``ports`` knows whether they have somewhere to listen, ``files`` where the
configurations of fronts and gunicorn are.
``watch`` shows prices in a terminal. ``check`` starts nothing, and says what works here; each of ``checks`` asks about
one thing.
``release`` is no package: its scripts make a release, its bill of materials and its audit.
``python -m deploy`` is the same as ``tickgate``.
"""
