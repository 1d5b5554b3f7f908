"""From the bus to the hub: ticks, states, and whether prices are live or stale.

``feed``             the link to the bus: receives ticks and heartbeats, and reads the last values after an outage
``subscription``     what a link subscribes to: batches of ticks, or the channels of symbols
``last_values``      reads the last values, also when a link that goes on has missed something
``venue_feeds``      those of all venues together; ``venue_feed``: whether one's prices are live, by its heartbeats
``intake``           lets through ticks that are valid, and newer than the one held
``stats``            the newest figures of 24 hours of each symbol, and the listings of venues
``continuity``       where something may be missing between two messages
``seq_regressions``  symbols whose ticks have lower numbers than the one held
``symbol_states``    the states of symbols, venue by venue, and which changes go to clients
``bus_link_health``  whether a link that is up delivers anything useful; ``delivery``: whether ticks arrive
``refusals``         messages that cannot be used: counted, and logged now and then
"""
