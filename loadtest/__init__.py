"""A load test that checks every message: ``locust -f loadtest``.

Locust imports every module here whose name has no underscore in front, so only `locustfile` has none.
`_frames` turns bytes into messages, `_messages` types them, `_checks` finds gaps and wrong prices,
`_session` is one connection's protocol, `_tally` collects latencies, `_close_codes` decides what to do after a
close. None of those six knows Locust, gevent or a socket.
`_shapes` says how many users there are at which time, and `_report` what a run found.
"""
