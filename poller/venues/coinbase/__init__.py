"""Coinbase Exchange: top of book from ``level2_batch``, last trades from ``ticker``.

``venue``     the entry in the registry
``streams``   ``coinbase-ws``: the exchange-specific part of a source on its streams
``dialect``   the requests, limits and messages of streams
``products``  its listing
"""
