"""What all processes share: ticks, symbols, their bytes on the bus, and the bus itself.

``market`` imports nothing else of this project. The way of a tick through it:

    poller: Tick ─▶ topics, codec ─▶ Broker.publish ─▶ Receiver ─▶ codec ─▶ Tick: gateway

``prices``   ticks, symbols, instruments and venues
``status``   the poller's report: heartbeats, and the states of symbols
``codec``    ticks, heartbeats and states as bytes
``topics``   their topics on the bus, and what is published together
``bus``      carries bytes by topic, in four roles; it knows none of the above
``config``, ``environ``, ``hangup``, ``logs``, ``tasks``, ``proxy``   what every program needs to run
"""
