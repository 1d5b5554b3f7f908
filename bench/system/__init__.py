"""The whole system in one measurement: bus, gateways and front, each part's CPU time, and the clients' ticks.

``running`` starts the programs of a scenario and opens its clients. ``reading`` is what all parts used until a moment.
``window`` is what happened between two. ``fronts`` has what may stand before the gateways. ``kafka`` puts a broker
in the place of Redis. ``scenarios`` runs the scenarios of this kind: ``system`` and ``crowd``.

    publisher ─▶ bus ─▶ gateways ─▶ (front ─▶) clients
"""
