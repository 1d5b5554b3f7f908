"""What does one delivered tick cost, how late is it, and what does a connection hold? ``python -m bench`` answers.

The server under test has one core to itself; Valkey, the publisher and the clients share another. The same client
drives the gateway and every program in `bench.baselines` in one run. So ratios hold, while absolute figures depend on
the machine and on its neighbours.

    publisher ─▶ Valkey ─▶ server (gateway or baseline) ─▶ client: counts, samples, audits
         └──────────── core 1 ────────────┴─ core 0 ─┴──── core 1 ────┘

Packages, each of which imports only from those above it:

``host``       the machine, processes on its cores and what they use, and the trees that are compared
``feed``       the ticks, and who publishes them
``servers``    what is measured, how each is started, and what may stand before it
``reports``    figures, tables, ratios of two trees, and the picture
``clients``    those that a server serves: many and cheap, or readers of every speed; their audit
``baselines``  other servers than the gateway
``attacks``    what strangers do to a gateway, and how late its clients' prices are meanwhile
``system``     a whole system: CPU time of bus, gateways and front together
``measuring``  one scenario against one server, and the rounds of many
``capacity``   what a number of clients takes: ``python -m bench.capacity``

``scenarios`` are the loads and ``result`` is what a run found: both import nothing of the bench. ``options`` is the
command line of ``__main__``.

``--against COMMIT`` compares this tree with another. ``--front haproxy`` puts HAProxy before the gateway, on its core:
a tick then costs what both use. ``--fronts`` makes a table of all fronts, and of HAProxy in several ways.
``--slow-readers`` measures the age of the prices that a slow reader has in hand, ``--attacks`` how late a client's
prices are during an attack.

Commands of their own, for one question each:

``page``       ``python -m bench.page``: what does the dashboard cost a browser?
``scrape``     ``python -m bench.scrape``: what does a scrape of ``/metrics`` take of a gateway's event loop?
``redis_bus``  ``python -m bench.redis_bus``: what do batches and the channels of symbols cost one Redis?
``incoming``   ``python -m bench.incoming``: what does a tick cost that nobody wants?
``kafka``      ``python -m bench.kafka``: what does Kafka cost as the bus?
"""
