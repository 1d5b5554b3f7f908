"""Bad input by the million: ``python -m tests.fuzz``.

Three targets, each with its own idea of what must never happen:

``reading``   `gateway.websocket.framing.parser` takes any bytes, in any pieces, as another library takes them
``talking``   `gateway.client.session` answers any message, and what it answers can be sent
``visiting``  a gateway in a process of its own, over real sockets, while a witness misses no tick

``streams`` and ``commands`` make what is sent, first as it should be and then damaged; ``campaign`` sends it, counts
what comes of it and looks at the memory.
"""
