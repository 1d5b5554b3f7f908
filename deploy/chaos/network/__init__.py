"""Faults of the network: connections that are cut, and packets that are dropped, of the deployment alone.

``kernel``       has the kernel make them, by nftables and ``ss``
``rules``        the text of a table of nftables
``group``        a cgroup for one process, by which nftables knows its packets
``connections``  the connections of a process
"""
