"""Bytes to frames and messages, and back. No sockets, no I/O.

``frames``   frames of a server, as bytes
``parser``   frames of a client: bytes in, messages out; ``masking`` takes their mask off
``deflate``  how compression is agreed on, and compressed messages of ours; ``inflate`` those of clients
"""
