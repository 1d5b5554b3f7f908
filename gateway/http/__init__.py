"""Plain HTTP: pages, probes, metrics and tickets, the upgrade to a WebSocket, and the server that listens.

``server``             an application on its sockets
``handler``            one connection's requests, with bounds to what a stranger may do to it
``aiohttp_internals``  what is used of aiohttp that it does not document
``expectations``       ``Expect`` headers are passed over
``routes``             what is answered to which path
``health``             what balancers and orchestrators are told
``pages``              the dashboard, as one document
``upgrade``            from a request for ``/ws`` to a client
``succession``         which process accepts on a socket that several share
"""
