"""A load test that checks every message: ``locust -f loadtest``.

Locust imports every module here and in the packages whose name has no underscore in front, so only ``locustfile``
has none.

``protocol``   what a gateway sends: bytes to messages, and the codes of a close
``users``      the kinds of users, how many there are at which time, and their tokens
``transport``  a WebSocket, server-sent events, and how fast a slow reader reads
``sessions``   one connection's protocol, its checks for gaps and wrong prices, and what both count
``runs``       options, what all users of a process share, and the report

``protocol`` and ``sessions`` know neither Locust nor gevent, and no socket. Each package imports only from those above
it.
"""
