"""A source on an exchange's streams that covers every symbol: by its stream, or by REST in its place.

``source``      connects shards, listing and stand-in
``streams``     the venue's part of it; ``listing``: how the exchange lists our symbols
``cover``       finds the symbols without a stream, and has REST cover just those
``feed_link``   the link as a whole: up again with the first price after an interruption
``watch``       whether a symbol's stream is reliable, in one of two ways:
``inquiry``     by REST requests about quiet symbols; ``staleness``: the evidence about each symbol
``heartbeats``  by the exchange's heartbeats of each symbol
"""
