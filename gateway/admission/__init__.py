"""Who may connect, and how much each client may take.

``acceptor``            accepted connections until the first request of each is whole
``pending_handshakes``  connections with an unfinished head: for how long, and how many
``request``             cuts the head of a request from incoming bytes, and has its limits
``admission``           the decision: host, origin, address, token, room; ``policy`` has the settings that it reads
``upgrade_request``     what a request for a WebSocket asks for, and what an admitted client holds
``address``             a client's address, behind trusted proxies
``origin``              the sites whose pages may connect, and the names under which the gateway is served
``limits``              rates, buckets and tallies
``charges``             the cost of requests over plain HTTP, and who is charged
``budget``              who is charged for a client's message, and whether the tokens suffice
``names``               checks `Host` and `Origin`, and logs which were refused
``limit_log``           log lines about limits that were met
``once_a_minute``       bounds the log lines that strangers can cause
``descriptors``         how many sockets the process can hold
``grace_periods``       a short time for connections over a limit, so that a balancer's probe is still answered
``probes``              the balancers that must know when this gateway goes away
"""
