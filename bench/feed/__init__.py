"""The prices that servers are fed.

``ticks``          ticks of one length
``publisher``      the process that publishes them on Redis; ``bus_publisher``: on any other bus
"""
