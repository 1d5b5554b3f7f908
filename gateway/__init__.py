"""Bus to clients. Read it in the order a tick takes:

    bus ─▶ feed ─▶ hub ─▶ group ─▶ cohort ─▶ connection ─▶ client
                    ▲                             │
                    └──────── session ◀───────────┘  commands

``feed``        bus messages in, ticks out; knows the last values, and whether prices are live or stale
``intake``      of what came, the ticks that are ticks, and newer than what is held (``behind``: unless that is wrong)
``states``      what the poller tells of each symbol, and what of that is news
``refusals``    what came and is of no use: counted, and told now and then
``usefulness``  whether a link to the bus that lives is of any use; ``delivery``: do ticks pass?
``hub``         symbol → groups; gives every tick to the groups that hold its symbol; ``registry``: which there are
``group``       cohorts of one pace, and what is pending for all of them
``cohort``      the connections that want exactly the same; one blob for all of them per flush
``pace``        when a group flushes: at once when quiet, after a rest when busy, on a beat when asked
``window``      how much may be on its way to a client that has not read it: pings behind the data
``bursts``      states of many symbols at once, in pieces
``catching_up`` who does not drain or read, and its way back; ``arrears``: what it is owed; ``laggards``: when to look
``connection``  one socket: writes, or lags; never waits
``buffers``     what is kept for clients that do not read, or do not finish a message, and how long
``turns``       how much of what clients send is worked on before others have their go
``frames``      the WebSocket frames of a server
``reader``      WebSocket frames of clients: bytes in, messages out
``budget``      who pays for a message, and whether it can; ``costs``: how much it is
``farewell``    the end of a connection, from our close frame on
``commands``    the bytes of a client's message → a command, or what is wrong with them
``session``     one client's conversation: a command in, replies and wishes out, no I/O
``protocol``    the messages, as types
``encodings``   what a client can choose to speak: ``json_encoding``, ``msgpack_encoding``
``encoding``    one object for each of them: reads commands, writes messages, ticks, snapshots and batches
``closing``     why a connection ends, and whether to come back

Before that, a client has to come in:

    accepted ─▶ arrivals ─▶ entrance ─▶ upgrade ─▶ conversation (session + connection, and standing)

``arrivals``    accepted connections until the first request of each is whole
``heads``       the head of a request cut from what comes, and its limits; ``lines``: what can be none
``asking``      whether a head asks for a WebSocket; ``targets``: whom a request means
``charges``     what requests cost, and whom; ``grace``: who is heard although it met a limit
``entrance``    who may come in: name, origin, address, token, room; ``limit_log``: who was told that it may not
``handshake``   the answer to a WebSocket handshake
``standing``    where a client stands with its token, until when
``auth``        tokens to grants: signatures, keys, claims, tickets

``requests`` and ``http`` take requests over plain HTTP, ``pages`` is the dashboard, ``app`` puts it all together,
``settings`` reads the environment, ``reload`` brings other settings to a gateway that runs. ``serving`` listens, and
``worker`` does so under gunicorn. When a gateway goes away, ``probes`` knows which balancers must hear of it, and
``succession`` which other process serves the same socket.

Everything from ``feed`` to ``connection`` is plain calls: nothing waits for a client, so no client delays another.
"""
