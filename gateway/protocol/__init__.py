"""The messages between client and gateway: their types, and their bytes in each encoding.

``messages``       the types; docs/protocol.md is made of them
``channels``       the kinds of updates of a symbol, and their topics in the fan-out
``served_symbol``  one symbol in the answer to ``symbols``
``commands``       the bytes of a client's message → a command, or what is wrong with them
``mistakes``       the words about what is wrong with a command
``forms``          ticks with their bytes in each form, made once for all clients
``encoding``       one object per encoding: it reads commands and writes messages, ticks, snapshots and batches
``encodings``      those that clients can choose: ``json_encoding``, ``msgpack_encoding``
"""
