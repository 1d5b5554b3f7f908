"""Plain HTTP: pages, probes, metrics and tickets, the upgrade to a WebSocket, and the server that listens.

``server``             an application on its sockets
``listening``          how connections come in: PROXY headers, TLS, ports and sockets that processes share
``handler``            one connection's requests, bounded against what strangers may do
``aiohttp_internals``  undocumented parts of aiohttp that are used
``expectations``       ignores ``Expect`` headers
``routes``             the answer for each path
``upgrade``            from a request for ``/ws`` to a client
``bearers``            what the token of a request allows
``v1``                 prices over plain HTTP: symbols, the newest ticks, and streams of events
``binance``            Binance's streams and REST
``documents``          OpenAPI and AsyncAPI
``pages``              the dashboard and the operator's page, each as one document
``operators``          what is for operators alone: the processes of this deployment
``health``             the answers to probes of balancers and orchestrators
``directions``         where to go, for whoever came to a wrong path or by plain HTTP
"""
