"""The head of a request as bytes, before aiohttp makes a request of it.

``head``         cuts it from incoming bytes, within the limits of every request
``lines``        its lines, each refused at the first wrong byte
``targets``      what the request is for; a target that names another host is refused
``head_parser``  parses it, and finds requests for a WebSocket
"""
