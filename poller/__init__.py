"""Exchange to bus: a source hears the exchange, the processor makes ticks of it, the publisher sends them.

    source ──Update──▶ intake ──▶ processor ──Tick──▶ publisher ──▶ bus
                          │                             ▲
                          └──▶ quality ──▶ states ─Heartbeat┘

By its files, a tick takes this way (``docs/design.md`` tells it function by function, on to the client):

    exchange ─▶ stream.connection ─▶ coverage.source ─▶ intake ─▶ publishing.publisher ─▶ bus

``venues``      what is an exchange's own: Binance, Coinbase, a simulator, a recording
``coverage``    a source on an exchange's streams: every symbol covered, by its stream or by REST
``stream``      connections to streams, shared out, paced, renewed; a ``dialect`` knows what is said on them
``rest``        an exchange asked by REST, within its limits
``network``     what both need: URLs, bans, pauses, reasons
``source``      what a source of prices says, and to whom
``intake``      where a source's words go
``ticks``       the ``processor``, with a ``book`` of each symbol: what is new, in order, and makes sense becomes a tick
``quality``     of which symbols no quote can be used
``states``      what is true of each symbol, and what is told of it
``publishing``  ticks and heartbeats onto the bus, whatever the bus does: ``publisher``, ``sequencer``, ``heartbeat``

``__main__`` starts ``app``, which puts them together; ``settings`` reads the environment, ``opening`` knows which
source it asks for, ``reload`` brings other settings to a poller that runs, ``metrics`` counts, ``errors`` end a start.
Every arrow is a plain call that never waits for what is behind it. Several pollers may run on one bus: of each venue
one leads, the others stand by (``publishing.leadership``).
"""
