"""Each role of the bus on a cluster.

- ``broker``, ``last_values``, ``leadership``, ``tickets``: the roles;
- ``scripts``: what they run on the nodes;
- ``layout``: the keys and channels of a partition, and the number of partitions.
"""
