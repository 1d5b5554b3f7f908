"""Bytes to frames and messages, and back. No sockets, no I/O.

``frames``   a server's frames, as bytes
``parser``   a client's frames: bytes in, messages out; ``masking`` removes their mask
``deflate``  negotiates compression, and compresses our messages; ``inflate`` reads those of clients
"""
