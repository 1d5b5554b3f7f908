"""A load test that checks every message: ``locust -f loadtest``.

Locust imports every module here whose name has no underscore in front, so only `locustfile` has none.
`_frames` and `_events` turn bytes into messages, `_messages` types them, `_checks` finds gaps and wrong prices,
`_session` is one connection's protocol, `_trade` that of ``/ws/trade``, `_findings` what both report, `_tally` collects
latencies, `_close_codes` decides what to do after a close. `_kinds` are the kinds of users, and `_encodings` how they
write and read; `_throttle` is how fast a slow one reads. None of those knows Locust, gevent or a socket.
`_connection` is a WebSocket, `_stream` server-sent events, and `_tokens` makes a token for each user.
`_options` are those of the command line, `_shapes` says how many users there are at which time, and `_report` what a
run found.
"""
