"""Bus to clients. A tick passes through these files, and none of them waits for a client:

    bus ─▶ fanout.feed.subscription ─▶ fanout.feed.intake ─▶ fanout.hub ─▶ fanout.pacing.pending
        ─▶ fanout.pacing.flush_scheduler ─▶ fanout.cohorts.group ─▶ fanout.cohorts.cohort ─▶ websocket.writer ─▶ client

A handshake passes through these; from ``client.client`` on, so does the first subscribe:

    accepted ─▶ admission.acceptor ─▶ http.upgrade ─▶ client.welcome ─▶ websocket.connection ─▶ client.client
        ─▶ fanout.hub ─▶ fanout.cohorts.cohort ─▶ websocket.writer ─▶ first snapshots

``docs/design.md`` lists the functions of both ways, each file once (``tests/test_walks.py`` checks that).

The packages. Each imports only from those below it (``tests/test_tree.py`` checks that):

``http``        plain HTTP: pages, probes, metrics, tickets, the upgrade to a WebSocket, and the server that listens
``binance``     the same prices for clients that were written for Binance: its streams, commands and REST
``client``      one client: its connection, its session, its token, and what its messages cost
``events``      server-sent events: bytes, sockets; one more kind of connection beside ``websocket``
``fanout``      ticks from the bus to every connection that holds their symbol; slow clients get the newest ones only
``admission``   decides who may connect, and limits each client: names, addresses, rates, counts
``protocol``    the messages between client and gateway: their types, and their bytes in each encoding
``auth``        tokens to grants: signatures, keys, claims, tickets
``websocket``   RFC 6455 and 7692: bytes, frames, sockets; knows no prices
``web``         the files of the page

The modules beside them: ``__main__`` and ``worker`` are the two ways to start a gateway, alone and under gunicorn.
``app`` puts a gateway together. ``hosting`` sees that gunicorn runs it with its own worker. ``gateway`` holds its
parts, and is what drains when it goes away. ``fleet`` knows the deployment's other processes, for
operators and for ``comparison`` with them. ``orders`` obeys what operators tell all gateways. ``scrape`` is what
Prometheus reads. ``settings`` reads the environment, ``reload`` brings other settings to a gateway that runs.
``metrics`` counts, ``errors`` has the base of what is raised.
``log_events`` has what the log may say.
"""
