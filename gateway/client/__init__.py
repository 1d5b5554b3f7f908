"""One client, from its welcome to its end.

``welcome``         a connection and a session are made, and the client is welcomed
``client``          a session over a connection: what a client asks for is done; at its end all that it held is given up
``names``           the names in a message: the symbols that they mean
``listing``         the symbols that there are, with what the gateway knows of each
``channels``        the words about what it holds, or no longer holds, in each channel
``suggestions``     the words about names that mean none: which symbols were probably meant
``session``         its protocol without I/O: a command in; replies, a subscription and snapshots out
``option_sets``     what it holds, each symbol with the options that it was subscribed to with
``token_lifetime``  where it stands with its token, until when
``costs``           what its messages cost, in tokens of the rates of messages
"""
