"""Commands to the nodes of a cluster.

- ``url``: reads ``BUS_URL``;
- ``slots``: the hash slot of a key, and which node has it;
- ``pipe``: one connection to a node, with many commands under way;
- ``one_per_node`` and ``nodes``: one pipe to each node;
- ``topology``: asks nodes who has which slot;
- ``routing``: finds the node of a slot, wherever that is by now;
- ``client``: sends commands.
"""
