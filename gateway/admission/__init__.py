"""Who may connect, and how much each client may take.

``acceptor``            accepted connections until the first request of each is whole
``pending_handshakes``  connections with an unfinished head: for how long, and how many
``request``             cuts the head of a request from incoming bytes, and has its limits
``admission``           the decision: host, origin, address, token, room; ``policy`` has the settings that it reads
``upgrade_request``     what a request for a WebSocket asks for, and what an admitted client holds
``access_log``          the last line of each client in the log
``proxy_header``        the PROXY protocol: a client's address as a layer-4 balancer announces it
``address``             a client's address, behind trusted proxies
``origin``              the sites whose pages may connect, and the names under which the gateway is served
``limits``              how much each address, subject and connection may take
``names``               checks `Host` and `Origin`, and logs which were refused
``binance_settings``    the settings for clients of Binance
``descriptors``         how many sockets the process can hold
``probes``              the balancers that must know when this gateway goes away
"""
