"""Who may come in, and how much each may take.

``acceptor``            accepted connections until the first request of each is whole
``pending_handshakes``  connections whose first head is not whole: how long, and how many
``request``             the head of a request cut from what comes, and its limits
``admission``           the decision: host, origin, address, token, room; ``policy`` is what it reads of the settings
``address``             who a client is, behind trusted proxies
``origin``              whose pages may connect, and under which names the gateway is served
``limits``              rates, buckets and tallies
``charges``             what requests over plain HTTP cost, and whom
``budget``              who pays for a message of a client, and whether it can
``names``               checks `Host` and `Origin`, and tells in the log whom they have refused
``limit_log``           who met a limit, in the log
``once_a_minute``       bounds the lines of the log that strangers can cause
``descriptors``         how many sockets the process can hold
``grace``               a moment for connections over a limit: a balancer's probe is answered all the same
``probes``              which balancers must hear that this gateway goes away
"""
