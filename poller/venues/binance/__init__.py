"""Binance spot.

``venue``          the entry in the registry
``streams``        ``binance-ws``: the exchange-specific part of a source on its streams
``dialect``        the requests and limits of streams; ``messages``: the meaning of all messages
``summaries``      the figures of 24 hours in them
``rest_source``    ``binance-rest``: prices by REST alone
``rest``           the REST requests for prices; ``queries``: how they name symbols; ``weight``: their costs
``listing``        how it lists our symbols; ``exchange_info``: reads its answers
"""
