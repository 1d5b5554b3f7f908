"""The bus on Redis (6.2 or newer) or Valkey. Each part imports only from those below it:

- ``cluster``: the bus on a cluster of servers, beside that on one;
- ``bus``: the four roles on one server, over the connections of one client;
- ``roles``: each role, the scripts that they run on the server, and the layout of their keys;
- ``connection``: connections to the server that ``BUS_URL`` names.
"""
