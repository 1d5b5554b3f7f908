"""Connections to an exchange's streams.

``shard``          some symbols, always on one connection; replaced, renewed, made again
``connection``     one connection from its opening to its end
``subscriptions``  what it asks for, until it is granted
``dialect``        what is an exchange's own: bytes in, updates out
``order_book``     the top of a book that an exchange tells by its levels, for dialects; ``timestamps``: its times
``peer``           what is known of its servers
``limits``         what it allows; ``timing``: our patience
"""
