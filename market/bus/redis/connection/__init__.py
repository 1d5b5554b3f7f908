"""Connections to a Redis or Valkey server, for commands and for subscriptions.

- ``url``, ``url_parts`` and ``tls``: read ``BUS_URL``;
- ``dial``: makes a connection;
- ``primary``: where to: an address that stays the same, or the server that Sentinels name (``sentinel``);
- ``client``: sends commands over a ``pool`` of connections with one command at a time (``pipe``);
- ``subscription``: a connection for pub/sub;
- ``faults``: why a connection failed, in words, with the fix;
- ``commands``: the protocol's requests as bytes;
- ``adapter``: everything of redis-py that is not public.
"""
