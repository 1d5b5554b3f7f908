"""The bus on Redis (6.2 or newer) or Valkey.

- `bus` puts the roles together: `broker`, `last_values`, `tickets`, `leadership`, each with the commands of its own;
- `scripts` has what the server does in one step, `layout` says where things lie on it;
- ``connection`` reaches the server that ``BUS_URL`` names: it asks and it listens.
"""
