"""WebSockets (RFC 6455 and 7692): bytes, frames and sockets. Nothing here knows a price or a command.

``handshake``          the answer to a request; ``header_fields`` reads the lists in its headers
``framing``            bytes to frames and messages, and back; no I/O
``connection``         one socket after the handshake: what it sends and what it receives
``writer``             its half that writes: at once, or it says that the client is slow; it never waits
``read_scheduler``     how much of what clients send is worked on in one turn of the event loop
``buffering``          what is kept in memory for clients that do not read, or do not finish a message
``numbered_pings``     pings that carry a number, and the pongs that answer them
``keepalive``          finds dead peers
``closing_handshake``  the end of a connection, from our close frame on
``close_codes``        why a connection ends, and whether its client should come back
``sockets``            options of sockets
"""
