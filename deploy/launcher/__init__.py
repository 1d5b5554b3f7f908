"""Starts everything on one machine, and ends it.

``launch`` has the commands ``run`` and ``cluster``, ``invocation`` what they were called with. ``programs`` knows what
each program is called and needs, ``pollers`` which venue each poller serves, ``stack`` the order of all.
"""
