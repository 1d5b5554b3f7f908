"""The platform on several machines, in small: network namespaces as hosts, and the faults of networks between them.

``namespaces``  a network namespace: enter it, run a program in it
``network``     hosts and the router between them; partition, one-way loss, a pulled cable, a host that dies
``buses``       the buses that the platform can run on, by name: ``valkeys``, ``valkey_cluster``, ``brokers``
``fronts``      what can stand before the gateways, by name
``visitor``     a client on a host that comes back by itself and keeps a diary
``site``        the platform: each part of it on a host of its own
``scenario``    one fault: begun, ended, and what visitors saw of it
``table``       a line of it in `docs/faults.md`
``steps``       what happens to hosts in a scenario
``catalogue``   all scenarios; ``bus_faults`` has those of buses of several hosts

``python -m tests.integration.hosts`` runs them and prints the table of `docs/faults.md`.
"""
