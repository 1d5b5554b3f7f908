"""All I/O of the client.

``driver``  carries out what the core wants, in an event loop
``dial``    makes one WebSocket connection
"""
