"""The sources of prices.

``registry``   every venue by its name; ``venue``: what a venue must have
``binance``    Binance spot, by streams or by REST
``coinbase``   Coinbase Exchange, by streams
``auto``       a venue if it answers, else the simulator until it does
``simulated``  prices of an exchange that does not exist
``simulated_day``  the figures of 24 hours of those
``replay``     a recording
"""
