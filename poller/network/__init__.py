"""Shared by streams and REST.

``endpoints``     base URLs, tried in turn
``bans``          how long requests are forbidden; ``refusals``: the answers that forbid them
``backoff``       pauses between attempts; ``pacing``: rate limits
``handshake``     a session that keeps the body of a refused handshake
``reasons``       faults in plain words
``exchange_link`` the state of the link to the exchange, as heartbeats report it
``log_throttle``  one log line when a fault begins, one when it ends
``counters``      the source's counters
``tasks``         waits for the first of several coroutines
"""
