"""The bus on Redis (6.2 or newer) or Valkey.

- `bus` puts the roles together: `broker`, `last_values`, `tickets`, `leadership`, each with the commands of its own;
- `scripts` has what the server does in one step, `layout` says where things lie on it;
- `client` asks, over a `pool` of connections that are asked one thing at a time (`pipe`), and explains `faults`;
- `subscription` is a connection that listens;
- `adapter` holds everything of redis-py that is not public, `commands` the protocol's requests;
- `url` and `tls` read ``BUS_URL``.
"""
