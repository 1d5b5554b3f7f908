"""Binance's market streams and REST, for clients that were written for Binance: ``docs/binance.md``.

The messages go through the same hub and cohorts as all others. What is Binance's own is here:

``names``      the streams that there are, and their names
``target``     a request's URL: which streams, wrapped or not, times in milliseconds or microseconds
``commands``   the messages of clients, and the answers and errors
``decimals``   numbers as Binance writes them
``day``        the figures of 24 hours
``payloads``   the messages of each stream, without their wrapper
``encoding``   the frames of a connection's streams: one object for all that take the same
``session``    one client's streams, without I/O: a command in; an answer and a subscription out
``client``     a session over a connection, with Binance's limits
``endpoint``   what the clients of one gateway share; makes them
``requests``   the parameters of requests for REST, and the errors about them
``weights``    what requests weigh, and what each address has used
``listing``    the answer to ``exchangeInfo``
``rest``       the answers to requests for ``/api/v3``
"""
