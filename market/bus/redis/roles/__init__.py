"""The six roles of the bus on a Redis or Valkey server.

- ``broker``, ``last_values``, ``tickets``, ``leadership``, ``presence``, ``orders``: each role, with its own commands;
- ``scripts``: what the server does in one step;
- ``layout``: where things lie on the server.
"""
