"""Exchange to bus: a source hears the exchange, the processor makes ticks of it, the publisher sends them.

    source ──Update──▶ intake ──▶ processor ──Tick──▶ publisher ──▶ bus
                          │                             ▲
                          └──▶ quality ──▶ states ──Beat┘

``sources``    adapt one exchange each: Binance by its streams or by REST, a simulator, a recording
``intake``     where a source's words go
``processor``  the ``book`` of each symbol: what is new, in order, and makes sense becomes a tick
``readings``   decimal strings as integers; ``scaling``: the scales of one tick
``quality``    of which symbols no quote can be used
``states``     what is true of each symbol, and what is told of it
``publisher``  ticks and beats onto the bus, whatever the bus does (``outbox``, ``beats``, ``numbering``)

``app`` puts them together; every arrow is a plain call that never waits for what is behind it. Several pollers
may run on one bus: one of them leads, the others stand by (``lease``).
"""
