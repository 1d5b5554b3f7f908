"""How a program gets its settings: at the start, and again on SIGHUP.

- ``environ``: reads each variable, or says which one is wrong and how to mend it;
- ``config``: the file of settings, beneath the environment;
- ``names`` and ``mistakes``: variables that are likely meant for settings, and a warning of each;
- ``proxy``: the proxy of an outgoing connection;
- ``log_levels``: the levels of single parts of a program;
- ``loopback`` and ``metrics_token``: what is open to whom;
- ``early``: imported first, so that SIGHUP does not end a program that is still starting;
- ``hangup``: SIGHUP from then on;
- ``changes``: what is logged of settings that changed.
"""
