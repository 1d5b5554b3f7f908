"""What a gateway sends and how, without a socket.

``_frames``       bytes to WebSocket messages; ``_events``: to server-sent events
``_encodings``    payloads to messages
``_messages``     their types
``_close_codes``  what to do after a close
"""
