"""Where prices come from.

``registry``   every venue by its name; ``venue``: what one brings
``binance``    Binance spot, by streams or by REST
``coinbase``   Coinbase Exchange, by streams
``auto``       a venue where it answers, else the simulator until it does
``simulated``  prices of an exchange that does not exist
``replay``     a recording
"""
