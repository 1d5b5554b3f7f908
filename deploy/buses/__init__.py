"""The buses that ``tickgate run`` and ``tickgate cluster`` can start on this machine. ``BUS`` names one.

- ``registry``: finds the one that is wanted; a new bus is a module here, and one line there;
- ``servers``: what each of them is: programs, and the variables by which poller and gateways find them;
- ``valkey``: one Valkey server, which is the default;
- ``kafka``: one broker of Apache Kafka, and a Valkey server as its store;
- ``sentinel``: a primary, two replicas and three Sentinels;
- ``valkey_cluster``: a Valkey Cluster, of three primaries with a replica each.
"""
