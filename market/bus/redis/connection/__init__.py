"""Connections to a Redis or Valkey server, over which every role asks or listens.

- ``url`` and ``tls``: read ``BUS_URL``;
- ``client``: dials, and asks over a ``pool`` of connections that are asked one thing at a time (``pipe``);
- ``subscription``: a connection that listens;
- ``faults``: why a connection failed, in words, with the fix;
- ``commands``: the protocol's requests as bytes;
- ``adapter``: everything of redis-py that is not public.
"""
