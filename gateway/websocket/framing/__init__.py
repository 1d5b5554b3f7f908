"""Bytes to frames and messages, and back. No sockets, no I/O."""
