"""The head of a request as bytes, before aiohttp makes a request of it.

``head``     cuts it from what comes, within the limits that every request has
``lines``    its lines, each refused at the first wrong byte
``targets``  what the request is for; one that names another host is refused
``head_parser``  whether it asks for a WebSocket
"""
