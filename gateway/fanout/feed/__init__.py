"""What comes from the bus: ticks, states, and whether prices are live or stale.

``feed``             the link to the bus: ticks and heartbeats, and the last values after an outage
``venue_feed``       whether one venue's prices are live or stale, by its poller's heartbeats
``intake``           of what came, the ticks that are ticks and newer than what is held
``seq_regressions``  symbols whose ticks have lower numbers than the one held
``states``           the states of one venue's symbols, and what of them is news; ``states_by_venue``: of all venues
``states_reader``    reads all of them from the store
``bus_link_health``  whether a bus link that lives is of any use; ``delivery``: whether ticks pass
``refusals``         what came and is of no use: counted, and logged now and then
"""
