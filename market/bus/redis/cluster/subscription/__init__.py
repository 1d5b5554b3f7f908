"""The subscription to a cluster: the channels of every partition, wherever they are.

- ``subscription``: all partitions, each on the node that has it;
- ``node_link``: one connection to a node, for pub/sub.
"""
