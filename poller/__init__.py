"""Exchange to bus: a source hears the exchange, the processor makes ticks of it, the publisher sends them.

    source ──Update──▶ processor ──Tick──▶ publisher ──▶ bus

``app`` puts them together; every arrow is a plain call that never waits for what is behind it. Several pollers
may run on one bus: one of them leads, the others stand by (``lease``).
"""
