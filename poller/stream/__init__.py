"""Connections to an exchange's streams.

``shard``          some symbols on one connection, which it replaces, renews and reopens
``connection``     one connection from its opening to its end
``subscriptions``  the requests of a connection, until they are granted
``dialect``        the exchange-specific part: messages in, updates out
``order_book``     for dialects: the top of a book that is sent by levels; ``timestamps``: times in messages
``peer``           what is known of the exchange's servers
``limits``         the exchange's limits; ``timing``: our timeouts
"""
