"""A load test that checks what it is sent: ``locust -f loadtest``.

Locust imports every module here whose name does not begin with an underscore, so only `locustfile` lacks one.
`_frames` turns bytes into messages, `_messages` types them, `_checks` finds gaps and wrong prices,
`_session` is one connection's protocol, `_tally` collects latencies, `_close_codes` tells how to go on after a
close. None of those six knows Locust, gevent or a socket.
"""
