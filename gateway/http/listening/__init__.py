"""How connections come in, before anything is read as HTTP.

``announced``    connections that begin with a PROXY header
``tls``          TLS that a gateway ends itself
``shared_port``  leaves a port that several processes listen on
``succession``   which process accepts on a socket that several share
"""
