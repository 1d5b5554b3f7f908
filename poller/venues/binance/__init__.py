"""Binance spot.

``venue``          as the registry has it
``streams``        ``binance-ws``: what is its own about a source on its streams
``dialect``        what is sent on them, and what they allow; ``messages``: what all its messages mean
``rest_source``    ``binance-rest``: prices by REST alone
``rest``           how REST is asked for prices; ``queries``: how symbols are named; ``weight``: what it costs
``listing``        what it lists of our symbols; ``exchange_info``: how it says so
"""
