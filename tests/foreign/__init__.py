"""Clients made with other people's WebSocket libraries, against a gateway: ``make foreign``.

Each folder has a program that is given a URL, a way to compress (``deflate``, ``plain`` and what the library knows
besides) and messages. It connects, prints ``{"extensions": …}`` with what was negotiated, sends the messages in order,
compressed where it can, prints every message that it gets, one a line, and leaves with 1000 after the third batch. It
ends with 0 where all of that went well.
"""
