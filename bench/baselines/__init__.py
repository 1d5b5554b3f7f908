"""The servers that the gateway is measured against, and the feeds that they are given.

``floor``       C: send() alone
``send_str``    aiohttp; ``broadcast``: websockets
``nats``        NATS over WebSocket; ``centrifugo``: Centrifugo, fed by NATS

Those for Node are beside them.
"""
