"""What every way to an exchange needs, whatever it speaks.

``endpoints``     base URLs, tried in turn
``bans``          for how long nothing may be asked; ``refusals``: the answers that say so
``backoff``       pauses between tries; ``pacing``: not more often than allowed
``handshake``     a session that keeps what a refused handshake said
``reasons``       what went wrong, in plain words
``exchange_link`` the state of the link to the exchange, as heartbeats report it
``log_throttle``  one log line where a fault begins, one where it ends
``counters``      what is counted
``tasks``         the first of several to end
"""
