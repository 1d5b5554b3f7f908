"""What every program needs to run, whatever it does.

- ``cadence``: one beat for periodic work;
- ``event``: what a log line is about, under a stable name;
- ``events``: the events that poller and gateway share;
- ``logs``: log lines for people or for machines;
- ``pacing``: how often something that may happen at once should happen;
- ``printable``: foreign text made safe for a terminal and for a log;
- ``reasons``: says each reason of a failure once;
- ``repeats``: bounds repeated errors in the log;
- ``service_manager``: systemd, if that has started us: its sockets, and what it is told;
- ``tasks``: ends tasks, and waits until they have ended;
- ``usage``: ``--help``, ``--version``, and one line about a wrong argument;
- ``version``: the version, which stands in ``setup.cfg``.
"""
