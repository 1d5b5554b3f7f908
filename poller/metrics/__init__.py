"""How an operator sees a poller.

``families``  what Prometheus reads: the plain integers of the other parts, at each scrape
``server``    the port for operators: metrics, health and readiness
"""
