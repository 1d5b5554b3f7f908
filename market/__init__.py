"""The code that all processes share: prices, the bus, the messages on the bus, and what every program needs.

``market`` imports no other package of this project. The way of a tick through it:

    poller: Tick ─▶ wire.topics, wire.codec ─▶ Broker.publish ─▶ Receiver ─▶ wire.codec ─▶ Tick: gateway

Three packages stand above the others and do not know each other:

``settings``  a program's settings, at the start and again on SIGHUP: environment, file, proxy
``wire``      the messages of the processes on the bus: topics, payloads, heartbeats and states

``metrics``   what programs measure of themselves, as Prometheus reads it

One stands below them:

``bus``       carries bytes by topic, in four roles; it knows no prices

Two stand side by side below that:

``prices``    ticks, symbols, instruments and venues; it knows no bus
``process``   log lines, printable text, and how tasks end

``errors`` has the base class of their errors.
"""
