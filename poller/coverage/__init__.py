"""A source on an exchange's streams that keeps every symbol covered: by its stream, or by REST in its place.

``source``      shards, listing and stand-in, put together
``streams``     what a venue brings for it; ``listing``: what it has to know of what is listed
``cover``       which symbols no stream brings, and REST for just those
``watch``       whether a symbol's stream can be relied on, one of these two ways:
``inquiry``     by asking REST about what is quiet; ``staleness``: what is known of each symbol
``heartbeats``  by the heartbeats that the exchange sends of each symbol
"""
