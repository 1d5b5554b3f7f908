"""What does one delivered tick cost, how late is it, and what does a connection hold? ``python -m bench`` answers.

The server under test has one core to itself; Valkey, the publisher and the clients share another. The same client
drives the gateway and every program in `bench.baselines` in one run. So ratios hold, while absolute figures depend on
the machine and on its neighbours.

    publisher ─▶ Valkey ─▶ server (gateway or baseline) ─▶ client: counts, samples, audits
         └──────────── core 1 ────────────┴─ core 0 ─┴──── core 1 ────┘

`scenarios` has the loads, `measure` runs one scenario against one server, `report` compares the figures with the
promises, `picture` draws them. The poller is measured alone: `updates` runs `poller_cost`.

``--against COMMIT`` compares this tree with another: `trees` copies both, `against` measures them in turns, `ratios`
says which is slower.

`system` measures a whole system: the scenario ``system`` counts the CPU time of bus, gateways and front together,
``crowd`` holds as many clients as the machine's limit of open files allows.

``--front haproxy`` puts HAProxy before the gateway, on its core: a tick then costs what both use. ``--fronts`` makes a
table of all fronts, and of HAProxy in several ways: `front` starts each, `fronts` measures them in turns. One is
a gateway that ends TLS: `certificate` makes what it shows, and a `connection` of the clients speaks TLS.

``--slow-readers`` measures the age of the prices that a slow reader has in hand, straight and through HAProxy: `stack`
starts a gateway at its default limits, `readers` read, `slow_readers` makes the table. ``--attacks`` measures how late
a client's prices are during an attack: `attacks` has the kinds, `attacker` and `victim` are the processes, `attacked`
runs them, `attack_table` makes the table.

``python -m bench.scrape`` says what a scrape of ``/metrics`` takes of a gateway's event loop, and in what pieces.
"""
