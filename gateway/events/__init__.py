"""Server-sent events (HTML Living Standard, section 9.2): an answer over HTTP that lasts, one more kind of connection.

``stream``      one socket: what it sends, and its end; it reads nothing
``unread``      how much of what was written the client has not read
``head``        the head of the answer
``messages``    the events that a WebSocket has other means for: a sign of life, and the reason of the end
``heartbeats``  signs of life for all streams
"""
