"""The connections of users.

``_connection``  a WebSocket
``_stream``      server-sent events
``_throttle``    how fast a slow reader reads
"""
