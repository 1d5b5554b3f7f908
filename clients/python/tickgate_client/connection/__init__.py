"""The decisions about a connection, without I/O.

``liveness``     whether the gateway still speaks
``backoff``      when to connect again
``credentials``  whether there is another token, and when to get it
``clock``        the gateway's time
"""
