"""The five roles of the bus on a Redis or Valkey server.

- ``broker``, ``last_values``, ``tickets``, ``leadership``, ``presence``: each role, with the commands of its own;
- ``scripts``: what the server does in one step;
- ``layout``: where things lie on the server.
"""
