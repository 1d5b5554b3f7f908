"""The bus on a Redis or Valkey Cluster (Redis 7 or newer): every partition lies in one hash slot, and moves as a whole.

- ``bus``: the four roles on a cluster;
- ``roles``: each role, the scripts that they run, and the layout of their keys;
- ``subscription``: reads the channels of all partitions, and follows them to other nodes;
- ``connection``: which node has which slot, and commands to that node.
"""
