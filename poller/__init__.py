"""Exchange to bus: a source receives updates, the processor makes ticks of them, the publisher sends the ticks.

    source ──Update──▶ intake ──▶ processor ──Tick──▶ publisher ──▶ bus
                          │                             ▲
                          └──▶ quality ──▶ states ─Heartbeat┘

A tick passes through these files (``docs/design.md`` lists the functions, and the way on to the client):

    exchange ─▶ stream.connection ─▶ coverage.source ─▶ intake ─▶ publishing.publisher ─▶ bus

``venues``      the code of each venue: Binance, Coinbase, a simulator, a recording
``coverage``    a source that covers every symbol, by its stream or by REST
``stream``      stream connections: sharding, pacing, renewal; a ``dialect`` encodes and parses the exchange's messages
``rest``        REST requests, within the exchange's limits
``network``     shared by both: URLs, bans, backoff, reasons of faults
``source``      the interfaces of a source and of its listener
``intake``      passes a source's reports on
``ticks``       the ``processor``, with a ``book`` per symbol: updates that are new, in order and plausible become ticks
``quality``     the symbols without a usable quote
``states``      the state of each symbol, and the state that was published
``publishing``  ticks and heartbeats onto the bus, also through its faults: ``publisher``, ``sequencer``, ``heartbeat``

``__main__`` starts ``app``, which connects the parts. ``settings`` reads the environment, ``opening`` opens the source
that it names, ``reload`` applies new settings to a running poller, ``metrics`` counts, ``presence`` tells operators how
the poller is, ``errors`` end a start, ``log_events`` has what the log may say.
Every arrow is a plain call that never waits for the next part. Several pollers may run on one bus: for each venue
one leads and the others stand by (``publishing.leadership``).
"""
