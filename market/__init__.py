"""What all processes share: ticks, symbols, their bytes on the bus, and the bus itself.

``market`` imports nothing else of this project. The way of a tick through it:

    poller: Tick ─▶ topics, codec ─▶ Broker.publish ─▶ Receiver ─▶ codec ─▶ Tick: gateway

``prices``   ticks, symbols, instruments and venues
``wire``     what is said on the bus: ticks, heartbeats and states as bytes, and their topics
``bus``      carries bytes by topic, in four roles; it knows none of the above
``config``, ``environ``, ``proxy``, ``hangup``, ``changes``   a program's settings, at the start and again
``process``  log lines, and ends of tasks
"""
