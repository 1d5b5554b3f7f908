"""Plain HTTP: pages, probes, metrics and tickets, the upgrade to a WebSocket, and the server that listens.

``server``             an application on its sockets
``handler``            one connection's requests, bounded against what strangers may do
``aiohttp_internals``  undocumented parts of aiohttp that are used
``expectations``       ignores ``Expect`` headers
``bearers``            what the token of a request allows
``v1``                 prices over plain HTTP: the newest ticks, and streams of events
``documents``          OpenAPI and AsyncAPI
``routes``             the answer for each path
``bearers``            what the token of a request allows
``binance``            Binance's streams and REST
``symbols``            the list of symbols
``directions``         where to go, for whoever came to a wrong path or by plain HTTP
``health``             the answers to probes of balancers and orchestrators
``operators``          what is for operators alone: the processes of this deployment
``pages``              the dashboard and the operator's page, each as one document
``upgrade``            from a request for ``/ws`` to a client
``announced``          connections that begin with a PROXY header
``tls``                TLS that a gateway ends itself
``shared_port``        leaves a port that several processes listen on
``succession``         which process accepts on a socket that several share
"""
