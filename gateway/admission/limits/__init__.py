"""How much each address, subject and connection may take.

``buckets``        rates, buckets and tallies
``charges``        the cost of requests over plain HTTP, and who is charged
``budget``         who is charged for a client's message, and whether the tokens suffice
``limit_log``      log lines about limits that were met
``once_a_minute``  bounds the log lines that strangers can cause
``grace_periods``  a short time for connections over a limit, so that a balancer's probe is still answered
"""
