"""The command line, and the launcher that starts everything on one machine.

    tickgate run        Valkey ─ poller ─ one gateway
    tickgate cluster    Valkey ─ poller ─ four gateways under gunicorn ─ HAProxy

``cli`` has all commands, ``launch`` these two. ``processes`` knows how to start, watch and end one ``program``,
``programs`` what each is called and needs, ``buses`` the servers of each bus, ``settings`` what the launcher itself is
told, ``files`` where the configurations of HAProxy and gunicorn are, ``stack`` the order of all programs, ``ports``
whether they have somewhere to listen, ``timeouts`` whether those of HAProxy and of gateways fit each other. ``watch``
shows prices in a terminal.
``check`` starts nothing, and says what works here; each of ``checks`` asks about one thing.
``python -m deploy`` is the same as ``tickgate``.
"""
